//! Servers with TLS, and with a token.

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;
use tokio::net::TcpListener;
use zentoria_models::{Class, Endpoint, ModelServer, Ollama};
use zentoria_test_servers::http::serve;
use zentoria_test_servers::pki::{Pki, pki};
use zentoria_types::Secret;

use crate::at;

const TOKEN: &str = "hunter2-hunter2";

fn routes() -> Router {
    Router::new().route(
        "/api/tags",
        get(|headers: HeaderMap| async move {
            let right = headers.get("authorization").is_some_and(|given| given == &format!("Bearer {TOKEN}"));
            if right { Ok(r#"{"models":[]}"#) } else { Err(axum::http::StatusCode::UNAUTHORIZED) }
        }),
    )
}

/// Serves with this certificate; the task ends with the test's runtime.
async fn with_tls(pki: &Pki) -> u16 {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pki.certificate.as_bytes()).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(pki.key.as_bytes()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = TowerToHyperService::new(routes());
                let _ =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    port
}

fn over_tls(port: u16, ca: &str) -> Endpoint {
    Endpoint {
        base: Endpoint::parse(&format!("https://127.0.0.1:{port}")).unwrap(),
        ca: Some(ca.to_owned()),
        token: Some(Secret::new(format!("{TOKEN}\n"))),
        ..at(port)
    }
}

#[tokio::test]
async fn a_server_is_trusted_by_its_ca_alone_and_gets_the_token() {
    let ours = pki("127.0.0.1");
    let port = with_tls(&ours).await;
    assert_eq!(Ollama::new(over_tls(port, &ours.ca)).unwrap().list().await, Ok(vec![]));

    let error = Ollama::new(over_tls(port, &pki("127.0.0.1").ca)).unwrap().list().await.unwrap_err();
    assert_eq!((error.reason(), error.class()), ("NotTrusted", Class::Stalled), "{error}");
    let system = Endpoint { ca: None, ..over_tls(port, "") };
    assert_eq!(Ollama::new(system).unwrap().list().await.unwrap_err().reason(), "NotTrusted");
    let elsewhere = pki("elsewhere.example");
    let port = with_tls(&elsewhere).await;
    let error = Ollama::new(over_tls(port, &elsewhere.ca)).unwrap().list().await.unwrap_err();
    assert_eq!(error.reason(), "NotTrusted", "{error}");

    let plain = serve(routes()).await;
    let error = Ollama::new(over_tls(plain.port, &ours.ca)).unwrap().list().await.unwrap_err();
    assert_eq!(error.reason(), "NotTrusted", "{error}");
    let error = Ollama::new(over_tls(port, "no certificate")).err().unwrap();
    assert_eq!((error.reason(), error.class()), ("Setup", Class::Stalled), "{error}");
}

#[tokio::test]
async fn a_wrong_token_is_told_and_never_shown() {
    let server = serve(routes()).await;
    let right = Endpoint { token: Some(Secret::new(TOKEN)), ..at(server.port) };
    assert_eq!(Ollama::new(right.clone()).unwrap().list().await, Ok(vec![]));
    assert!(!format!("{right:?}").contains(TOKEN));
    for token in [None, Some("wrong")] {
        let wrong = Endpoint { token: token.map(Secret::new), ..at(server.port) };
        let error = Ollama::new(wrong).unwrap().list().await.unwrap_err();
        assert_eq!((error.reason(), error.class()), ("Unauthorized", Class::Stalled), "{error}");
    }
    let unfit = Endpoint { token: Some(Secret::new("a\u{1}b")), ..at(server.port) };
    let error = Ollama::new(unfit).unwrap().list().await.unwrap_err();
    assert_eq!(error.reason(), "Setup");
    assert!(!error.to_string().contains("a\u{1}b"));
}
