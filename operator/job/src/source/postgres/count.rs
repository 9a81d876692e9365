//! Counts what is in a database, within the transaction that is open.

use super::facts::{DatabaseFacts, OWNER, RoleFacts, TableFacts};
use super::login::identifier;
use std::collections::BTreeMap;
use tokio_postgres::{Client, Error, Row};

/// What makes names of the system mean the system's own, the same value the same text on every server, keeps rows from being hidden by row security (the server
/// refuses then), and keeps the server from ending what takes long.
pub const SESSION: &str = "SET search_path = ''; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; \
     SET TimeZone = 'UTC'; SET extra_float_digits = 3; SET bytea_output = 'hex'; SET lc_monetary = 'C'; \
     SET row_security = off; SET statement_timeout = 0; SET lock_timeout = '600s'; \
     SET idle_in_transaction_session_timeout = 0";

/// The relations that a dump holds: not of the system, not temporary, not made by an extension.
const RELATIONS: &str = "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND c.relpersistence <> 't' \
     AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass \
     AND d.objid = c.oid AND d.deptype = 'e')";

/// How many tables one statement locks.
const TABLES_AT_ONCE: usize = 200;

/// What every statement of the schema says of a relation `c` in a schema `n`.
const NAME: &str = "format('%I.%I', n.nspname, c.relname)";

/// Everything in the database, as of the snapshot of the transaction.
///
/// # Errors
/// The server failed, or the role may not read everything.
pub async fn database(client: &Client) -> Result<DatabaseFacts, Error> {
    let row = client
        .query_one(
            "SELECT current_setting('server_version_num')::int / 10000, \
             pg_encoding_to_char(encoding)::text, datcollate::text, datctype::text \
             FROM pg_database WHERE datname = current_database()",
            &[],
        )
        .await?;
    let major: i32 = row.try_get(0)?;
    let large: i64 = client.query_one("SELECT count(*) FROM pg_largeobject_metadata", &[]).await?.try_get(0)?;
    Ok(DatabaseFacts {
        major: u32::try_from(major).unwrap_or_default(),
        encoding: row.try_get(1)?,
        collate: row.try_get(2)?,
        ctype: row.try_get(3)?,
        tables: tables(client).await?,
        large_objects: u64::try_from(large).unwrap_or_default(),
        schema: schema(client).await?,
    })
}

async fn tables(client: &Client) -> Result<BTreeMap<String, TableFacts>, Error> {
    let found = client
        .query(&format!("SELECT n.nspname::text, c.relname::text, {NAME} FROM {RELATIONS} WHERE c.relkind = 'r'"), &[])
        .await?;
    lock(client, &found).await?;
    let mut all = BTreeMap::new();
    for row in found {
        // a sum does not depend on the order of the rows, and numeric never overflows
        let counted = client
            .query_one(
                &format!(
                    "SELECT count(*), \
                     coalesce(sum(hashtextextended((zentoria_row.*)::text COLLATE \"C\", 0)::numeric), 0)::text \
                     FROM ONLY {} zentoria_row",
                    qualified(&row)?
                ),
                &[],
            )
            .await?;
        let rows: i64 = counted.try_get(0)?;
        let facts = TableFacts { rows: u64::try_from(rows).unwrap_or_default(), contents: counted.try_get(1)? };
        all.insert(row.try_get(2)?, facts);
    }
    Ok(all)
}

/// Holds the tables as they are, as `pg_dump` does at its beginning: what empties or rewrites a table does not care for
/// the snapshots of others.
async fn lock(client: &Client, tables: &[Row]) -> Result<(), Error> {
    for some in tables.chunks(TABLES_AT_ONCE) {
        let names = some.iter().map(qualified).collect::<Result<Vec<String>, Error>>()?;
        client.batch_execute(&format!("LOCK TABLE ONLY {} IN ACCESS SHARE MODE", names.join(", ONLY "))).await?;
    }
    Ok(())
}

/// The table of a row that begins with its schema and its name.
fn qualified(row: &Row) -> Result<String, Error> {
    let (schema, name): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    Ok(format!("{}.{}", identifier(&schema), identifier(&name)))
}

/// Statements that give a key and a definition each.
fn statements() -> Vec<String> {
    // of a function `p` or a type `t`, whose schema is `n`
    let ours = |class: &str, alias: &str| {
        format!(
            "n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND NOT EXISTS (SELECT FROM pg_depend d \
             WHERE d.classid = '{class}'::regclass AND d.objid = {alias}.oid AND d.deptype = 'e')"
        )
    };
    vec![
        "SELECT 'schema ' || nspname, '' FROM pg_namespace n WHERE n.nspname <> 'information_schema' \
         AND n.nspname !~ '^pg_'"
            .to_owned(),
        "SELECT 'extension ' || extname, '' FROM pg_extension WHERE extname <> 'plpgsql'".to_owned(),
        format!(
            "SELECT CASE c.relkind WHEN 'r' THEN 'table ' WHEN 'p' THEN 'partitioned table ' WHEN 'v' THEN 'view ' \
             WHEN 'm' THEN 'materialized view ' WHEN 'S' THEN 'sequence ' WHEN 'f' THEN 'foreign table ' ELSE 'relation ' END || {NAME}, \
             CASE WHEN c.relkind IN ('v', 'm') THEN md5(pg_get_viewdef(c.oid)) \
             ELSE c.relpersistence::text || CASE WHEN c.relrowsecurity THEN ' row security' ELSE '' END \
             || coalesce(' ' || pg_get_expr(c.relpartbound, c.oid), '') END \
             FROM {RELATIONS} WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')"
        ),
        format!(
            "SELECT '{OWNER}' || {NAME}, pg_get_userbyid(c.relowner)::text FROM {RELATIONS} \
             WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')"
        ),
        format!(
            "SELECT 'column ' || {NAME} || '.' || quote_ident(a.attname), \
             format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END \
             || CASE a.attidentity WHEN '' THEN '' ELSE ' identity ' || a.attidentity::text END \
             || CASE a.attgenerated WHEN '' THEN '' ELSE ' generated' END FROM {RELATIONS} \
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
             WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')"
        ),
        format!(
            "SELECT 'default ' || {NAME} || '.' || quote_ident(a.attname), \
             pg_get_expr(f.adbin, f.adrelid) FROM {RELATIONS} \
             JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped \
             JOIN pg_attrdef f ON f.adrelid = c.oid AND f.adnum = a.attnum"
        ),
        // what is not null is with the columns: servers differ in whether it is a constraint too
        format!(
            "SELECT 'constraint ' || {NAME} || '.' || quote_ident(o.conname), pg_get_constraintdef(o.oid) \
             FROM {RELATIONS} JOIN pg_constraint o ON o.conrelid = c.oid AND o.contype <> 'n'"
        ),
        format!(
            "SELECT 'index ' || {NAME}, pg_get_indexdef(c.oid) FROM {RELATIONS} WHERE c.relkind IN ('i', 'I') \
             AND NOT EXISTS (SELECT FROM pg_index x JOIN pg_depend e ON e.objid = x.indrelid \
             AND e.classid = 'pg_class'::regclass AND e.deptype = 'e' WHERE x.indexrelid = c.oid)"
        ),
        format!(
            "SELECT 'trigger ' || {NAME} || '.' || quote_ident(g.tgname), pg_get_triggerdef(g.oid) \
             FROM {RELATIONS} JOIN pg_trigger g ON g.tgrelid = c.oid AND NOT g.tgisinternal"
        ),
        format!(
            "SELECT 'policy ' || {NAME} || '.' || quote_ident(p.polname), p.polcmd::text || ' ' \
             || coalesce(pg_get_expr(p.polqual, p.polrelid), '') || ' ' \
             || coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '') \
             FROM {RELATIONS} JOIN pg_policy p ON p.polrelid = c.oid"
        ),
        format!(
            "SELECT 'function ' || format('%I.%I', n.nspname, p.proname) || '(' \
             || pg_get_function_identity_arguments(p.oid) || ')', p.prokind::text || ' ' || l.lanname || ' ' \
             || format_type(p.prorettype, NULL) || CASE WHEN p.prosecdef THEN ' security definer' ELSE '' END \
             || ' ' || md5(p.prosrc || coalesce(p.probin, '')) FROM pg_proc p \
             JOIN pg_language l ON l.oid = p.prolang \
             JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {}",
            ours("pg_proc", "p")
        ),
        format!(
            "SELECT 'type ' || format('%I.%I', n.nspname, t.typname), \
             CASE t.typtype WHEN 'e' THEN (SELECT 'enum ' || string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) \
             FROM pg_enum e WHERE e.enumtypid = t.oid) \
             WHEN 'd' THEN 'domain ' || format_type(t.typbasetype, t.typtypmod) ELSE t.typtype::text END \
             FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace \
             WHERE t.typtype IN ('e', 'd', 'r') AND {}",
            ours("pg_type", "t")
        ),
    ]
}

async fn schema(client: &Client) -> Result<BTreeMap<String, String>, Error> {
    let mut all = BTreeMap::new();
    for statement in statements() {
        for row in client.query(&statement, &[]).await? {
            let definition: Option<String> = row.try_get(1)?;
            all.insert(row.try_get(0)?, definition.unwrap_or_default());
        }
    }
    Ok(all)
}

/// The roles of the server, without those that every server has.
///
/// # Errors
/// The server failed.
pub async fn roles(client: &Client) -> Result<RoleFacts, Error> {
    let rows = client
        .query(
            "SELECT r.rolname::text, concat_ws(' ', CASE WHEN r.rolsuper THEN 'superuser' END, \
             CASE WHEN r.rolcanlogin THEN 'login' END, CASE WHEN r.rolcreatedb THEN 'createdb' END, \
             CASE WHEN r.rolcreaterole THEN 'createrole' END, CASE WHEN r.rolreplication THEN 'replication' END, \
             CASE WHEN r.rolbypassrls THEN 'bypassrls' END, CASE WHEN NOT r.rolinherit THEN 'noinherit' END, \
             (SELECT 'member of ' || string_agg(DISTINCT g.rolname, ', ' ORDER BY g.rolname) FROM pg_auth_members m \
             JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid)) \
             FROM pg_roles r WHERE r.rolname !~ '^pg_'",
            &[],
        )
        .await?;
    let mut facts = RoleFacts::default();
    for row in rows {
        facts.roles.insert(row.try_get(0)?, row.try_get(1)?);
    }
    Ok(facts)
}
