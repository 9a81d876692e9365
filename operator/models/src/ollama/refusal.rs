//! What Ollama's complaints mean. They are sentences: it has no codes.

use zentoria_types::OllamaName;

use crate::ModelError;
use crate::http::short;

/// `error` of a body `{"error": ...}`.
pub(super) fn said(body: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    value.get("error")?.as_str().map(str::to_owned)
}

enum Meaning {
    BadName,
    NotFound,
    NotTls,
    Denied,
    Damaged,
    Full,
    TooOld,
    Unreachable,
    Ending,
}

/// What Ollama says to whoever joins a download that it is just breaking off for another.
const BROKEN_OFF: &str = "context canceled";

/// The first row with a phrase that occurs counts: a registry's address may be in the sentence, and so may be its answer.
const MEANINGS: &[(Meaning, &[&str])] = &[
    (Meaning::BadName, &["invalid model name"]),
    (Meaning::Ending, &[BROKEN_OFF]),
    (Meaning::Unreachable, &["connection refused", "no such host", "no route to host", "network is unreachable"]),
    (Meaning::Full, &["no space left on device", "disk quota exceeded", "not enough space"]),
    (Meaning::Damaged, &["digest mismatch"]),
    (Meaning::TooOld, &["newer version of ollama", " 412:"]),
    (
        Meaning::NotTls,
        &[
            "gave http response to https client",
            "x509:",
            "certificate",
            "insecure protocol",
            "tls: ",
            "unknown authority",
        ],
    ),
    (Meaning::Denied, &["unauthorized", "access denied", "authentication required", " 401:", " 403:", "forbidden"]),
    (Meaning::NotFound, &["file does not exist", "manifest unknown", "name unknown"]),
    (
        Meaning::Unreachable,
        &[
            "connection reset",
            "connection closed",
            "closed idle connection",
            "broken pipe",
            "timeout",
            "timed out",
            "deadline exceeded",
            "server misbehaving",
            "temporary failure in name resolution",
            "max retries exceeded",
            "unexpected eof",
            ": eof",
            " 429:",
            " 500:",
            " 502:",
            " 503:",
            " 504:",
        ],
    ),
];

/// The error for what Ollama said of a pull; `status` where it is not in the midst of an answer.
pub(super) fn read(server: &str, name: &OllamaName, status: Option<u16>, said: &str) -> ModelError {
    // names of hosts and models, and ports, are no words of a complaint
    let parts = said.split("\"http").enumerate();
    let words = parts.map(|(number, part)| match number {
        0 => part,
        _ => part.split_once('"').map_or("", |(_, after)| after),
    });
    let folded = format!(" {}", words.collect::<String>().to_ascii_lowercase());
    let meaning = MEANINGS.iter().find(|(_, phrases)| phrases.iter().any(|phrase| folded.contains(phrase)));
    let server = server.to_owned();
    let source_name = format!("the registry {}", name.host());
    let (why, name) = (short(said), name.to_string());
    match meaning.map(|(meaning, _)| meaning) {
        Some(Meaning::BadName) => ModelError::BadName { name, why: "Ollama refuses it".to_owned() },
        Some(Meaning::NotFound) => ModelError::ModelNotFound { source_name, name },
        Some(Meaning::NotTls) => ModelError::RegistryNotTls { server, source_name, why },
        Some(Meaning::Denied) => ModelError::RegistryDenied { source_name, name, why },
        Some(Meaning::Damaged) => ModelError::DigestMismatch { source_name, name, why },
        Some(Meaning::Full) => ModelError::DiskFull { server, why },
        Some(Meaning::TooOld) => ModelError::NeedsNewerServer { server, name, why },
        Some(Meaning::Unreachable) => ModelError::RegistryUnreachable { server, source_name, why },
        Some(Meaning::Ending) => ModelError::Broken { server, what: format!("the pull of {name}"), why },
        None => ModelError::ServerError { server, what: format!("the pull of {name}"), status, said: why },
    }
}

/// Whether it failed because an earlier pull of the model is still being broken off.
pub(super) fn is_ending(error: &ModelError) -> bool {
    matches!(error, ModelError::Broken { why, .. } if why.contains(BROKEN_OFF))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_complaint_of_ollama_has_its_meaning() {
        for (said, reason) in [
            ("pull model manifest: file does not exist", "ModelNotFound"),
            ("file does not exist", "ModelNotFound"),
            ("invalid model name", "BadName"),
            (
                "pull model manifest: Get \"http://127.0.0.1:5000/v2/\": dial tcp 127.0.0.1:5000: connect: connection refused",
                "RegistryUnreachable",
            ),
            (
                "pull model manifest: Get \"https://r/v2/\": dial tcp: lookup r on 127.0.0.53:53: no such host",
                "RegistryUnreachable",
            ),
            ("max retries exceeded: unexpected EOF", "RegistryUnreachable"),
            (
                "pull model manifest: Get \"http://r/v2/lib/tiny/manifests/1b\": http: server closed idle connection",
                "RegistryUnreachable",
            ),
            (
                "pull model manifest: Get \"https://r/\": http: server gave HTTP response to HTTPS client",
                "RegistryNotTls",
            ),
            (
                "pull model manifest: Get \"https://r/\": tls: failed to verify certificate: x509: certificate signed by unknown authority",
                "RegistryNotTls",
            ),
            ("pull model manifest: unauthorized: access denied", "RegistryDenied"),
            ("pull model manifest: 403: {\"errors\":[]}", "RegistryDenied"),
            ("digest mismatch, file must be downloaded again: want sha256:aa, got sha256:bb", "DownloadDamaged"),
            ("write /models/blobs/sha256-aa-partial: no space left on device", "DiskFull"),
            (
                "pull model manifest: 412: \n\nThe model you are attempting to pull requires a newer version of Ollama.",
                "NeedsNewerServer",
            ),
            (
                "pull model manifest: Get \"https://r:5401/v2/ns/certificate/\": dial tcp 10.0.0.5:5401: connect: connection refused",
                "RegistryUnreachable",
            ),
            (
                "pull model manifest: Get \"http://r/forbidden/\": read tcp 10.0.0.5:403: i/o timeout",
                "RegistryUnreachable",
            ),
            ("http: no Location header in response", "ServerError"),
            ("context canceled", "Broken"),
        ] {
            let name = "r/ns/model:1b".parse().unwrap();
            let error = read("Ollama at http://o", &name, None, said);
            assert_eq!(error.reason(), reason, "{said}: {error}");
        }
    }
}
