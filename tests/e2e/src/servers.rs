//! The servers in pods: what a test does in them by hand.

use crate::stage::Stage;

impl Stage {
    /// Runs SQL in the database `zentoria`, and returns the rows, columns separated by `|`.
    ///
    /// # Panics
    /// Where the server refuses it.
    #[must_use]
    pub fn sql(&self, text: &str) -> String {
        let command =
            "PGPASSWORD=$POSTGRES_PASSWORD exec psql -h 127.0.0.1 -U postgres -d zentoria -v ON_ERROR_STOP=1 -qAt -f -";
        self.kubectl_in(&["exec", "-i", "deploy/postgres", "--", "sh", "-c", command], text).trim().to_owned()
    }

    /// Runs a command of Redis.
    ///
    /// # Panics
    /// Where it fails.
    #[must_use]
    pub fn redis(&self, words: &[&str]) -> String {
        let mut arguments = vec!["exec", "deploy/redis", "--", "redis-cli"];
        arguments.extend(words);
        self.kubectl(&arguments).trim().to_owned()
    }

    /// Runs a line of the shell where the repositories' files lie (`/data/rest`, `/data/s3`).
    ///
    /// # Panics
    /// Where it fails.
    #[must_use]
    pub fn storage(&self, line: &str) -> String {
        self.kubectl(&["exec", "deploy/storage", "-c", "rest", "--", "sh", "-c", line]).trim().to_owned()
    }

    /// Three tables with keys, text and vectors, and a view; `rows` in the largest.
    pub fn furnish_postgres(&self, rows: u32) {
        let _ = self.sql(&format!(
            "create extension if not exists vector;
             create table customers (id int primary key, name text not null);
             insert into customers select n, 'customer ' || n from generate_series(1, 500) n;
             create table documents (id bigserial primary key, customer int references customers, body text);
             insert into documents (customer, body)
               select 1 + n % 500, string_agg(md5(n::text || '.' || part), '') from generate_series(1, {rows}) n,
               generate_series(1, 32) part group by n;
             create table embeddings (id int primary key, embedding vector(3));
             insert into embeddings select n, array[n, n + 1, n + 2]::real[]::vector from generate_series(1, 1000) n;
             create index on embeddings using hnsw (embedding vector_l2_ops);
             create view busy as select customer, count(*) from documents group by customer;"
        ));
    }
}
