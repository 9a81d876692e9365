//! Flags of the operator.

use crate::runtime::logging::LogFormat;
use clap::Parser;
use std::net::SocketAddr;
use std::time::Duration;

/// Runs LXC containers on Proxmox VE from Kubernetes manifests.
#[derive(Clone, Debug, Parser)]
#[command(name = "zentoria-operator", version)]
pub struct Options {
    /// The operator's own namespace: Secrets of ProxmoxClusters and the Lease are there.
    #[arg(long, env = "POD_NAMESPACE", default_value = "zentoria-system")]
    pub namespace: String,

    /// Serve only ProxmoxClusters with this label (KEY=VALUE), the containers that refer to them, and the
    /// BackupRepositories, BackupPolicies, BackupRestores and ModelPulls with the same label.
    #[arg(long, value_parser = parse_label)]
    pub cluster_selector: Option<(String, String)>,

    /// Image of the Jobs of backups, where a BackupRepository or BackupPolicy names no other.
    #[arg(long, default_value = concat!("ghcr.io/zentoria/zentoria-jobs:", env!("CARGO_PKG_VERSION")))]
    pub jobs_image: String,

    /// How often model servers are asked for their models.
    #[arg(long, default_value = "1m", value_parser = parse_duration)]
    pub model_poll: Duration,

    /// Reach IP:PORT at 127.0.0.1:PORT instead (IP:PORT=127.0.0.1:PORT; can be repeated). With it no other address is
    /// contacted.
    #[arg(long)]
    pub dial_map: Vec<String>,

    /// Where /healthz, /readyz and /metrics are served; port 0 takes a free one.
    #[arg(long, default_value = "0.0.0.0:8080")]
    pub http_address: SocketAddr,

    /// Wait for the Lease before anything is written. Only for a single replica may it be false.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    pub leader_elect: bool,

    /// Name of the Lease.
    #[arg(long, default_value = "zentoria-operator")]
    pub lease_name: String,

    /// How long a Lease holds without being renewed.
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    pub lease_duration: Duration,

    /// After so long without a renewal the leader stops writing; shorter than the Lease holds.
    #[arg(long, default_value = "7s", value_parser = parse_duration)]
    pub renew_deadline: Duration,

    /// Between two tries to renew or to acquire.
    #[arg(long, default_value = "2s", value_parser = parse_duration)]
    pub retry_period: Duration,

    /// The first pause after a failure; it doubles up to --backoff-max.
    #[arg(long, default_value = "5s", value_parser = parse_duration)]
    pub backoff_base: Duration,

    /// The longest pause after failures.
    #[arg(long, default_value = "5m", value_parser = parse_duration)]
    pub backoff_max: Duration,

    /// Form of the log.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// What is logged, as in RUST_LOG.
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    pub log_filter: String,
}

fn parse_label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("a label is KEY=VALUE")?;
    if key.is_empty() { Err("a label is KEY=VALUE".to_owned()) } else { Ok((key.to_owned(), value.to_owned())) }
}

/// `10s`, `200ms`, `5m`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let error = || format!("{text:?} is not a duration such as 10s, 200ms or 5m");
    let end = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
    let number: u64 = text[..end].parse().map_err(|_| error())?;
    match &text[end..] {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs).ok_or_else(error),
        _ => Err(error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_labels_are_read_as_documented() {
        assert_eq!(parse_duration("200ms"), Ok(Duration::from_millis(200)));
        assert_eq!(parse_duration("5m"), Ok(Duration::from_secs(300)));
        assert!(parse_duration("10").is_err() && parse_duration("s").is_err() && parse_duration("1h").is_err());
        assert_eq!(parse_label("a/b=c"), Ok(("a/b".into(), "c".into())));
        assert!(parse_label("=c").is_err() && parse_label("a").is_err());
    }

    #[test]
    fn the_flags_are_consistent() {
        use clap::CommandFactory;
        Options::command().debug_assert();
    }
}
