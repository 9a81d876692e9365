//! What can go wrong while a backup is taken, and a restore into a directory.

use super::{PASSWORD, estate, pod};
use crate::support::job::{bring_back, take, take_all};
use tokio::io::AsyncReadExt;
use zentoria_job::contract::{PartKind, Place};
use zentoria_test_servers::process::free_port;
use zentoria_test_servers::wait::until;
use zentoria_types::backup_job::{JobError, SourceSpec};

#[tokio::test]
async fn each_way_to_be_refused_has_its_own_error_and_never_tells_the_password() {
    let Some((server, good)) = estate("postgres16").await else { return };
    let Some(wrong) = pod("wrong-secret") else { return };
    server.run_sql("postgres", &format!("CREATE ROLE weak LOGIN PASSWORD '{}'", PASSWORD.replace('\'', "''"))).await;
    let mut nowhere = server.spec(&[]);
    if let SourceSpec::Postgres { server, .. } = &mut nowhere {
        server.port = free_port();
    }
    let weak = |roles| server.spec_with("weak", &["app"], roles, "prefer");
    let cases = [
        (&wrong, server.spec(&[]), JobError::SourceAccessDenied, "refuses `postgres`"),
        (&good, nowhere, JobError::SourceUnreachable, "cannot be reached"),
        (&good, server.spec(&["app", "vanished"]), JobError::SourceGone, "`vanished` does not exist"),
        (&good, weak(false), JobError::SourceAccessDenied, "permission denied"),
        (&good, weak(true), JobError::SourceAccessDenied, "only a superuser reads the passwords of roles"),
    ];
    for (pod, spec, error, said) in cases {
        let source = pod.source(&spec).expect("a source");
        let failure = take_all(source.as_ref()).await.map(|_| ()).expect_err(said);
        assert_eq!(failure.error, error, "{failure}");
        assert!(failure.message.contains(said), "{failure}");
        assert!(!failure.message.contains("wrong-secret") && !failure.message.contains(PASSWORD), "{failure}");
    }
    let spec = server.spec_with("postgres", &[], true, "verify-full");
    let failure = good.source(&spec).map(|_| ()).expect_err("no CA");
    assert_eq!(failure.error, JobError::Setup, "{failure}");
}

#[tokio::test]
async fn a_dump_that_breaks_off_half_way_is_an_error() {
    let Some((server, pod)) = estate("postgres16").await else { return };
    server
        .run_sql("app", "CREATE TABLE heavy AS SELECT i, repeat(md5(i::text), 100) FROM generate_series(1, 20000) i")
        .await;
    let source = pod.source(&server.spec(&["app"])).expect("a source");
    let part = source.parts().await.expect("parts").pop().expect("app");
    let held = source.hold(&part).await.expect("held");
    let token = held.token();
    // the pipe holds less than the table: the dump cannot end before it is read
    let (mut read, mut write) = tokio::io::duplex(64 * 1024);
    let dump = async {
        let done = source.stream(&part, &token, &mut write).await;
        drop(write);
        done
    };
    let kill = async {
        let mut head = vec![0; 1024 * 1024];
        read.read_exact(&mut head).await.expect("the beginning");
        let killed = server
            .number("app", "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'COPY %'")
            .await;
        assert_eq!(killed, 1);
        let mut rest = Vec::new();
        read.read_to_end(&mut rest).await.expect("the rest");
    };
    let (dumped, ()) = tokio::join!(dump, kill);
    let failure = dumped.expect_err("half a dump");
    assert_eq!(failure.error, JobError::SourceFailed, "{failure}");
    assert!(failure.message.contains("`app`"), "{failure}");
    drop(held);
    until("the transaction to end with what held it", async || {
        let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'app' AND application_name = 'zentoria-job'";
        (server.number("postgres", open).await == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_database_that_vanishes_between_its_listing_and_its_dump_is_gone() {
    let Some((server, pod)) = estate("postgres16").await else { return };
    let source = pod.source(&server.spec(&[])).expect("a source");
    let parts = source.parts().await.expect("parts");
    server.run_sql("postgres", "DROP DATABASE app").await;
    let part = parts.iter().find(|part| part.name == "app").expect("app");
    let failure = take(source.as_ref(), part).await.map(|_| ()).expect_err("gone");
    assert_eq!(failure.error, JobError::SourceGone, "{failure}");
}

#[tokio::test]
async fn a_directory_gets_the_dumps_as_they_are_and_nothing_in_it_is_overwritten() {
    let Some((server, pod)) = estate("postgres16").await else { return };
    let source = pod.source(&server.spec(&["app"])).expect("a source");
    let all = take_all(source.as_ref()).await.expect("a backup");
    let place = Place::Directory(pod.directory("out"));
    for kept in all.values() {
        bring_back(source.as_ref(), kept, &place).await.expect("a restore");
        let path = pod.directory("out").join(kept.stored.part.path.trim_start_matches('/'));
        assert_eq!(std::fs::read(path).expect("the file"), kept.bytes);
        if kept.stored.part.kind == PartKind::Roles {
            assert!(String::from_utf8_lossy(&kept.bytes).contains("CREATE ROLE alice"));
        }
    }
    let failure = bring_back(source.as_ref(), &all["app"], &place).await.expect_err("it is there");
    assert_eq!(failure.error, JobError::TargetFailed);
}
