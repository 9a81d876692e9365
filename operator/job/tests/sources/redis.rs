//! Redis.

use crate::support::job::{Kept, Pod, bring_back, scratch, take, take_all};
use rustix::process::Signal;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use zentoria_job::contract::Place;
use zentoria_test_servers::process::{Process, component, directory, free_port};
use zentoria_test_servers::wait::until;
use zentoria_types::backup_job::secrets::SOURCE_PASSWORD;
use zentoria_types::backup_job::{JobError, Server, SourceSpec};

pub const PASSWORD: &str = "redis-secret";

pub struct Redis {
    port: u16,
    pub bin: PathBuf,
    dir: TempDir,
    _process: Process,
}

impl Redis {
    async fn start(settings: &[&str]) -> Option<Self> {
        let bin = component("redis")?;
        let dir = directory();
        for _ in 0..5 {
            let port = free_port();
            let mut command = Command::new(bin.join("redis-server"));
            command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--requirepass", PASSWORD]);
            command.args(settings).current_dir(dir.path()).arg("--dir").arg(dir.path());
            let mut process = Process::start(&mut command, &dir.path().join("log"), Signal::TERM);
            let up = until("Redis to start", async || {
                let pong = cli(&bin, port, &[&["PING"]]).concat();
                if process.ended() { Some(false) } else { pong.contains("PONG").then_some(true) }
            })
            .await;
            if up {
                return Some(Self { port, bin, dir, _process: process });
            }
        }
        panic!("Redis does not start: {}", std::fs::read_to_string(dir.path().join("log")).unwrap_or_default());
    }

    fn say(&self, commands: &[&[&str]]) -> Vec<String> {
        cli(&self.bin, self.port, commands)
    }

    fn pod(&self, password: &str) -> Pod {
        Pod::with(&[(SOURCE_PASSWORD, password)], &[&self.bin])
    }

    pub fn spec(&self, user: Option<&str>) -> SourceSpec {
        SourceSpec::Redis {
            server: Server { host: "127.0.0.1".into(), port: self.port },
            user: user.map(str::to_owned),
        }
    }
}

/// What redis-cli prints for each command.
fn cli(bin: &Path, port: u16, commands: &[&[&str]]) -> Vec<String> {
    let run = |command: &&[&str]| {
        let output = Command::new(bin.join("redis-cli"))
            .env("REDISCLI_AUTH", PASSWORD)
            .args(["-p", &port.to_string()])
            .args(*command)
            .output()
            .expect("redis-cli runs");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    commands.iter().map(run).collect()
}

pub async fn filled(settings: &[&str]) -> Option<Redis> {
    let server = Redis::start(settings).await?;
    let numbers: Vec<String> = (0..500).map(|number| format!("member {number}")).collect();
    let mut many = vec!["SADD", "set"];
    many.extend(numbers.iter().map(String::as_str));
    server.say(&[
        &["SET", "text", "a\r\nb"],
        &["SET", "passing", "x", "EX", "100000"],
        &["HSET", "hash", "f", "v"],
        &["RPUSH", "list", "1", "2", "3"],
        &["XADD", "stream", "*", "k", "v"],
        &["-n", "5", "SET", "other", "database"],
        &many,
    ]);
    for batch in 0..10 {
        let mut command = vec!["MSET".to_owned()];
        command.extend((0..100).flat_map(|key| [format!("key {batch} {key}"), "value".repeat(100)]));
        server.say(&[&command.iter().map(String::as_str).collect::<Vec<_>>()]);
    }
    Some(server)
}

async fn backup(server: &Redis, pod: &Pod) -> Kept {
    let source = pod.source(&server.spec(None)).expect("a source");
    take_all(source.as_ref()).await.expect("a backup").remove("redis").expect("one part")
}

#[tokio::test]
async fn the_file_of_a_server_is_whole_whether_it_is_sent_from_disk_or_not_and_loads() {
    for diskless in ["yes", "no"] {
        let Some(server) = filled(&["--repl-diskless-sync", diskless, "--repl-diskless-sync-delay", "0"]).await else {
            return;
        };
        let pod = server.pod(PASSWORD);
        let kept = backup(&server, &pod).await;
        assert!(kept.bytes.starts_with(b"REDIS") && kept.stored.part.path == "/redis/dump.rdb");
        let source = pod.source(&server.spec(None)).expect("a source");
        let place = scratch(&pod.directory("scratch-redis"), 0);
        let found = bring_back(source.as_ref(), &kept, &place).await.expect("it loads");
        assert_eq!(found, Vec::<String>::new());
        let said = source.compared(std::slice::from_ref(&kept.stored));
        let bytes = kept.bytes.len();
        assert_eq!(said, format!("{bytes} bytes equal, and loaded by a Redis server, 1007 keys in 2 databases"));
        let keys = json!({"databases": {"0": {"lasting": 1005, "passing": 1}, "5": {"lasting": 1, "passing": 0}}});
        assert_eq!(kept.stored.facts, keys);
        let mut other = kept.clone();
        other.stored.facts["databases"]["0"]["lasting"] = json!(1007);
        let found = bring_back(source.as_ref(), &other, &scratch(&pod.directory("fewer"), 0)).await.expect("it loads");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("database 0 has 1006 keys"), "{found:?}");

        for (name, bytes) in [
            ("cut", kept.bytes[..kept.bytes.len() - 20].to_vec()),
            (
                "changed",
                kept.bytes.iter().enumerate().map(|(at, byte)| if at == 200 { byte ^ 1 } else { *byte }).collect(),
            ),
        ] {
            let bad = Kept { bytes, ..kept.clone() };
            let failure = bring_back(source.as_ref(), &bad, &scratch(&pod.directory(name), 0)).await;
            let failure = failure.expect_err("a file that is not whole is refused");
            assert_eq!(failure.error, JobError::TargetFailed, "{name}: {failure}");
        }
    }
}

#[tokio::test]
async fn a_running_server_gets_its_keys_back_and_loses_those_that_came_later() {
    let Some(server) = filled(&[]).await else { return };
    let pod = server.pod(PASSWORD);
    let kept = backup(&server, &pod).await;
    let all = |database: &str| -> BTreeSet<String> {
        server.say(&[&["-n", database, "KEYS", "*"]]).concat().lines().map(str::to_owned).collect()
    };
    let before = (all("0"), all("5"));
    assert_eq!(before.0.len(), 1006);
    server.say(&[
        &["SET", "text", "changed"],
        &["DEL", "hash", "list"],
        &["SET", "later", "x"],
        &["-n", "5", "DEL", "other"],
        &["-n", "7", "SET", "later", "x"],
    ]);
    let source = pod.source(&server.spec(Some("default"))).expect("a source");
    assert_eq!(bring_back(source.as_ref(), &kept, &Place::Source).await.expect("a restore"), Vec::<String>::new());
    assert_eq!((all("0"), all("5")), before);
    let now =
        server.say(&[&["GET", "text"], &["LRANGE", "list", "0", "-1"], &["SCARD", "set"], &["-n", "7", "DBSIZE"]]);
    assert_eq!(now, ["a\r\nb", "1\n2\n3", "500", "0"]);
    let left: i64 = server.say(&[&["TTL", "passing"]]).concat().parse().expect("a number");
    assert!((1..=100_000).contains(&left), "it still expires: {left}");
}

#[tokio::test]
async fn each_way_to_be_refused_has_its_own_error() {
    let Some(server) = filled(&[]).await else { return };
    server.say(&[&["ACL", "SETUSER", "weak", "on", &format!(">{PASSWORD}"), "~*", "+ping"]]);
    let nowhere = SourceSpec::Redis { server: Server { host: "127.0.0.1".into(), port: free_port() }, user: None };
    for (password, spec, error, said) in [
        ("wrong", server.spec(None), JobError::SourceAccessDenied, "refuses the login"),
        (PASSWORD, server.spec(Some("weak")), JobError::SourceAccessDenied, "no copy of itself"),
        (PASSWORD, server.spec(Some("nobody")), JobError::SourceAccessDenied, "refuses the login"),
        (PASSWORD, nowhere, JobError::SourceUnreachable, "cannot be reached"),
    ] {
        let pod = server.pod(password);
        let source = pod.source(&spec).expect("a source");
        let failure = take_all(source.as_ref()).await.map(|_| ()).expect_err(said);
        assert_eq!(failure.error, error, "{failure}");
        assert!(failure.message.contains(said) && !failure.message.contains(PASSWORD), "{failure}");
    }
    let without = Pod::with(&[], &[]);
    let source = without.source(&server.spec(None)).expect("a source");
    let failure = source.parts().await.expect_err("a password is needed");
    assert_eq!(failure.error, JobError::SourceAccessDenied, "{failure}");
}

#[tokio::test]
async fn a_server_that_ends_while_it_sends_is_an_error() {
    let Some(server) = Redis::start(&["--rdbcompression", "no", "--rdb-key-save-delay", "2000"]).await else { return };
    let mut command = vec!["MSET".to_owned()];
    command.extend((0..2000).flat_map(|key| [format!("key {key}"), "value".repeat(20)]));
    server.say(&[&command.iter().map(String::as_str).collect::<Vec<_>>()]);
    server.say(&[&["CONFIG", "SET", "repl-diskless-sync", "yes"], &["CONFIG", "SET", "repl-diskless-sync-delay", "0"]]);
    let pod = server.pod(PASSWORD);
    let source = pod.source(&server.spec(None)).expect("a source");
    let part = source.parts().await.expect("parts").remove(0);
    let port = server.port;
    let bin = server.bin.clone();
    let (taken, ()) = tokio::join!(take(source.as_ref(), &part), async {
        until("the copy to begin", async || {
            cli(&bin, port, &[&["INFO", "persistence"]]).concat().contains("rdb_bgsave_in_progress:1").then_some(())
        })
        .await;
        cli(&bin, port, &[&["SHUTDOWN", "NOSAVE"]]);
    });
    let failure = taken.map(|_| ()).expect_err("half a file");
    assert_eq!(failure.error, JobError::SourceFailed, "{failure}");
    assert!(server.dir.path().is_dir());
}

#[tokio::test]
async fn values_of_every_type_are_counted_as_the_server_counts_them() {
    let Some(server) = Redis::start(&["--list-max-ziplist-size", "4", "--hash-max-ziplist-entries", "4"]).await else {
        return;
    };
    let long = "z".repeat(500);
    let mut commands: Vec<Vec<String>> = Vec::new();
    let mut add = |words: &str| commands.push(words.split(' ').map(str::to_owned).collect());
    for number in 0..40 {
        add(&format!("SET number:{number} {}", i64::from(number) * 7_000_000));
        add(&format!("SET packed:{number} {long}"));
        add(&format!("RPUSH list a {number} {long}"));
        add(&format!("HSET hash field:{number} {number}"));
        add(&format!("HSET small:{number} field {number}"));
        add(&format!("SADD numbers {number}"));
        add(&format!("SADD words word:{number}"));
        add(&format!("ZADD scores {number}.5 member:{number}"));
        add(&format!("ZADD many:{number} {number} {long}"));
        add(&format!("XADD stream * field {number}"));
    }
    for number in 0..200 {
        add(&format!("ZADD large {number}.25 member:{number}"));
    }
    add("ZADD large inf most -inf least");
    add("XGROUP CREATE stream group 0");
    add("XREADGROUP GROUP group one COUNT 5 STREAMS stream >");
    add("XREADGROUP GROUP group two COUNT 5 STREAMS stream >");
    add("PFADD log a b c");
    add("SETBIT bits 9999 1");
    add("SET passing x EX 100000");
    // fields that expire: Redis 7.4 and later, older ones refuse
    add("HSET some a 1 b 2");
    add("HEXPIRE some 100000 FIELDS 1 a");
    add("-n 3 SET other x");
    add("-n 15 SET other x PX 100000000");
    let commands: Vec<Vec<&str>> = commands.iter().map(|words| words.iter().map(String::as_str).collect()).collect();
    server.say(&commands.iter().map(Vec::as_slice).collect::<Vec<_>>());

    let kept = backup(&server, &server.pod(PASSWORD)).await;
    let facts = &kept.stored.facts["databases"];
    for database in ["0", "3", "15"] {
        let counted = &facts[database];
        let all = counted["lasting"].as_u64().unwrap_or_default() + counted["passing"].as_u64().unwrap_or_default();
        assert_eq!(server.say(&[&["-n", database, "DBSIZE"]])[0], all.to_string(), "database {database}: {facts}");
    }
    assert_eq!(facts["15"]["passing"], 1, "{facts}");
    assert_eq!(facts.as_object().map(serde_json::Map::len), Some(3), "{facts}");
}
