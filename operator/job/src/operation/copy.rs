//! Copies all snapshots to another repository.

use super::is_the_one;
use crate::failure::Failure;
use crate::restic::{Restic, location};
use crate::setup::Setup;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use zentoria_types::Secret;
use zentoria_types::backup_job::{JobError, Location, Outcome};

/// Name of the remote through which a second S3 server is read.
const REMOTE: &str = "zentoria";

/// Copies what the other one does not have yet, and tells how many snapshots it holds then.
pub(super) async fn copy(
    setup: &Setup,
    from: &Restic,
    (to, to_id): (&Location, &str),
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let mut other = Restic::open(setup, to, location::COPY)?;
    is_the_one(&other, to_id).await.map_err(|failure| failure.during("the repository that is copied to"))?;
    let source = prepare(setup, from, &mut other, to)?;
    let copied = other.call(["copy"]).args(source).waiting_for_locks().output().await;
    if let Err(mut failure) = copied {
        if failure.error == JobError::Locked {
            failure.locks = other.locks().await?;
            failure.locks.extend(from.locks().await?);
        }
        return Err(failure);
    }
    outcome.snapshots = Some(other.snapshots().await?.len() as u64);
    Ok(())
}

/// Prepares the call for what it reads from, and gives the arguments that tell it. restic has one set of S3 credentials for both of its repositories: where both are
/// S3, the first one is read through rclone, which has its own.
fn prepare(setup: &Setup, from: &Restic, other: &mut Restic, to: &Location) -> Result<[OsString; 4], Failure> {
    let place = from.place();
    let (theirs, ours) = (other.place().ca.clone(), place.ca.clone());
    let name = match (&setup.spec.repository, to) {
        (Location::S3 { endpoint, bucket, prefix, region }, Location::S3 { .. }) => {
            let config = rclone(endpoint, region.as_deref(), &location::s3_key(setup, location::REPOSITORY)?);
            other.set_env("RCLONE_CONFIG", setup.write_private("copy", "rclone.conf", &config)?);
            if let Some(ca) = ours {
                other.set_env("RCLONE_CA_CERT", ca);
            }
            let program = setup.programs.find("rclone")?;
            other.add_args(["-o".into(), format!("rclone.program={}", program.display()).into()]);
            let inside = format!("{bucket}/{}", prefix.trim_matches('/'));
            let name = Secret::new(format!("rclone:{REMOTE}:{}", inside.trim_end_matches('/')));
            setup.write_private("copy", "from", &name)?
        }
        (Location::Path(_) | Location::Rest(_) | Location::S3 { .. }, _) => {
            if let Some(file) = &place.aws_file {
                other.set_env("AWS_SHARED_CREDENTIALS_FILE", file);
            }
            if let Some(region) = &place.region {
                other.add_args(["-o".into(), format!("s3.region={region}").into()]);
            }
            let needs_ca = |location: &Location| !matches!(location, Location::Path(_));
            other.set_ca(both(setup, (needs_ca(&setup.spec.repository), ours), (needs_ca(to), theirs))?);
            place.repository_file.clone()
        }
    };
    other.hide(place.secrets.clone());
    Ok([
        "--from-repository-file".into(),
        name.into_os_string(),
        "--from-password-file".into(),
        place.password_file.clone().into_os_string(),
    ])
}

fn rclone(endpoint: &str, region: Option<&str>, key: &location::S3Key) -> Secret {
    let region = region.map(|region| format!("region = {region}\n")).unwrap_or_default();
    Secret::new(format!(
        "[{REMOTE}]\ntype = s3\nprovider = Other\nendpoint = {endpoint}\naccess_key_id = {}\nsecret_access_key = {}\n{region}",
        key.id.expose(),
        key.secret.expose()
    ))
}

/// Where Debian and its like keep the CAs that everybody trusts.
const SYSTEM_CAS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// restic takes the CAs of both of its servers from one file, which replaces those of the system.
fn both(
    setup: &Setup,
    (one_asks, one): (bool, Option<PathBuf>),
    (other_asks, other): (bool, Option<PathBuf>),
) -> Result<Option<PathBuf>, Failure> {
    let files: Vec<PathBuf> = match (one_asks, one, other_asks, other) {
        (false, _, _, other) => return Ok(other),
        (_, one, false, _) => return Ok(one),
        (true, None, true, None) => return Ok(None),
        (true, Some(one), true, Some(other)) => vec![one, other],
        (true, Some(only), true, None) | (true, None, true, Some(only)) => vec![only, SYSTEM_CAS.into()],
    };
    let mut text = String::new();
    for file in files.iter().filter(|file| *file != Path::new(SYSTEM_CAS) || file.exists()) {
        let read = std::fs::read_to_string(file);
        text.push_str(&read.map_err(|error| Failure::new(JobError::Setup, format!("{}: {error}", file.display())))?);
        text.push('\n');
    }
    setup.write_private("copy", "both-ca.crt", &Secret::new(text)).map(Some)
}
