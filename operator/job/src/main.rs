//! `zentoria-job`: see the library.

#[tokio::main]
async fn main() -> std::process::ExitCode {
    zentoria_job::cli::main(zentoria_job::source::of).await
}
