//! Restores into a scratch server, and what they prove.

use super::server::Postgres;
use super::{estate, pod};
use crate::support::job::{bring_back, scratch, take, take_all, take_while};
use std::path::Path;
use zentoria_types::backup_job::JobError;

#[tokio::test]
async fn what_was_dumped_is_what_was_counted_and_comes_back_on_the_same_and_on_a_newer_version() {
    let Some((server, pod)) = estate("postgres16").await else { return };
    let source = pod.source(&server.spec(&[])).expect("a source");
    let parts = source.parts().await.expect("parts");
    let names: Vec<_> = parts.iter().map(|part| part.path.as_str()).collect();
    assert_eq!(
        names,
        [
            "/postgres/roles.sql",
            "/postgres/app.dump",
            "/postgres/postgres.dump",
            "/postgres/we%3Dird%20%27n%5Came.dump"
        ]
    );
    let mut all = Vec::new();
    for part in &parts {
        // rows that come and tables that go after the moment of the backup are not in it, and not counted either
        let changed = async || {
            if part.name == "app" {
                server.run_sql("app", "DELETE FROM \"Big Table\" WHERE id < 100; INSERT INTO embeddings VALUES (1000, '', '[1,2,3]'); CREATE TABLE later ()").await;
            }
        };
        all.push(take_while(source.as_ref(), part, changed).await.expect("a backup"));
    }
    let stored: Vec<_> = all.iter().map(|kept| kept.stored.clone()).collect();
    assert_eq!(source.compared(&stored), "3 databases, 5 tables, 840 rows, contents and schema equal, 3 roles");
    for version in ["postgres16", "postgres18"] {
        let Some(target) = Postgres::scratch(version).await else { return };
        for kept in &all {
            let differences = bring_back(source.as_ref(), kept, &scratch(Path::new("/nowhere"), target.port)).await;
            assert_eq!(differences.expect("a restore"), Vec::<String>::new(), "{} on {version}", kept.stored.part.path);
        }
        let left = target.number("postgres", "SELECT count(*) FROM pg_database WHERE NOT datistemplate").await;
        assert_eq!(left, 1, "the scratch server keeps no test database");
    }
}

#[tokio::test]
async fn a_backup_that_is_not_what_was_recorded_is_found() {
    let Some((server, pod)) = estate("postgres16").await else { return };
    let Some(target) = Postgres::scratch("postgres16").await else { return };
    let place = scratch(Path::new("/nowhere"), target.port);
    let source = pod.source(&server.spec_with("postgres", &["app"], false, "prefer")).expect("a source");
    let part = source.parts().await.expect("parts").pop().expect("app");
    let before = take(source.as_ref(), &part).await.expect("a backup");
    let changes = [
        ("DELETE FROM \"Big Table\" WHERE id = 7", "table public.\"Big Table\": 499 rows, recorded 500"),
        (
            "UPDATE embeddings SET e = '[0,0,0]' WHERE id = 8",
            "table public.embeddings: 300 rows as recorded, but not the same contents",
        ),
        ("DROP INDEX nearest", "index public.nearest: missing"),
        ("ALTER TABLE embeddings ALTER e DROP NOT NULL", "column public.embeddings.e: public.vector(3), recorded"),
        ("DROP TABLE \"of-app\".two", "table \"of-app\".two: missing, recorded with 20 rows"),
        ("SELECT lo_unlink(4711)", "large objects: 0, recorded 1"),
    ];
    for (change, expected) in changes {
        server.run_sql("app", change).await;
        let mut swapped = take(source.as_ref(), &part).await.expect("a backup");
        swapped.stored.facts = before.stored.facts.clone();
        let found = bring_back(source.as_ref(), &swapped, &place).await.expect("a restore");
        assert!(found.iter().any(|difference| difference.starts_with(expected)), "{change}: {found:?}");
    }
    let mut cut = before.clone();
    cut.bytes.truncate(before.bytes.len() - 100);
    let failure = bring_back(source.as_ref(), &cut, &place).await.expect_err("a dump without its end is refused");
    assert_eq!(failure.error, JobError::TargetFailed, "{failure}");
}

#[tokio::test]
async fn a_scratch_server_without_the_roles_takes_a_database_alone() {
    let Some((server, pod)) = estate("postgres16").await else { return };
    let Some(target) = Postgres::scratch("postgres16").await else { return };
    let source = pod.source(&server.spec(&["app"])).expect("a source");
    let all = take_all(source.as_ref()).await.expect("a backup");
    // as with `only` of a restore: its owner is not there
    let found = bring_back(source.as_ref(), &all["app"], &scratch(Path::new("/nowhere"), target.port)).await;
    assert_eq!(found.expect("a restore"), Vec::<String>::new());
}

#[tokio::test]
async fn a_server_that_is_newer_than_every_program_is_said() {
    let Some(server) = Postgres::source("postgres18", &[]).await else { return };
    let Some(old) = super::programs("postgres16") else { return };
    let pod = crate::support::job::Pod::with(&[("source/password", super::PASSWORD)], &[&old]);
    let source = pod.source(&server.spec(&["postgres"])).expect("a source");
    let failure = take_all(source.as_ref()).await.map(|_| ()).expect_err("pg_dump 16 does not read 18");
    assert_eq!(failure.error, JobError::Setup);
    assert!(failure.message.contains("PostgreSQL 18") && failure.message.contains("none newer than 16"), "{failure}");
    let Some(pod) = pod_of_both() else { return };
    let source = pod.source(&server.spec(&["postgres"])).expect("a source");
    take_all(source.as_ref()).await.expect("with the programs of 18 it is backed up");
}

fn pod_of_both() -> Option<crate::support::job::Pod> {
    pod(super::PASSWORD)
}
