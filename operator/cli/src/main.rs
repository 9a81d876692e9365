//! `kubectl zentoria`: flags, then one function.

use clap::Parser;
use std::io::Write;
use std::process::ExitCode;
use zentoria_cli::{Exit, options::Cli, run};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let answer = runtime.block_on(run(cli));
    for line in &answer.asides {
        eprintln!("{line}");
    }
    // Who reads no further (`| head`) is not told about it.
    let told = std::io::stdout().write_all(answer.page.as_bytes());
    match (answer.exit, told) {
        (exit, Ok(())) => ExitCode::from(exit.code()),
        (Exit::Done, Err(_)) => ExitCode::FAILURE,
        (exit, Err(_)) => ExitCode::from(exit.code()),
    }
}
