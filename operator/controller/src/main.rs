//! The operator's process: flags, log, then one function.

use clap::Parser;
use std::process::ExitCode;
use zentoria_operator::{operator, options::Options, runtime::logging};

fn main() -> ExitCode {
    let options = Options::parse();
    if let Err(error) = logging::init(options.log_format, &options.log_filter) {
        eprintln!("zentoria-operator: {error}");
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("zentoria-operator: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(operator::run(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "ends");
            ExitCode::FAILURE
        }
    }
}
