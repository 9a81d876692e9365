//! The roles of a server, as `pg_dumpall --roles-only` writes them, brought back statement by statement.

use super::login::{failed, identifier};
use crate::failure::Failure;
use std::collections::BTreeSet;
use tokio_postgres::Client;
use zentoria_types::backup_job::JobError;

/// Makes the roles of the dump that the server does not have, with all that the dump says of them. Roles that are there
/// are left as they are. Gives back the names of those.
///
/// # Errors
/// [`JobError::TargetFailed`].
pub async fn restore(client: &Client, dump: &str) -> Result<Vec<String>, Failure> {
    let refused = |error: &tokio_postgres::Error, what: &str| failed(JobError::TargetFailed, what, error);
    let rows = client
        .query("SELECT rolname::text FROM pg_roles", &[])
        .await
        .map_err(|error| refused(&error, "the roles of the target cannot be read"))?;
    let mut there = BTreeSet::new();
    for row in rows {
        there.insert(row.try_get::<_, String>(0).map_err(|error| refused(&error, "the roles of the target"))?);
    }
    let mut kept = Vec::new();
    for statement in statements(dump) {
        let Some(role) = role_of(&statement) else { continue };
        if there.contains(&role) {
            if statement.starts_with("CREATE ROLE ") {
                kept.push(role);
            }
            continue;
        }
        client
            .batch_execute(&statement)
            .await
            .map_err(|error| refused(&error, &format!("role {}", identifier(&role))))?;
    }
    Ok(kept)
}

/// The statements of a dump, without comments and commands of psql.
fn statements(dump: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut statement = String::new();
    let mut quote: Option<char> = None;
    for line in dump.split_inclusive('\n') {
        // between statements only: a comment on a role may hold lines that look like these
        let between = quote.is_none() && statement.trim().is_empty();
        if between && (line.starts_with("--") || line.starts_with('\\')) {
            continue;
        }
        for letter in line.chars() {
            statement.push(letter);
            match (quote, letter) {
                (None, '\'' | '"') => quote = Some(letter),
                // a doubled quote ends and begins again, which comes to the same
                (Some(open), letter) if open == letter => quote = None,
                (None, ';') => all.push(std::mem::take(&mut statement).trim().to_owned()),
                (None | Some(_), _) => {}
            }
        }
    }
    all
}

/// The role that a statement is about: the one that is made, changed, commented on, or given a membership.
fn role_of(statement: &str) -> Option<String> {
    for beginning in ["CREATE ROLE ", "ALTER ROLE ", "COMMENT ON ROLE ", "SECURITY LABEL ON ROLE "] {
        if let Some(rest) = statement.strip_prefix(beginning) {
            return Some(name(rest)?.0);
        }
    }
    let (_, rest) = name(statement.strip_prefix("GRANT ")?)?;
    Some(name(rest.strip_prefix(" TO ")?)?.0)
}

/// An identifier at the beginning, and what comes after it.
fn name(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', ';']).unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(end)?;
        return Some((name.to_owned(), rest)).filter(|(name, _)| !name.is_empty());
    };
    let mut found = String::new();
    let mut letters = quoted.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        if letter != '"' {
            found.push(letter);
        } else if letters.next_if(|(_, next)| *next == '"').is_some() {
            found.push('"');
        } else {
            return Some((found, quoted.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{role_of, statements};
    use crate::source::postgres::login::{identifier, literal};
    use proptest::prelude::{any, prop_assert_eq, proptest};

    const DUMP: &str = "--\n-- PostgreSQL database cluster dump\n--\n\n\\restrict abc\n\nSET client_encoding = 'UTF8';\n\n\
        CREATE ROLE alice;\nALTER ROLE alice WITH NOSUPERUSER LOGIN PASSWORD 'SCRAM-SHA-256$4096:a;b';\n\
        CREATE ROLE \"Big \"\"Bob\"\"; x\";\nCOMMENT ON ROLE alice IS 'one\n-- two''s;\n\\three';\n\
        GRANT readers TO \"Big \"\"Bob\"\"; x\" WITH INHERIT TRUE GRANTED BY postgres;\n\n\\unrestrict abc\n";

    #[test]
    fn a_dump_falls_into_its_statements_whatever_is_quoted_in_them() {
        let all = statements(DUMP);
        assert_eq!(all.len(), 6, "{all:#?}");
        assert_eq!(all[1], "CREATE ROLE alice;");
        assert_eq!(all[4], "COMMENT ON ROLE alice IS 'one\n-- two''s;\n\\three';");
    }

    #[test]
    fn each_statement_is_about_one_role() {
        let all: Vec<_> = statements(DUMP).iter().map(|statement| role_of(statement)).collect();
        let bob = || Some("Big \"Bob\"; x".to_owned());
        let alice = || Some("alice".to_owned());
        assert_eq!(all, [None, alice(), alice(), bob(), alice(), bob()]);
    }

    proptest! {
        #[test]
        fn whatever_a_role_is_called_its_statements_are_found_again(name in any::<String>(), comment in any::<String>()) {
            let all = [
                format!("CREATE ROLE {};", identifier(&name)),
                format!("COMMENT ON ROLE {} IS {};", identifier(&name), literal(&comment)),
                format!("GRANT {} TO {} GRANTED BY postgres;", identifier(&comment), identifier(&name)),
            ];
            let found = statements(&all.join("\n"));
            prop_assert_eq!(&found, &all);
            for statement in found {
                prop_assert_eq!(role_of(&statement), Some(name.clone()));
            }
        }
    }
}
