//! Servers that are not what they are taken for.

use std::time::Duration;

use zentoria_models::{Class, Dialer, Endpoint, Model, ModelError, ModelServer, Ollama, PullOptions, Speaches};
use zentoria_test_servers::process::free_port;

use crate::at;
use crate::raw::{Then, raw, stream};

const ASK: PullOptions = PullOptions { insecure: false, stall: Duration::from_secs(20), room: None };

fn body(status: &str, kind: &str, body: &str) -> Vec<Vec<u8>> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
    vec![head.into_bytes(), body.as_bytes().to_vec()]
}

/// What each driver says of a server, in its list and in a pull.
async fn said_of(endpoint: &Endpoint) -> Vec<ModelError> {
    let ollama = Ollama::new(endpoint.clone()).unwrap();
    let speaches = Speaches::new(endpoint.clone()).unwrap();
    let (name, repository) = ("tiny:1b".to_owned(), "owner/tiny".to_owned());
    let model = |name| Model { name, revision: None };
    vec![
        ollama.list().await.unwrap_err(),
        ollama.pull(&model(name), ASK, &|_| ()).await.unwrap_err(),
        speaches.list().await.unwrap_err(),
        speaches.pull(&model(repository), ASK, &|_| ()).await.unwrap_err(),
    ]
}

#[tokio::test]
async fn another_program_is_told_from_a_model_server() {
    let json = "application/json";
    for (parts, then, reason, class) in [
        (
            body("200 OK", "text/html", "<html><body>Welcome to nginx!</body></html>"),
            Then::Close,
            "NotThisServer",
            Class::Retry,
        ),
        (body("404 Not Found", "text/html", "<html>404</html>"), Then::Close, "NotThisServer", Class::Retry),
        (body("200 OK", json, "[1,2,3]"), Then::Close, "NotThisServer", Class::Retry),
        (body("200 OK", json, r#"{"version":1}"#), Then::Close, "NotThisServer", Class::Retry),
        (
            vec![b"HTTP/1.1 301 Moved\r\nLocation: https://elsewhere/\r\nContent-Length: 0\r\n\r\n".to_vec()],
            Then::Close,
            "NotThisServer",
            Class::Retry,
        ),
        (vec![b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()], Then::Close, "NotThisServer", Class::Retry),
        (body("500 Internal Server Error", json, r#"{"error":"it broke"}"#), Then::Close, "ServerError", Class::Retry),
        (body("401 Unauthorized", json, r#"{"detail":"no"}"#), Then::Close, "Unauthorized", Class::Stalled),
        (body("403 Forbidden", "text/plain", "no"), Then::Close, "Unauthorized", Class::Stalled),
        (vec![b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"mod".to_vec()], Then::Close, "Broken", Class::Retry),
        (vec![], Then::Close, "Broken", Class::Retry),
    ] {
        let shown = String::from_utf8_lossy(&parts.concat()).into_owned();
        let server = raw(parts, then).await;
        for error in said_of(&at(server.port)).await {
            assert_eq!((error.reason(), error.class()), (reason, class), "{shown}: {error}");
        }
    }
}

#[tokio::test]
async fn an_endless_answer_is_given_up() {
    for forever in
        [b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx".repeat(512), b" \n".repeat(16_384)]
    {
        let server = stream(&[], Then::Forever(forever.leak())).await;
        let ollama = Ollama::new(at(server.port)).unwrap();
        assert_eq!(ollama.list().await.unwrap_err().reason(), "TooMuch");
    }
    // a pull without end in one line, and in empty lines that never grow
    let server = stream(&[], Then::Forever(&[b'x'; 4096])).await;
    let model = Model { name: "tiny".to_owned(), revision: None };
    let error = Ollama::new(at(server.port)).unwrap().pull(&model, ASK, &|_| ()).await.unwrap_err();
    assert_eq!((error.reason(), error.class()), ("TooMuch", Class::Stalled), "{error}");
    let server = stream(&[], Then::Forever(b"{\"status\":\"pulling manifest\"}\n")).await;
    let impatient = PullOptions { stall: Duration::from_millis(300), ..ASK };
    let error = Ollama::new(at(server.port)).unwrap().pull(&model, impatient, &|_| ()).await.unwrap_err();
    assert_eq!(error.reason(), "NoGrowth", "{error}");
}

#[tokio::test]
async fn a_server_that_is_silent_or_away_is_not_waited_for() {
    let short = Duration::from_millis(200);
    let silent = raw(vec![], Then::Silence).await;
    let endpoint = Endpoint { idle_timeout: short, ..at(silent.port) };
    let error = Ollama::new(endpoint).unwrap().list().await.unwrap_err();
    assert_eq!((error.reason(), error.class()), ("TimedOut", Class::Retry), "{error}");
    let half = raw(vec![b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{".to_vec()], Then::Silence).await;
    let error = Ollama::new(Endpoint { idle_timeout: short, ..at(half.port) }).unwrap().list().await.unwrap_err();
    assert_eq!(error.reason(), "TimedOut", "{error}");
    for error in said_of(&at(free_port())).await {
        assert_eq!((error.reason(), error.class()), ("Unreachable", Class::Retry), "{error}");
        assert!(error.to_string().contains("Connection refused"), "{error}");
    }
    let nowhere = Endpoint { dialer: Dialer::from_rows(["10.0.0.1:80=127.0.0.1:1"]).unwrap(), ..at(silent.port) };
    for error in said_of(&nowhere).await {
        assert_eq!(error.reason(), "Unreachable");
        assert!(error.to_string().contains("is not in the dial map"), "{error}");
    }
}
