//! A place of a repository as restic is told of it: its name with credentials in a file, the rest as options.

use crate::failure::Failure;
use crate::setup::Setup;
use std::path::PathBuf;
use zentoria_types::Secret;
use zentoria_types::backup_job::{JobError, Location, secrets};

/// Where the Secrets' files of one repository are.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// Its password.
    pub password: &'static str,
    /// Directory of its credentials.
    pub credentials: &'static str,
    /// CA of its server.
    pub ca: &'static str,
    /// Directory of the scratch place that is its own.
    pub scratch: &'static str,
}

/// The repository of the Job.
pub const REPOSITORY: Names = Names {
    password: secrets::REPOSITORY_PASSWORD,
    credentials: secrets::REPOSITORY_CREDENTIALS,
    ca: secrets::REPOSITORY_CA,
    scratch: "repository",
};

/// The repository that a copy goes to.
pub const COPY: Names = Names {
    password: secrets::COPY_PASSWORD,
    credentials: secrets::COPY_CREDENTIALS,
    ca: secrets::COPY_CA,
    scratch: "copy",
};

/// Key and secret of an S3 server.
pub struct S3Key {
    /// Id of the key.
    pub id: Secret,
    /// The key.
    pub secret: Secret,
}

/// What restic is told.
pub struct Place {
    /// What people call it, without secrets.
    pub shown: String,
    /// File with the repository's name.
    pub repository_file: PathBuf,
    /// File with its password.
    pub password_file: PathBuf,
    /// PEM certificates of its server's CA.
    pub ca: Option<PathBuf>,
    /// File with the credentials of S3, in the form of the AWS tools.
    pub aws_file: Option<PathBuf>,
    /// Region of S3.
    pub region: Option<String>,
    /// What must not be printed.
    pub secrets: Vec<Secret>,
}

impl Place {
    /// Writes down what restic reads.
    ///
    /// # Errors
    /// [`JobError::Setup`], when a secret is missing or nothing can be written.
    pub fn prepare(setup: &Setup, location: &Location, names: Names) -> Result<Self, Failure> {
        let mut hidden = vec![setup.secrets.require(names.password)?];
        let (mut aws_file, mut region) = (None, None);
        let name = match location {
            Location::Path(path) => path.clone(),
            Location::Rest(url) => match rest_user(setup, names)? {
                Some((user, password)) => {
                    let name = format!("rest:{}", with_user(url, user.expose(), password.expose())?);
                    hidden.push(Secret::new(percent(password.expose())));
                    hidden.push(password);
                    name
                }
                None => format!("rest:{url}"),
            },
            Location::S3 { endpoint, bucket, prefix, region: wished } => {
                let key = s3_key(setup, names)?;
                aws_file = Some(setup.write_private(names.scratch, "aws", &aws(&key))?);
                hidden.push(key.secret);
                region.clone_from(wished);
                s3_name(endpoint, bucket, prefix)
            }
        };
        Ok(Self {
            shown: shown(location),
            repository_file: setup.write_private(names.scratch, "name", &Secret::new(name))?,
            password_file: setup.secrets.path(names.password),
            ca: setup.secrets.path_if_there(names.ca),
            aws_file,
            region,
            secrets: hidden,
        })
    }
}

/// A location for people.
#[must_use]
pub fn shown(location: &Location) -> String {
    match location {
        Location::Path(path) => path.clone(),
        Location::Rest(url) => url.clone(),
        Location::S3 { endpoint, bucket, prefix, region: _ } => s3_name(endpoint, bucket, prefix),
    }
}

fn s3_name(endpoint: &str, bucket: &str, prefix: &str) -> String {
    let name = format!("s3:{}/{bucket}/{}", endpoint.trim_end_matches('/'), prefix.trim_matches('/'));
    name.trim_end_matches('/').to_owned()
}

/// Key and secret of the S3 server of this repository.
///
/// # Errors
/// [`JobError::Setup`], when one is missing.
pub fn s3_key(setup: &Setup, names: Names) -> Result<S3Key, Failure> {
    let read = |key: &str| setup.secrets.require(&format!("{}/{key}", names.credentials));
    Ok(S3Key { id: read("accessKeyId")?, secret: read("secretAccessKey")? })
}

fn aws(key: &S3Key) -> Secret {
    Secret::new(format!(
        "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        key.id.expose(),
        key.secret.expose()
    ))
}

fn rest_user(setup: &Setup, names: Names) -> Result<Option<(Secret, Secret)>, Failure> {
    let user = setup.secrets.read(&format!("{}/username", names.credentials))?;
    let password = setup.secrets.read(&format!("{}/password", names.credentials))?;
    match (user, password) {
        (Some(user), Some(password)) => Ok(Some((user, password))),
        (None, None) => Ok(None),
        (Some(_), None) | (None, Some(_)) => Err(Failure::new(
            JobError::Setup,
            "the Secret with the credentials of the REST server needs both keys, `username` and `password`",
        )),
    }
}

/// `http://host/path` with user and password in it.
fn with_user(url: &str, user: &str, password: &str) -> Result<String, Failure> {
    let (scheme, rest) = url.split_once("://").ok_or_else(|| {
        Failure::new(JobError::Setup, format!("{url} is no URL of a REST server: it begins with http:// or https://"))
    })?;
    Ok(format!("{scheme}://{}:{}@{rest}", percent(user), percent(password)))
}

/// Percent-encodes everything that is not unreserved in a URL.
fn percent(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_with_any_character_fits_into_a_url() {
        assert_eq!(
            with_user("https://backup.example:8000/nodes/", "zentoria", "p@ss:w/rd%ü").unwrap(),
            "https://zentoria:p%40ss%3Aw%2Frd%25%C3%BC@backup.example:8000/nodes/"
        );
        assert_eq!(with_user("backup.example", "a", "b").unwrap_err().error, JobError::Setup);
    }

    #[test]
    fn a_bucket_is_named_with_and_without_a_prefix() {
        assert_eq!(s3_name("https://s3.example/", "backups", ""), "s3:https://s3.example/backups");
        assert_eq!(s3_name("http://10.0.0.1:9000", "backups", "/a/b/"), "s3:http://10.0.0.1:9000/backups/a/b");
    }
}
