//! From an answer (status, reason, body) to a value or a typed error: the one place that reads PVE's words.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::PveError;
use crate::lenient;
use crate::path;

/// How many bytes of a strange body an error carries.
const EXCERPT: usize = 200;

/// What was asked: enough to read the answer and to name the call in an error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub method: &'a str,
    /// The path below `/api2/json`, without the query.
    pub path: &'a str,
}

impl std::fmt::Display for Call<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// A complete answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub status: u16,
    /// The reason of the status line; PVE puts its error there.
    pub reason: String,
    pub body: Bytes,
}

/// The value of a good answer and the `total` that may stand beside it.
#[derive(Debug)]
pub(crate) struct Decoded<T> {
    pub data: T,
    pub total: Option<u64>,
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Envelope<T> {
    data: T,
    #[serde(default)]
    total: Option<serde_json::Value>,
}

#[derive(Deserialize, Default)]
struct ErrorBody {
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    errors: Option<BTreeMap<String, serde_json::Value>>,
}

/// Reads an answer.
pub(crate) fn decode<T: DeserializeOwned>(call: Call<'_>, answer: &Answer) -> Result<Decoded<T>, PveError> {
    if !(200..300).contains(&answer.status) {
        return Err(error_of(call, answer));
    }
    match serde_json::from_slice::<Envelope<T>>(&answer.body) {
        Ok(Envelope { data, total }) => Ok(Decoded { data, total: total.as_ref().and_then(lenient::unsigned) }),
        Err(why) => Err(payload(call, payload_problem(answer, &why), &answer.body)),
    }
}

/// A [`PveError::Payload`] for this call.
pub(crate) fn payload(call: Call<'_>, problem: impl Into<String>, body: &[u8]) -> PveError {
    PveError::Payload { call: call.to_string(), problem: problem.into(), start: excerpt(body) }
}

fn payload_problem(answer: &Answer, why: &serde_json::Error) -> String {
    let body = answer.body.trim_ascii();
    if body.is_empty() {
        "the body is empty".to_owned()
    } else if body.starts_with(b"<") {
        "HTML instead of JSON".to_owned()
    } else if why.is_eof() {
        "the body is cut off".to_owned()
    } else {
        // serde's own text may quote a value of the body, which an answer of /access/ticket must not give away.
        match why.classify() {
            serde_json::error::Category::Data => format!("not the expected shape (column {})", why.column()),
            serde_json::error::Category::Syntax
            | serde_json::error::Category::Io
            | serde_json::error::Category::Eof => format!("not JSON (column {})", why.column()),
        }
    }
}

fn excerpt(body: &[u8]) -> String {
    let cut = &body[..body.len().min(EXCERPT)];
    String::from_utf8_lossy(cut).into_owned()
}

/// The error that an answer outside 2xx means.
fn error_of(call: Call<'_>, answer: &Answer) -> PveError {
    let body: ErrorBody = serde_json::from_slice(&answer.body).unwrap_or_default();
    let said = body.message.as_deref().map(str::trim_end).filter(|m| !m.is_empty());
    let text = said.unwrap_or(answer.reason.trim_end()).to_owned();
    match answer.status {
        400 => PveError::Rejected { message: text, errors: parameter_errors(body.errors) },
        401 => PveError::Unauthenticated { reason: text },
        403 => forbidden(text),
        429 | 502..=504 => PveError::Busy { message: format!("{} {text}", answer.status) },
        595..=599 => unreachable_node(call, text),
        500 => server_error(call, answer, text),
        status => PveError::Unexpected { status, reason: text, body: excerpt(&answer.body) },
    }
}

fn parameter_errors(errors: Option<BTreeMap<String, serde_json::Value>>) -> BTreeMap<String, String> {
    errors
        .unwrap_or_default()
        .into_iter()
        .map(|(parameter, problem)| {
            let problem = lenient::text(&problem).unwrap_or_else(|| problem.to_string());
            (parameter, problem.trim_end().to_owned())
        })
        .collect()
}

/// `Permission check failed (/vms/160, VM.Config.Memory)`; other texts in the parentheses name no path.
fn forbidden(message: String) -> PveError {
    let inside = message.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    let pair = inside.filter(|text| text.starts_with('/')).and_then(|text| text.split_once(", "));
    let (path, privilege) = match pair {
        Some((path, privilege)) => (Some(path.to_owned()), Some(privilege.to_owned())),
        None => (None, None),
    };
    PveError::Forbidden { path, privilege, message }
}

fn unreachable_node(call: Call<'_>, reason: String) -> PveError {
    PveError::NodeUnreachable { node: path::node_of(call.path).unwrap_or("?").to_owned(), reason }
}

/// 500 is PVE's word for nearly everything; only texts that are known to mean one thing become a type of their own.
fn server_error(call: Call<'_>, answer: &Answer, text: String) -> PveError {
    if let Some(what) = absent_guest(call, &text) {
        return PveError::Absent { what };
    }
    if let Some(lock) = between(&text, " is locked (", ")") {
        return PveError::Locked { lock: lock.to_owned() };
    }
    let has = |part: &str| text.contains(part);
    if has("detected modified configuration") {
        PveError::DigestMismatch
    } else if has("no quorum") {
        PveError::NoQuorum { message: text }
    } else if has("hostname lookup") {
        unreachable_node(call, text)
    } else if has("can't lock file") || has("got lock request timeout") || has("can't acquire lock") {
        PveError::Busy { message: text }
    } else if is_taken_vmid(&text) {
        PveError::Exists { message: text }
    } else if is_wrong_state(&text) {
        PveError::WrongState { message: text }
    } else {
        PveError::Unexpected { status: answer.status, reason: text, body: excerpt(&answer.body) }
    }
}

/// The proof that a guest is not on a node: PVE names the missing file, and it is the file of the call's own guest.
fn absent_guest(call: Call<'_>, text: &str) -> Option<String> {
    let file = text.strip_prefix("Configuration file 'nodes/")?.strip_suffix(".conf' does not exist")?;
    let (node, rest) = file.split_once('/')?;
    let (_, vmid) = rest.split_once('/')?;
    let same = path::node_of(call.path) == Some(node) && path::vmid_of(call.path) == Some(vmid);
    same.then(|| format!("CT {vmid} on node {node}"))
}

/// `CT 101 already exists on node 'pve1'`, `unable to create CT 141 - CT 141 already exists on node 'pve1'`.
fn is_taken_vmid(text: &str) -> bool {
    (text.contains("CT ") || text.contains("VM ")) && text.contains(" already exists on node ")
}

fn is_wrong_state(text: &str) -> bool {
    let about_guest = text.starts_with("CT ") || text.starts_with("VM ");
    (about_guest && (text.ends_with(" already running") || text.ends_with(" not running")))
        || text.ends_with("container is running")
        || text.ends_with("protection mode enabled")
        || text.contains("clone of a running container is only possible")
        || text.contains("if the CT is running")
        || text.ends_with("convert a template to a template")
        || text.contains("migrate running container without")
        || text.contains("volumes of a running container")
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before).and_then(|(_, rest)| rest.split_once(after)).map(|(inside, _)| inside)
}
