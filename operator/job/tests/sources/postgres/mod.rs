//! PostgreSQL with pgvector.

mod backup;
mod over_source;
mod proof;
mod server;
mod tls;

use crate::support::job::Pod;
use server::programs;
pub use server::{PASSWORD, Postgres};
use zentoria_types::backup_job::secrets::SOURCE_PASSWORD;

/// A database with one of everything that a dump has to keep.
const ESTATE: &str = r#"
    CREATE EXTENSION vector;
    CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s fine');
    CREATE TABLE "Big Table" (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "it's" mood DEFAULT 'ok',
        twice bigint GENERATED ALWAYS AS (7 * 2) STORED, at timestamptz DEFAULT now(), price numeric(10, 2), f float8);
    INSERT INTO "Big Table" (price, f) SELECT i / 3.0, sqrt(i) FROM generate_series(1, 500) i;
    CREATE TABLE embeddings (id int PRIMARY KEY, "zentoria_row" text, e vector(3) NOT NULL);
    INSERT INTO embeddings SELECT i, md5(i::text), ARRAY[i, random(), 1 / i::float8]::vector FROM generate_series(1, 300) i;
    CREATE INDEX nearest ON embeddings USING hnsw (e vector_l2_ops);
    CREATE SCHEMA "of-app";
    CREATE TABLE "of-app".parent (k int, v text) PARTITION BY LIST (k);
    CREATE TABLE "of-app".one PARTITION OF "of-app".parent FOR VALUES IN (1);
    CREATE TABLE "of-app".two PARTITION OF "of-app".parent FOR VALUES IN (2);
    INSERT INTO "of-app".parent SELECT 1 + i % 2, 'row ' || i FROM generate_series(1, 40) i;
    CREATE TABLE empty ();
    CREATE VIEW cheap AS SELECT id, price FROM "Big Table" WHERE price < 10;
    CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM "Big Table";
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.at := now(); RETURN NEW; END $$;
    CREATE TRIGGER touched BEFORE UPDATE ON "Big Table" FOR EACH ROW EXECUTE FUNCTION touch();
    ALTER TABLE embeddings ENABLE ROW LEVEL SECURITY;
    CREATE POLICY small ON embeddings USING (id < 10);
    SELECT lo_create(4711);
"#;

/// A source with that database, `app`, of the role `alice`, and an empty one; and the Job's pod.
pub async fn estate(version: &'static str) -> Option<(Postgres, Pod)> {
    let server = Postgres::source(version, &[]).await?;
    server
        .run_sql(
            "postgres",
            r#"CREATE ROLE "readers of; all"; CREATE ROLE alice LOGIN PASSWORD 'x' CREATEDB IN ROLE "readers of; all"; COMMENT ON ROLE alice IS 'two
-- lines'; "#,
        )
        .await;
    server.run_sql("postgres", "CREATE DATABASE app OWNER alice").await;
    server.run_sql("postgres", "CREATE DATABASE \"we=ird 'n\\ame\"").await;
    server.run_sql("app", ESTATE).await;
    server
        .run_sql("app", "ALTER TABLE embeddings OWNER TO alice; GRANT SELECT ON embeddings TO \"readers of; all\"")
        .await;
    server.run_sql("postgres", "ALTER DATABASE app SET work_mem = '5MB'").await;
    Some((server, pod(PASSWORD)?))
}

/// A pod with the programs of two versions.
fn pod(password: &str) -> Option<Pod> {
    let (newer, older) = (programs("postgres18")?, programs("postgres16")?);
    Some(Pod::with(&[(SOURCE_PASSWORD, password)], &[&newer, &older]))
}
