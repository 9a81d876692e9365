//! `kubectl` as a person uses it: for what a client library does not do shortly, and for what the tests show people to do.

use std::io::Write;
use std::process::{Command, Stdio};

/// Runs it, and returns what it printed.
///
/// # Errors
/// With what it said, when it failed.
pub fn run(arguments: &[&str], input: Option<&str>) -> Result<String, String> {
    let mut command = Command::new("kubectl");
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.spawn().map_err(|error| format!("kubectl: {error}"))?;
    if let (Some(text), Some(mut stdin)) = (input, child.stdin.take()) {
        stdin.write_all(text.as_bytes()).map_err(|error| format!("kubectl does not read: {error}"))?;
    }
    let output = child.wait_with_output().map_err(|error| format!("kubectl: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(format!("kubectl {}: {}{}", arguments.join(" "), text(&output.stdout), text(&output.stderr)))
    }
}
