//! Real servers as processes of a test: fetched, started on a free port as nobody, stopped with the test.

use rustix::process::{Pid, Signal, kill_process};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Who servers run as when the test is root: some refuse to run as root.
pub const NOBODY: u32 = 65534;

/// Path of a component; `None`, said loudly, where it cannot be had.
pub fn component(name: &str) -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hack/tools/components.sh");
    let output = Command::new(script).arg(name).stderr(Stdio::inherit()).output().expect("components.sh runs");
    if output.status.code() == Some(77) {
        eprintln!("SKIPPED: {name} cannot be had on this machine");
        return None;
    }
    assert!(output.status.success(), "components.sh {name}: {}", output.status);
    Some(PathBuf::from(String::from_utf8(output.stdout).expect("UTF-8").trim()))
}

/// The component where nobody can read it too: the cache of root is closed to others. Its copy is kept for the next run.
pub fn readable_by_nobody(path: &Path) -> PathBuf {
    if !is_root() {
        return path.to_owned();
    }
    // with the libraries that lie beside it
    let whole = path.ancestors().find(|whole| whole.parent().is_some_and(|parent| parent.ends_with("components")));
    let whole = whole.expect("a component is in the cache");
    let copies = std::env::temp_dir().join("zentoria-components");
    std::fs::create_dir_all(&copies).expect("a directory for copies");
    let copy = copies.join(whole.file_name().expect("a name"));
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !copy.exists() {
        let unfinished = copies.join(format!(".{}", std::process::id()));
        let copied = Command::new("cp").arg("-a").arg(whole).arg(&unfinished).status().expect("cp runs");
        assert!(copied.success(), "cp: {copied}");
        std::fs::set_permissions(&unfinished, std::fs::Permissions::from_mode(0o755)).expect("its mode");
        // another test run may have been faster
        if std::fs::rename(&unfinished, &copy).is_err() {
            let _ = std::fs::remove_dir_all(&unfinished);
        }
    }
    copy.join(path.strip_prefix(whole).expect("within"))
}

/// Whether the test runs as root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A directory with a short path that servers can write to.
pub fn directory() -> TempDir {
    let dir = tempfile::Builder::new().prefix("zj").tempdir_in("/tmp").expect("a directory");
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).expect("its mode");
    if is_root() {
        chown(dir.path(), Some(NOBODY), Some(NOBODY)).expect("its owner");
    }
    dir
}

/// The program, run as nobody where the test is root.
pub fn as_nobody(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups", "--"]).arg(program);
    command
}

/// A port that nothing listens on. Another process may take it before it is used: starting is tried again then.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// A process that is ended with the test.
pub struct Process {
    child: Child,
    signal: Signal,
}

impl Process {
    /// Starts it; `signal` is what ends it.
    pub fn start(command: &mut Command, log: &Path, signal: Signal) -> Self {
        let log = std::fs::File::create(log).expect("its log");
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("its log"))
            .stderr(log)
            .spawn()
            .expect("the server starts");
        Self { child, signal }
    }

    /// Whether it has ended by itself.
    pub fn ended(&mut self) -> bool {
        self.child.try_wait().expect("its state").is_some()
    }
}

impl Process {
    /// Its number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, whatever it does.
    pub fn kill(mut self) {
        self.signal = Signal::KILL;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            let _ = kill_process(pid, self.signal);
        }
        let _ = self.child.wait();
    }
}
