//! Flags and verbs.

mod backups;

pub use backups::{Backup, BackupRun, Drill, DrillReport, DrillRun, Kit, KitOpen, RecoveryKit, Restore};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

/// LXC containers on Proxmox VE: the estate on one screen, what would change, and a person's word where one is asked for.
#[derive(Clone, Debug, Parser)]
#[command(name = "kubectl-zentoria", bin_name = "kubectl zentoria", version, disable_help_subcommand = true)]
#[command(after_help = "Exit codes: 0 well, 1 error, 2 (plan) something would change or (can-connect) no.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,

    /// To whom.
    #[command(flatten)]
    pub to: To,
}

/// Which API server and namespace, as kubectl has it.
#[derive(Clone, Debug, Default, Args)]
pub struct To {
    /// Namespace of the containers; default that of the kubeconfig's context.
    #[arg(short, long, global = true)]
    pub namespace: Option<String>,

    /// Context of the kubeconfig.
    #[arg(long, global = true)]
    pub context: Option<String>,

    /// The kubeconfig; default KUBECONFIG, then ~/.kube/config, then that of the pod.
    #[arg(long, global = true)]
    pub kubeconfig: Option<PathBuf>,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Show what waits for an approval, or approve it.
    ///
    /// An approval names the digest of one pending change: when the change becomes another one, it holds no more.
    Approve(Approve),
    /// Make the operator look away from containers, or from a ProxmoxCluster with all of its containers.
    Pause(Pause),
    /// Take a pause back.
    Resume(Pause),
    /// Bind the guests of a control plane that is gone to this one.
    Takeover(Takeover),
    /// The estate on one screen.
    Status(Status),
    /// What the operator would do, call by call. Nothing is written anywhere.
    Plan(Plan),
    /// Whether one can connect to another: yes or no, by which rule, or by which default.
    ///
    /// What is judged are the firewalls as the manifests wish them, of both ends. Exit code 0: yes; 2: no; 1: error.
    CanConnect(CanConnect),
    /// The firewall matrix: who may connect to whom, as a table, for programs, or as a picture.
    Matrix(Matrix),
    /// Backups: begin one now.
    #[command(subcommand)]
    Backup(Backup),
    /// Bring a backup back: into a scratch place as a proof, into a directory, or over what is there.
    ///
    /// Makes a BackupRestore. What would be written over has to be named twice.
    Restore(Restore),
    /// Restore drills: begin one now, or show what one came to.
    #[command(subcommand)]
    Drill(Drill),
    /// Write everything that a new cluster needs to read the backups again into one encrypted file; open one.
    ///
    /// Manifests, and the Secrets that they name: passwords of repositories, credentials, private keys. Keep the file away
    /// from this cluster, and take it anew whenever one of them changes.
    RecoveryKit(RecoveryKit),
    /// The version of this program.
    Version,
    /// Completions for a shell.
    Completion(Completion),
}

/// `approve`.
#[derive(Clone, Debug, Args)]
pub struct Approve {
    /// The container: NAME or zc/NAME.
    #[arg(value_name = "[zc/]NAME")]
    pub container: String,

    /// The digests to approve, apart or joined by commas; without any, what is pending is shown.
    #[arg(value_name = "DIGEST", value_delimiter = ',')]
    pub digests: Vec<String>,

    /// Approve everything that is pending now and can be approved.
    #[arg(long, conflicts_with = "digests")]
    pub all: bool,
}

/// `pause` and `resume`.
#[derive(Clone, Debug, Args)]
pub struct Pause {
    /// Containers (NAME or zc/NAME) and ProxmoxClusters (pxc/NAME).
    #[arg(value_name = "[zc/|pxc/]NAME", required_unless_present = "all")]
    pub objects: Vec<String>,

    /// All containers of the namespace.
    #[arg(long, conflicts_with = "objects")]
    pub all: bool,
}

/// `takeover`.
#[derive(Clone, Debug, Args)]
pub struct Takeover {
    /// The ProxmoxCluster: NAME or pxc/NAME.
    #[arg(value_name = "[pxc/]NAME")]
    pub cluster: String,

    /// The old control plane, as the guests' marks name it. To name it is to confirm it; without, the candidates are
    /// shown.
    #[arg(value_name = "OLD")]
    pub old: Option<String>,
}

/// `status`.
#[derive(Clone, Debug, Default, Args)]
pub struct Status {
    /// All namespaces.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
}

/// `plan`.
#[derive(Clone, Debug, Default, Args)]
pub struct Plan {
    /// Plan these manifests (a file, a directory, or - for standard input; can be repeated) without any Kubernetes:
    /// ProxmoxClusters, Secrets, ZentoriaContainers and Namespaces.
    #[arg(short, long = "filename", value_name = "FILE|DIR|-")]
    pub filenames: Vec<String>,

    /// All namespaces.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,

    /// The form of the answer.
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,

    /// With -f: the control plane whose guests these are (`cp=` in their marks); default whatever their marks name.
    #[arg(long, value_name = "ID", requires = "filenames")]
    pub control_plane: Option<String>,

    /// The operator's own namespace, where the Secrets of ProxmoxClusters are.
    #[arg(long, default_value = "zentoria-system")]
    pub operator_namespace: String,

    /// Reach IP:PORT at 127.0.0.1:PORT instead (IP:PORT=127.0.0.1:PORT; can be repeated). With it no other Proxmox VE is
    /// contacted.
    #[arg(long)]
    pub dial_map: Vec<String>,
}

/// Where the objects come from.
#[derive(Clone, Debug, Default, Args)]
pub struct From {
    /// Take these manifests (a file, a directory, or - for standard input; can be repeated), without any Kubernetes:
    /// ProxmoxClusters, ZentoriaContainers, FirewallRules and Namespaces.
    #[arg(short, long = "filename", value_name = "FILE|DIR|-")]
    pub filenames: Vec<String>,
}

/// `can-connect`.
#[derive(Clone, Debug, Default, Args)]
pub struct CanConnect {
    /// Who connects: a container (NAME or NAMESPACE/NAME), an outsider of the ProxmoxCluster (its name in spec.hosts), an
    /// IP address, or `external` for somebody outside of the estate's networks.
    #[arg(value_name = "FROM")]
    pub source: String,

    /// To whom, and at which port: a number or the name of a service that the target declares, TCP unless /udp or /sctp
    /// follows; or `icmp`. An IPv6 address stands in brackets.
    #[arg(value_name = "TO:PORT[/PROTOCOL]")]
    pub target: String,

    /// Where the objects come from.
    #[command(flatten)]
    pub from: From,

    /// Judge what Proxmox VE really holds, with all that people wrote there, instead of what the manifests wish.
    #[arg(long)]
    pub live: bool,

    /// With --live: the operator's own namespace, where the Secrets of ProxmoxClusters are.
    #[arg(long, default_value = "zentoria-system")]
    pub operator_namespace: String,

    /// With --live: reach IP:PORT at 127.0.0.1:PORT instead (IP:PORT=127.0.0.1:PORT; can be repeated). With it no other
    /// Proxmox VE is contacted.
    #[arg(long, requires = "live")]
    pub dial_map: Vec<String>,

    /// The form of the answer.
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

/// `matrix`.
#[derive(Clone, Debug, Default, Args)]
pub struct Matrix {
    /// Only this container: its rules as Proxmox VE gets them, its IP sets and its options.
    #[arg(long, value_name = "[NAMESPACE/]NAME", conflicts_with = "html")]
    pub of: Option<String>,

    /// All namespaces.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,

    /// Where the objects come from.
    #[command(flatten)]
    pub from: From,

    /// The form of the answer.
    #[arg(short, long, value_enum, default_value_t)]
    pub output: MatrixOutput,

    /// Write a page with a picture of the matrix into this file. It needs no network.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// The form of a matrix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum MatrixOutput {
    /// For people.
    #[default]
    Text,
    /// For spreadsheets: one line for each peer of each rule.
    Csv,
    /// For programs.
    Json,
    /// For programs, and people.
    Yaml,
    /// A page with a picture.
    Html,
}

/// The form of the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
    /// For programs, and people.
    Yaml,
}

/// `completion`.
#[derive(Clone, Debug, Args)]
pub struct Completion {
    /// Which shell.
    #[arg(value_enum)]
    pub shell: Shell,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_flags_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn digests_may_be_joined_by_commas() {
        let cli = Cli::parse_from(["kubectl-zentoria", "approve", "zc/db", "aa,bb", "cc", "-n", "shop"]);
        let Verb::Approve(approve) = cli.verb else { panic!("another verb") };
        assert_eq!(approve.digests, ["aa", "bb", "cc"]);
        assert_eq!(cli.to.namespace.as_deref(), Some("shop"));
    }
}

#[cfg(test)]
mod documented {
    use super::*;

    /// Every line of the documents that begins with our program is one that it takes.
    #[test]
    fn the_commands_of_the_documents_are_taken() {
        let text = concat!(include_str!("../../../docs/backup.md"), include_str!("../../../docs/disaster-recovery.md"));
        let mut count = 0;
        for line in text.lines().map(str::trim_start) {
            let line = line.split(" #").next().unwrap_or_default().split(['|', '<']).next().unwrap_or_default().trim();
            let Some(rest) = line.strip_prefix("kubectl zentoria ") else { continue };
            let taken = Cli::try_parse_from(std::iter::once("kubectl-zentoria").chain(rest.split_whitespace()));
            assert!(taken.is_ok(), "{line}: {}", taken.err().map(|error| error.to_string()).unwrap_or_default());
            count += 1;
        }
        assert!(count >= 16, "only {count} commands");
    }

    #[test]
    fn a_kit_is_always_locked_and_a_restore_always_says_where_to() {
        for wrong in [
            "recovery-kit -o f",
            "recovery-kit --passphrase",
            "recovery-kit -o f open g",
            "recovery-kit open",
            "restore db",
            "restore --into scratch",
            "restore -l a=b db --into scratch",
            "backup run",
        ] {
            assert!(Cli::try_parse_from(std::iter::once("x").chain(wrong.split(' '))).is_err(), "{wrong}");
        }
    }
}
