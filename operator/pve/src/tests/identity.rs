//! The token and the root ticket.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::server::{Server, failed, ok};
use crate::auth::ApiToken;
use crate::client::Client;
use crate::error::PveError;
use zentoria_types::{NodeName, Secret, Vmid};

const TICKET: &str = "PVE:root@pam:6B01::a+b/c==";
const STARTED: &str = "\"UPID:pve1:00003B9A:000557FA:6B015BE5:vzstart:111:root@pam:\"";

/// Accepts the ticket of the last login alone, and each ticket only so often.
async fn server(uses_of_a_ticket: usize) -> Server {
    let logins = AtomicUsize::new(0);
    let uses = AtomicUsize::new(0);
    Server::start(move |seen| {
        if seen.target == "/api2/json/access/ticket" {
            if !seen.body.contains("password=pa%26ss") {
                return failed(401, "authentication failure");
            }
            uses.store(0, Ordering::SeqCst);
            let number = logins.fetch_add(1, Ordering::SeqCst);
            return ok(&format!("{{\"ticket\":\"{TICKET}{number}\",\"CSRFPreventionToken\":\"6B01:csrf{number}\"}}"));
        }
        let fresh = uses.fetch_add(1, Ordering::SeqCst) < uses_of_a_ticket;
        if fresh && seen.header("cookie").is_some() {
            ok(STARTED)
        } else {
            failed(401, "permission denied - invalid ticket")
        }
    })
    .await
}

fn root(server: &Server, password: &str) -> Client {
    let mut config = server.config();
    config.root_password = Some(Secret::new(password));
    Client::new(config).unwrap().as_root().unwrap()
}

async fn start(client: &Client) -> Result<zentoria_types::Upid, PveError> {
    client.start(&"pve1".parse::<NodeName>().unwrap(), Vmid::new(111).unwrap()).await
}

fn logins(server: &Server) -> usize {
    server.seen().iter().filter(|seen| seen.target.ends_with("/ticket")).count()
}

#[tokio::test]
async fn the_ticket_is_sent_as_pve_wrote_it_with_the_csrf_header_and_is_kept() {
    let server = server(100).await;
    let client = root(&server, "pa&ss");
    start(&client).await.unwrap();
    start(&client).await.unwrap();
    assert_eq!(logins(&server), 1);
    let seen = server.seen();
    assert_eq!(seen[0].body, "username=root%40pam&password=pa%26ss");
    assert_eq!(seen[1].header("cookie"), Some(format!("PVEAuthCookie={TICKET}0").as_str()));
    assert_eq!(seen[1].header("csrfpreventiontoken"), Some("6B01:csrf0"));
    assert_eq!(seen[1].header("authorization"), None);
}

#[tokio::test]
async fn a_refused_ticket_is_renewed_once() {
    let server = server(1).await;
    let client = root(&server, "pa&ss");
    start(&client).await.unwrap();
    start(&client).await.unwrap();
    assert_eq!(logins(&server), 2);
}

#[tokio::test]
async fn a_fresh_ticket_that_is_refused_is_an_error_and_not_a_loop() {
    let server = server(0).await;
    let error = start(&root(&server, "pa&ss")).await.unwrap_err();
    assert_eq!(error.kind(), "unauthenticated");
    assert_eq!(logins(&server), 1);
}

#[tokio::test]
async fn a_wrong_password_of_root_is_told_as_such_and_not_as_a_wrong_token() {
    let server = server(100).await;
    let error = start(&root(&server, "wrong")).await.unwrap_err();
    assert_eq!(error, PveError::RootRefused { reason: "authentication failure".to_owned() });
    let text = error.to_string();
    assert!(text.starts_with("the password of root@pam was refused"), "{text}");
    assert!(!text.contains("wrong"), "{text}");
}

#[tokio::test]
async fn a_second_factor_of_root_is_told_as_such() {
    let half = "{\"NeedTFA\":1,\"ticket\":\"PVE:!tfa!x\",\"CSRFPreventionToken\":\"6B01:csrf\"}";
    let server = Server::start(move |_| ok(half)).await;
    let error = start(&root(&server, "pa&ss")).await.unwrap_err();
    assert!(matches!(&error, PveError::RootRefused { reason } if reason.contains("second factor")), "{error:?}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn concurrent_calls_of_root_log_in_once() {
    let server = server(100).await;
    let client = root(&server, "pa&ss");
    let calls: Vec<_> = (0..5)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { start(&client).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(logins(&server), 1);
}

#[tokio::test]
async fn no_secret_is_printed() {
    let token = ApiToken::new("ops@pve!operator", &Secret::new("s3cret")).unwrap();
    assert!(!format!("{token:?}").contains("s3cret"));
    let answer = Server::start(|_| ok(&format!("{{\"ticket\":\"{TICKET}\"}}"))).await;
    let error = start(&root(&answer, "pa&ss")).await.unwrap_err();
    assert_eq!(error.kind(), "payload");
    assert!(!format!("{error:?} {error}").contains("a+b/c"), "{error:?}");
    let fence: crate::client::Fence = Arc::new(|| true);
    assert!(fence());
    assert!(!format!("{:?}", root(&answer, "pa&ss")).contains("pa&ss"));
}

#[test]
fn the_id_of_a_token_has_three_parts() {
    for id in ["ops@pve", "ops!operator", "ops@pve!", "", "ops@pve!a\n"] {
        let made = ApiToken::new(id, &Secret::new("x"));
        assert_eq!(made.is_ok(), id == "ops@pve!a\n", "{id:?}");
    }
}
