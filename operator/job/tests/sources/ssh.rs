//! Commands and files over SSH.

use crate::support::job::{Kept, Pod, bring_back, scratch, take, take_all};
use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use zentoria_job::contract::Place;
use zentoria_test_servers::process::{directory, free_port};
use zentoria_test_servers::sshd::{Sshd, keygen};
use zentoria_test_servers::wait::until;
use zentoria_types::backup_job::secrets::SOURCE_SSH_KEY;
use zentoria_types::backup_job::{JobError, SourceSpec, SshServer};

fn pod(key: &str) -> Pod {
    // as a Secret often has it: without its last line end
    Pod::with(&[(SOURCE_SSH_KEY, key.trim_end())], &[Path::new("/usr/bin"), Path::new("/bin")])
}

fn command(ssh: SshServer, command: &str) -> SourceSpec {
    SourceSpec::Command { ssh, command: command.into(), file_name: "workflows.json".into() }
}

fn files(ssh: SshServer, paths: &[&Path], exclude: &[&str]) -> SourceSpec {
    SourceSpec::Files {
        ssh,
        paths: paths.iter().map(|path| path.display().to_string()).collect(),
        exclude: exclude.iter().map(|pattern| (*pattern).to_owned()).collect(),
    }
}

async fn fails(pod: &Pod, spec: &SourceSpec, error: JobError, said: &str) {
    let source = pod.source(spec).expect("a source");
    let failure = take_all(source.as_ref()).await.map(|_| ()).expect_err(said);
    assert_eq!(failure.error, error, "{failure}");
    assert!(failure.message.contains(said), "{failure}");
}

#[tokio::test]
async fn what_a_command_prints_is_kept_byte_by_byte() {
    let Some(sshd) = Sshd::start().await else { return };
    let pod = pod(&sshd.key);
    let source = pod.source(&command(sshd.server(), "printf 'a\\000b\\n'; echo \"$0\" >&2; exit 0")).expect("a source");
    let mut all = take_all(source.as_ref()).await.expect("a backup");
    let kept = all.remove("workflows.json").expect("one part");
    assert_eq!(
        (kept.bytes.as_slice(), kept.stored.part.path.as_str()),
        (b"a\0b\n".as_slice(), "/command/workflows.json")
    );
    let place = Place::Directory(pod.directory("out"));
    bring_back(source.as_ref(), &kept, &place).await.expect("a restore");
    assert_eq!(std::fs::read(pod.directory("out").join("command/workflows.json")).expect("it"), kept.bytes);
    let failure = bring_back(source.as_ref(), &kept, &Place::Source).await.expect_err("nobody knows how");
    assert_eq!(failure.error, JobError::TargetFailed);
}

#[tokio::test]
async fn a_command_that_fails_or_prints_nothing_is_no_backup() {
    let Some(sshd) = Sshd::start().await else { return };
    let pod = pod(&sshd.key);
    for (line, said) in [
        ("echo half; echo no room >&2; exit 7", "ended with code 7: no room"),
        ("yes | head -c 3000000; kill -9 $$", "ended with code"),
        ("true", "printed nothing"),
        ("no-such-program-here", "ended with code 127"),
    ] {
        fails(&pod, &command(sshd.server(), line), JobError::SourceFailed, said).await;
    }
}

#[tokio::test]
async fn each_way_not_to_get_in_has_its_own_error() {
    let Some(sshd) = Sshd::start().await else { return };
    let right = pod(&sshd.key);
    let other = directory();
    keygen(&other.path().join("k"));
    let wrong = pod(&std::fs::read_to_string(other.path().join("k")).expect("a key"));
    let nowhere = SshServer { port: free_port(), ..sshd.server() };
    for (pod, server, error, said) in [
        (&right, sshd.server_with_wrong_key(), JobError::SourceAccessDenied, "not in knownHosts"),
        (&wrong, sshd.server(), JobError::SourceAccessDenied, "authorized_keys"),
        (&right, nowhere, JobError::SourceUnreachable, "refused"),
    ] {
        fails(pod, &command(server.clone(), "echo x"), error, said).await;
        fails(pod, &files(server, &[Path::new("/etc/passwd")], &[]), error, said).await;
    }
    let unknown = SshServer { known_hosts: vec!["nonsense".into()], ..sshd.server() };
    assert_eq!(right.source(&command(unknown, "x")).map(|_| ()).expect_err("no key").error, JobError::Setup);
    let without = Pod::with(&[], &[]);
    assert_eq!(without.source(&command(sshd.server(), "x")).map(|_| ()).expect_err("no key").error, JobError::Setup);
}

#[tokio::test]
async fn a_connection_that_breaks_while_it_is_read_is_an_error() {
    let Some(sshd) = Sshd::start().await else { return };
    let pod = pod(&sshd.key);
    let mark = sshd.dir.path().join("pid");
    // the parent of the command's shell is the process of sshd that serves the connection
    let line = format!("echo begun; echo $PPID > {}; sleep 600", mark.display());
    let source = pod.source(&command(sshd.server(), &line)).expect("a source");
    let part = source.parts().await.expect("parts").remove(0);
    let (taken, ()) = tokio::join!(take(source.as_ref(), &part), async {
        let pid: i32 =
            until("the command to begin", async || std::fs::read_to_string(&mark).ok()?.trim().parse().ok()).await;
        let pid = rustix::process::Pid::from_raw(pid).expect("a process");
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("killed");
    });
    let failure = taken.map(|_| ()).expect_err("half an output");
    assert_eq!(failure.error, JobError::SourceFailed, "{failure}");
}

/// Name, mode, owner, time of change, contents of all below.
fn listed(root: &Path) -> BTreeMap<PathBuf, (u32, u32, i64, i64, Vec<u8>)> {
    let mut all = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(path) = open.pop() {
        let meta = path.symlink_metadata().expect("it");
        let contents = if meta.is_file() {
            std::fs::read(&path).expect("contents")
        } else if meta.is_symlink() {
            path.read_link().expect("a link").into_os_string().into_encoded_bytes()
        } else {
            open.extend(path.read_dir().expect("a directory").map(|entry| entry.expect("it").path()));
            Vec::new()
        };
        // tar sets no time of a link that it has to make anew everywhere
        let time = if meta.is_symlink() { (0, 0) } else { (meta.mtime(), meta.mtime_nsec()) };
        let name = path.strip_prefix(root).expect("below").to_owned();
        all.insert(name, (meta.mode(), meta.uid(), time.0, time.1, contents));
    }
    all
}

fn tree() -> tempfile::TempDir {
    let dir = tempfile::Builder::new().prefix("zf").tempdir_in("/tmp").expect("a directory");
    let root = dir.path().join("conf it's");
    std::fs::create_dir_all(root.join("sub")).expect("directories");
    for (name, text, mode) in
        [("a.conf", "one", 0o640), ("sub/ü b", "two", 0o600), ("run.sh", "#!", 0o755), ("noise.log", "x", 0o644)]
    {
        std::fs::write(root.join(name), text).expect("a file");
        std::fs::set_permissions(root.join(name), std::fs::Permissions::from_mode(mode)).expect("its mode");
    }
    symlink("a.conf", root.join("link")).expect("a link");
    std::fs::write(dir.path().join("single"), "alone").expect("a file");
    dir
}

#[tokio::test]
async fn files_come_back_with_mode_owner_and_time_into_a_directory_and_over_the_source() {
    let Some(sshd) = Sshd::start().await else { return };
    let pod = pod(&sshd.key);
    let dir = tree();
    let (root, single) = (dir.path().join("conf it's"), dir.path().join("single"));
    let spec = files(sshd.server(), &[&root, &single], &["*.log"]);
    let source = pod.source(&spec).expect("a source");
    let all = take_all(source.as_ref()).await.expect("a backup");
    let again = take_all(source.as_ref()).await.expect("a backup");
    let bytes = |all: &BTreeMap<String, Kept>| all.values().map(|kept| kept.bytes.clone()).collect::<Vec<_>>();
    assert!(source.repeatable() && bytes(&all) == bytes(&again), "the same files make the same bytes");

    let place = scratch(&pod.directory("out"), 0);
    for kept in all.values() {
        assert_eq!(bring_back(source.as_ref(), kept, &place).await.expect("a restore"), Vec::<String>::new());
    }
    std::fs::remove_file(root.join("noise.log")).expect("what was left out");
    let before = listed(&root);
    // the directory itself changed with that
    let without_root = |mut all: BTreeMap<PathBuf, _>| {
        all.remove(Path::new(""));
        all
    };
    let out = pod.directory("out").join(root.strip_prefix("/").expect("absolute"));
    assert_eq!(without_root(listed(&out)), without_root(before.clone()));

    std::fs::write(root.join("a.conf"), "changed").expect("a change");
    std::fs::remove_dir_all(root.join("sub")).expect("a loss");
    std::fs::remove_file(&single).expect("a loss");
    for kept in all.values() {
        bring_back(source.as_ref(), kept, &Place::Source).await.expect("a restore");
    }
    assert_eq!(without_root(listed(&root)), without_root(before));
    assert_eq!(std::fs::read_to_string(single).expect("it"), "alone");
}

#[tokio::test]
async fn files_that_changed_are_a_backup_and_a_shell_that_lets_nobody_in_is_none() {
    let Some(sshd) = Sshd::start().await else { return };
    let pod = pod(&sshd.key);
    let dir = tree();
    let spec = files(sshd.server(), &[dir.path()], &[]);
    let authorized = sshd.dir.path().join("authorized");
    let key = std::fs::read_to_string(&authorized).expect("the key");
    let ends = |how: &str| std::fs::write(&authorized, format!("command=\"{how}\" {key}")).expect("the key");
    for word in
        ["file changed as we read it", "File removed before we read it", "File shrank by 2 bytes; padding with zeros"]
    {
        ends(&format!("sh -c \\\"$SSH_ORIGINAL_COMMAND\\\"; echo 'tar: a: {word}' >&2; exit 1"));
        let source = pod.source(&spec).expect("a source");
        assert!(!take_all(source.as_ref()).await.expect(word).is_empty());
    }
    for (how, said) in [
        ("echo 'This account is currently not available.'; exit 1", "whose shell runs commands"),
        ("echo \\\"tar: unrecognized option '--sort=name'\\\" >&2; exit 1", "GNU tar is needed"),
        ("echo 'tar: Option --sort=name is not supported' >&2; exit 1", "GNU tar is needed"),
    ] {
        ends(how);
        fails(&pod, &spec, JobError::SourceFailed, said).await;
    }
}

#[tokio::test]
async fn a_path_that_vanished_is_gone_and_half_an_archive_is_not_unpacked_as_a_whole() {
    let Some(sshd) = Sshd::start().await else { return };
    let pod = pod(&sshd.key);
    let dir = tree();
    let gone = dir.path().join("gone");
    let there = dir.path().join("single");
    fails(&pod, &files(sshd.server(), &[&there, &gone], &[]), JobError::SourceGone, "it is not there").await;
    let source = pod.source(&files(sshd.server(), &[&dir.path().join("conf it's")], &[])).expect("a source");
    let mut all = take_all(source.as_ref()).await.expect("a backup");
    let mut kept = all.pop_first().expect("a part").1;
    // within the contents of a file; between two files only size and digest tell
    let contents = kept.bytes.windows(4).position(|bytes| bytes == b"one\0").expect("a file's contents");
    kept.bytes.truncate(contents + 2);
    let failure = bring_back(source.as_ref(), &kept, &scratch(&pod.directory("out"), 0)).await.expect_err("half of it");
    assert_eq!(failure.error, JobError::TargetFailed, "{failure}");
}
