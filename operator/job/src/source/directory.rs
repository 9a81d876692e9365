//! Restores into a directory: the file as it is in the snapshot.

use crate::contract::{Input, Part};
use crate::failure::Failure;
use std::path::{Path, PathBuf};
use tokio::io::AsyncWriteExt;
use zentoria_types::backup_job::JobError;

/// Writes the part below the directory, at its own path, and tells where. What is there already is never overwritten.
///
/// # Errors
/// [`JobError::TargetFailed`], when the directory cannot be written to.
pub async fn write(directory: &Path, part: &Part, bytes: Input<'_>) -> Result<PathBuf, Failure> {
    let path = directory.join(part.path.trim_start_matches('/'));
    let failed = |error: std::io::Error| Failure::new(JobError::TargetFailed, format!("{}: {error}", path.display()));
    if let Some(parent) = path.parent() {
        tokio::fs::create_dir_all(parent).await.map_err(failed)?;
    }
    let mut file =
        tokio::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).await.map_err(failed)?;
    tokio::io::copy(bytes, &mut file).await.map_err(failed)?;
    file.flush().await.map_err(failed)?;
    file.sync_all().await.map_err(failed)?;
    Ok(path)
}

/// A name as a part of a path: what is not a letter, a digit, `_`, `-` or `.` is written as `%41` is, and so is a
/// leading `.`.
#[must_use]
pub fn file_name(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for (at, byte) in name.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || b"_-".contains(&byte) || (byte == b'.' && at > 0);
        if plain {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::file_name;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    #[test]
    fn a_name_can_never_leave_its_directory() {
        for (name, expected) in
            [("app", "app"), ("a.b-c_1", "a.b-c_1"), ("..", "%2E."), ("a/b", "a%2Fb"), ("ü", "%C3%BC"), ("", "")]
        {
            assert_eq!(file_name(name), expected);
        }
    }

    proptest! {
        #[test]
        fn two_names_are_never_one_file(one in any::<String>(), other in any::<String>()) {
            prop_assert_eq!(file_name(&one) == file_name(&other), one == other);
            prop_assert!(!file_name(&one).contains('/') && !file_name(&one).starts_with('.'));
        }
    }
}
