//! `recovery-kit`: everything that a new cluster needs to read the backups again, in one encrypted file. The passwords of
//! the backups are kept by the very control plane that may be what burned.

mod collect;
mod open;
mod passphrase;
mod restic;
mod seal;

pub use open::open;

use crate::Answer;
use crate::annotate::annotate;
use crate::connect::connect;
use crate::error::Error;
use crate::options::{RecoveryKit, To};
use jiff::Timestamp;
use kube::ResourceExt;
use seal::Lock;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use zentoria_api::wire::RECOVERY_KIT_ANNOTATION;

/// Writes the file, and notes on each repository when it became part of it.
///
/// # Errors
/// Where a Secret that is named is missing, the file exists, or cannot be written.
pub async fn run(to: &To, what: &RecoveryKit) -> Result<Answer, Error> {
    let lock = Lock::of(what)?;
    let api = connect(to).await?;
    let now = Timestamp::now();
    let kit = collect::collect(&api, what, now).await?;
    let sealed = lock.seal(kit.text.as_bytes())?;
    let output = what.output.clone().unwrap_or_default();
    let file = output.display().to_string();
    write(&output, &sealed)?;
    let mut answer = Answer::done(format!(
        "{file}: {} objects and {} Secrets of {} repositories' estates. Keep it away from this cluster and from its backups.\n",
        kit.objects,
        kit.secrets,
        kit.repositories.len()
    ));
    let noted = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    for repository in kit.repositories {
        let namespace = repository.namespace().unwrap_or_default();
        let what = format!("br/{} in namespace {namespace}", repository.name_any());
        let objects = kube::Api::namespaced(api.client.clone(), &namespace);
        let written =
            annotate(&objects, repository, &what, RECOVERY_KIT_ANNOTATION, |_| Ok((Some(Some(noted.clone())), ())));
        if let Err(error) = written.await {
            answer.asides.push(format!("warning: the file is whole, but {error}: its age will not be shown"));
        }
    }
    Ok(answer)
}

/// Writes a file that only its owner can read, and that is not there yet.
fn write(path: &Path, text: &[u8]) -> Result<(), Error> {
    let failed = |error: std::io::Error| {
        let why = match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                "there is one already, and it is not overwritten: name another one".to_owned()
            }
            _ => error.to_string(),
        };
        Error::File { file: path.display().to_string(), why }
    };
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    out.write_all(text).and_then(|()| out.sync_all()).map_err(failed)
}
