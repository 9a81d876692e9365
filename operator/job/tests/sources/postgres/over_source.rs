//! Restores over the source.

use super::estate;
use crate::support::job::{bring_back, take_all};
use tokio::io::AsyncWriteExt;
use zentoria_job::contract::Place;
use zentoria_types::backup_job::JobError;

const ROWS: &str = "SELECT count(*) FROM embeddings";
const DATABASES: &str = "SELECT count(*) FROM pg_database WHERE NOT datistemplate";

#[tokio::test]
async fn a_damaged_database_comes_back_as_it_was_though_somebody_is_connected() {
    let Some((server, pod)) = estate("postgres16").await else { return };
    let source = pod.source(&server.spec(&["app"])).expect("a source");
    let all = take_all(source.as_ref()).await.expect("a backup");
    server.run_sql("app", "DROP TABLE \"Big Table\" CASCADE; DELETE FROM embeddings").await;
    let somebody = server.client("app").await;
    let before = server.number("postgres", DATABASES).await;
    let found = bring_back(source.as_ref(), &all["app"], &Place::Source).await.expect("a restore");
    assert_eq!(found, Vec::<String>::new());
    assert!(somebody.simple_query("SELECT 1").await.is_err(), "the old session has ended");
    assert_eq!(server.number("app", ROWS).await, 300);
    assert_eq!(server.number("app", "SELECT count(*) FROM \"Big Table\"").await, 500);
    assert_eq!(server.number("postgres", DATABASES).await, before, "what stood aside is gone");
    let owner = "SELECT count(*) FROM pg_database WHERE datname = 'app' AND pg_get_userbyid(datdba) = 'alice'";
    assert_eq!(server.number("postgres", owner).await, 1, "the owner is the same");
    let setting = "SELECT count(*) FROM pg_settings WHERE name = 'work_mem' AND setting = '5120'";
    assert_eq!(server.number("app", setting).await, 1, "the settings of the database are the same");
}

#[tokio::test]
async fn a_database_and_a_role_that_vanished_come_back_and_roles_that_are_there_stay_as_they_are() {
    let Some((server, pod)) = estate("postgres16").await else { return };
    let source = pod.source(&server.spec(&["app"])).expect("a source");
    let all = take_all(source.as_ref()).await.expect("a backup");
    server.run_sql("postgres", "DROP DATABASE app").await;
    server.run_sql("postgres", "DROP ROLE alice; ALTER ROLE \"readers of; all\" CREATEROLE").await;
    for part in source.parts().await.expect_err("app is gone").message.lines() {
        assert!(part.contains("`app`"), "{part}");
    }
    for name in ["roles/", "app"] {
        let found = bring_back(source.as_ref(), &all[name], &Place::Source).await.expect("a restore");
        assert_eq!(found, Vec::<String>::new());
    }
    assert_eq!(server.number("app", ROWS).await, 300);
    let member = "SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = 'alice'";
    assert_eq!(server.number("postgres", member).await, 1, "alice is a member again");
    let kept = "SELECT count(*) FROM pg_roles WHERE rolname = 'readers of; all' AND rolcreaterole";
    assert_eq!(server.number("postgres", kept).await, 1, "a role that is there is not touched");
}

#[tokio::test]
async fn a_restore_that_fails_or_differs_leaves_the_database_as_it_was() {
    let Some((server, pod)) = estate("postgres16").await else { return };
    let source = pod.source(&server.spec(&["app"])).expect("a source");
    let all = take_all(source.as_ref()).await.expect("a backup");
    server.run_sql("app", "INSERT INTO embeddings VALUES (1000, 'mine', '[1,2,3]')").await;
    let before = server.number("postgres", DATABASES).await;

    let mut cut = all["app"].clone();
    cut.bytes.truncate(cut.bytes.len() / 2);
    let failure = bring_back(source.as_ref(), &cut, &Place::Source).await.expect_err("half a dump");
    assert_eq!(failure.error, JobError::TargetFailed, "{failure}");
    assert!(failure.message.contains("left as it was"), "{failure}");
    assert_eq!(server.number("app", ROWS).await, 301, "nothing was lost");

    let mut other = all["app"].clone();
    other.stored.facts["largeObjects"] = 9.into();
    let found = bring_back(source.as_ref(), &other, &Place::Source).await.expect("a restore that differs");
    assert_eq!(found, ["large objects: 1, recorded 9"]);
    assert_eq!(server.number("app", ROWS).await, 301, "nothing was lost");
    assert_eq!(server.number("postgres", DATABASES).await, before);
}

#[tokio::test]
async fn a_database_that_takes_no_connections_is_put_aside_and_comes_back_as_any_other() {
    let Some((server, pod)) = estate("postgres16").await else { return };
    let source = pod.source(&server.spec(&["app"])).expect("a source");
    let all = take_all(source.as_ref()).await.expect("a backup");
    server.run_sql("app", "INSERT INTO embeddings VALUES (1000, 'mine', '[1,2,3]')").await;
    let before = server.number("postgres", DATABASES).await;
    server.run_sql("postgres", "ALTER DATABASE app WITH ALLOW_CONNECTIONS false").await;

    let mut cut = all["app"].clone();
    cut.bytes.truncate(cut.bytes.len() / 2);
    let failure = bring_back(source.as_ref(), &cut, &Place::Source).await.expect_err("half a dump");
    assert!(failure.message.contains("left as it was: closed"), "{failure}");
    let closed = "SELECT count(*) FROM pg_database WHERE datname = 'app' AND NOT datallowconn";
    assert_eq!(server.number("postgres", closed).await, 1, "it is there, and nobody has opened it");
    server.run_sql("postgres", "ALTER DATABASE app WITH ALLOW_CONNECTIONS true").await;
    assert_eq!(server.number("app", ROWS).await, 301, "nothing was lost");

    server.run_sql("postgres", "ALTER DATABASE app WITH ALLOW_CONNECTIONS false").await;
    let found = bring_back(source.as_ref(), &all["app"], &Place::Source).await.expect("a restore");
    assert_eq!(found, Vec::<String>::new());
    assert_eq!(server.number("app", ROWS).await, 300, "what was restored is open");
    assert_eq!(server.number("postgres", DATABASES).await, before, "what stood aside is gone");
}

#[tokio::test]
async fn a_restore_of_a_database_that_is_gone_drops_none_that_somebody_makes_meanwhile() {
    let Some((server, pod)) = estate("postgres16").await else { return };
    let source = pod.source(&server.spec(&["app"])).expect("a source");
    let kept = take_all(source.as_ref()).await.expect("a backup").remove("app").expect("app");
    server.run_sql("postgres", "DROP DATABASE app").await;
    let (mut fed, mut bytes) = tokio::io::duplex(16);
    let (restored, ()) = tokio::join!(source.restore(&kept.stored, &mut bytes, &Place::Source), async {
        let (beginning, rest) = kept.bytes.split_at(64);
        // more than fits in between: it was looked whether there is one, and now it is read
        fed.write_all(beginning).await.expect("read");
        server.run_sql("postgres", "CREATE DATABASE app").await;
        fed.write_all(rest).await.expect("read");
        drop(fed);
    });
    let failure = restored.expect_err("there is one again");
    assert!(failure.message.contains("CREATE DATABASE"), "{failure}");
    assert_eq!(server.number("app", "SELECT 1::bigint").await, 1, "it is still there");
}

#[tokio::test]
async fn what_a_restore_that_was_killed_has_left_is_not_touched_and_told_by_the_next() {
    let Some((server, pod)) = estate("postgres16").await else { return };
    let source = pod.source(&server.spec(&["app"])).expect("a source");
    let all = take_all(source.as_ref()).await.expect("a backup");
    server.run_sql("postgres", "CREATE DATABASE app_before_1700000000 ALLOW_CONNECTIONS false").await;
    let found = bring_back(source.as_ref(), &all["app"], &Place::Source).await.expect("a restore");
    assert_eq!(found, Vec::<String>::new());
    let said = source.warnings();
    assert!(said.len() == 1 && said[0].contains("`app_before_1700000000`"), "{said:?}");
    let left = "SELECT count(*) FROM pg_database WHERE datname LIKE 'app_before_%'";
    assert_eq!(server.number("postgres", left).await, 1, "its own is gone, the other one stays");
}
