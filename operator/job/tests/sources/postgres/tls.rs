//! How the connection is encrypted and the server verified.

use super::server::{PASSWORD, Postgres, programs};
use crate::support::job::{Pod, take_all};
use zentoria_test_servers::pki::{Pki, pki};
use zentoria_types::backup_job::JobError;
use zentoria_types::backup_job::secrets::{SOURCE_CA, SOURCE_PASSWORD};

/// A server with TLS, whose certificate is of that host.
async fn server(pki: &Pki) -> Option<Postgres> {
    let mut server = Postgres::source("postgres17", &[]).await?;
    server.encrypt(&pki.certificate, &pki.key).await;
    Some(server)
}

#[tokio::test]
async fn each_mode_trusts_whom_it_says_and_the_dump_agrees() {
    let (ours, other, elsewhere) = (pki("127.0.0.1"), pki("127.0.0.1"), pki("db.example"));
    let Some(right) = server(&ours).await else { return };
    let Some(misnamed) = server(&elsewhere).await else { return };
    let Some(plain) = Postgres::source("postgres17", &[]).await else { return };
    let Some(bin) = programs("postgres17") else { return };
    // server, CA, mode, whether it is trusted
    let cases = [
        (&right, &ours.ca, "verify-full", true),
        (&right, &ours.ca, "verify-ca", true),
        (&right, &other.ca, "verify-full", false),
        (&right, &other.ca, "verify-ca", false),
        (&right, &other.ca, "require", true),
        (&misnamed, &elsewhere.ca, "verify-full", false),
        (&misnamed, &elsewhere.ca, "verify-ca", true),
        (&plain, &ours.ca, "prefer", true),
        (&plain, &ours.ca, "require", false),
    ];
    for (server, ca, mode, trusted) in cases {
        let pod = Pod::with(&[(SOURCE_PASSWORD, PASSWORD), (SOURCE_CA, ca.as_str())], &[&bin]);
        let source = pod.source(&server.spec_with("postgres", &["postgres"], true, mode)).expect("a source");
        match take_all(source.as_ref()).await {
            Ok(all) => assert!(trusted && all.len() == 2, "{mode} was taken"),
            Err(failure) => {
                assert!(!trusted, "{mode}: {failure}");
                assert_eq!(failure.error, JobError::SourceAccessDenied, "{mode}: {failure}");
            }
        }
    }
}
