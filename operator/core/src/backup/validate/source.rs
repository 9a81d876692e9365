//! Sources: addresses in place of references, and what they need as files.

use super::problem::{Problem, has_key, secret_key, there_are};
use crate::backup::surroundings::Surroundings;
use crate::backup::want::{CredentialsUse, Place, RepositoryUse, SourceSecrets};
use zentoria_api::backup::{
    CommandSource, Endpoint, FilesSource, PostgresSource, QdrantSource, RedisSource, S3Source, SecretKey, Source, Ssh,
    SslMode, VaultSource,
};
use zentoria_api::wire::{SSH_PRIVATE_KEY, SSH_SECRET_NAME};
use zentoria_types::backup_job::{Location, Server, SourceSpec, SshServer};

/// Stands where an address would, in a restore that goes elsewhere: its source may be gone.
const NOWHERE: &str = "source.invalid";

/// Whether the source is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// It is read from, or written to: it has to be there.
    Source,
    /// Only its kind matters.
    KindAlone,
}

/// Looks a source up; `None` for vzdump.
pub(super) fn look_up(
    source: &Source,
    around: &Surroundings,
    need: Need,
) -> Result<Option<(SourceSpec, SourceSecrets)>, Problem> {
    let look = Look { around, need, kind: kind(source) };
    let (spec, secrets) = match source {
        Source::Postgres(source) => look.postgres(source)?,
        Source::Redis(source) => look.redis(source)?,
        Source::Qdrant(source) => look.qdrant(source)?,
        Source::Vault(source) => look.vault(source)?,
        Source::S3(source) => look.s3(source)?,
        Source::Files(source) => look.files(source)?,
        Source::Command(source) => look.command(source)?,
        Source::Vzdump(_) => return Ok(None),
    };
    let optional = need == Need::KindAlone;
    Ok(Some((spec, SourceSecrets { optional, ..secrets })))
}

/// The name of the field.
pub(super) const fn kind(source: &Source) -> &'static str {
    match source {
        Source::Postgres(_) => "postgres",
        Source::Redis(_) => "redis",
        Source::Qdrant(_) => "qdrant",
        Source::Vault(_) => "vault",
        Source::S3(_) => "s3",
        Source::Files(_) => "files",
        Source::Command(_) => "command",
        Source::Vzdump(_) => "vzdump",
    }
}

/// Where its server is; `None` for vzdump.
pub(super) const fn server(source: &Source) -> Option<&Endpoint> {
    match source {
        Source::Postgres(source) => Some(&source.server),
        Source::Redis(source) => Some(&source.server),
        Source::Qdrant(source) => Some(&source.server),
        Source::Vault(source) => Some(&source.server),
        Source::S3(source) => Some(&source.server),
        Source::Files(source) => Some(&source.server),
        Source::Command(source) => Some(&source.server),
        Source::Vzdump(_) => None,
    }
}

/// What is backed up, for people: `postgres zentoria-db`, `vzdump tier=data`.
pub(in crate::backup) fn words(source: &Source) -> String {
    let of = match (source, server(source)) {
        (Source::Vzdump(vzdump), _) => crate::firewall::selector_words(&vzdump.selector),
        (_, Some(Endpoint { container_ref: Some(container), .. })) => container.name.clone(),
        (_, Some(Endpoint { host: Some(host), .. })) => host.clone(),
        (_, Some(_) | None) => String::new(),
    };
    format!("{} {of}", kind(source)).trim_end().to_owned()
}

struct Look<'a> {
    around: &'a Surroundings,
    need: Need,
    kind: &'static str,
}

type Found = Result<(SourceSpec, SourceSecrets), Problem>;

impl Look<'_> {
    fn field(&self, name: &str) -> String {
        format!("spec.source.{}.{name}", self.kind)
    }

    fn postgres(&self, source: &PostgresSource) -> Found {
        let PostgresSource { server, user, password_secret_ref, databases, roles, ssl_mode, ca_secret_ref } = source;
        let verifies = matches!(ssl_mode, SslMode::VerifyCa | SslMode::VerifyFull);
        let ca = self.ca(ca_secret_ref.as_ref(), verifies, "sslMode: VerifyCa or VerifyFull")?;
        if verifies && ca.is_none() && self.need == Need::Source {
            let field = self.field("caSecretRef");
            return Err(Problem::Invalid(format!(
                "{field} is missing: sslMode {ssl_mode:?} needs the CA's certificates"
            )));
        }
        let spec = SourceSpec::Postgres {
            server: self.server(server, 5432)?,
            user: user.clone(),
            databases: databases.clone(),
            roles: *roles,
            ssl_mode: match ssl_mode {
                SslMode::Prefer => "prefer",
                SslMode::Require => "require",
                SslMode::VerifyCa => "verify-ca",
                SslMode::VerifyFull => "verify-full",
            }
            .to_owned(),
        };
        let password = self.secret("passwordSecretRef", Some(password_secret_ref))?;
        Ok((spec, SourceSecrets { password, ca, ..SourceSecrets::default() }))
    }

    fn redis(&self, source: &RedisSource) -> Found {
        let RedisSource { server, user, password_secret_ref } = source;
        let spec = SourceSpec::Redis { server: self.server(server, 6379)?, user: user.clone() };
        let password = self.secret("passwordSecretRef", password_secret_ref.as_ref())?;
        Ok((spec, SourceSecrets { password, ..SourceSecrets::default() }))
    }

    fn qdrant(&self, source: &QdrantSource) -> Found {
        let QdrantSource { server, collections, api_key_secret_ref, tls, ca_secret_ref } = source;
        let server = self.server(server, 6333)?;
        let spec = SourceSpec::Qdrant { server, tls: *tls, collections: collections.clone() };
        let password = self.secret("apiKeySecretRef", api_key_secret_ref.as_ref())?;
        let ca = self.ca(ca_secret_ref.as_ref(), *tls, "tls: true")?;
        Ok((spec, SourceSecrets { password, ca, ..SourceSecrets::default() }))
    }

    fn vault(&self, source: &VaultSource) -> Found {
        let VaultSource { server, token_secret_ref, tls, ca_secret_ref } = source;
        let spec = SourceSpec::Vault { server: self.server(server, 8200)?, tls: *tls };
        let password = self.secret("tokenSecretRef", Some(token_secret_ref))?;
        let ca = self.ca(ca_secret_ref.as_ref(), *tls, "tls: true")?;
        Ok((spec, SourceSecrets { password, ca, ..SourceSecrets::default() }))
    }

    fn s3(&self, source: &S3Source) -> Found {
        let S3Source { server, buckets, credentials_secret_ref, tls, ca_secret_ref } = source;
        let keys = vec!["accessKeyId", "secretAccessKey"];
        if self.need == Need::Source {
            for key in &keys {
                has_key(self.around, &self.field("credentialsSecretRef"), &credentials_secret_ref.name, key)?;
            }
        }
        let spec = SourceSpec::S3 { server: self.server(server, 9000)?, tls: *tls, buckets: buckets.clone() };
        let credentials = Some(CredentialsUse { secret: credentials_secret_ref.name.clone(), keys });
        let ca = self.ca(ca_secret_ref.as_ref(), *tls, "tls: true")?;
        Ok((spec, SourceSecrets { credentials, ca, ..SourceSecrets::default() }))
    }

    fn files(&self, source: &FilesSource) -> Found {
        let FilesSource { server, ssh, paths, exclude } = source;
        let (ssh, ssh_key) = self.ssh(server, ssh)?;
        let spec = SourceSpec::Files { ssh, paths: paths.clone(), exclude: exclude.clone() };
        Ok((spec, SourceSecrets { ssh_key, ..SourceSecrets::default() }))
    }

    fn command(&self, source: &CommandSource) -> Found {
        let CommandSource { server, ssh, command, file_name } = source;
        let (ssh, ssh_key) = self.ssh(server, ssh)?;
        let spec = SourceSpec::Command { ssh, command: command.clone(), file_name: file_name.clone() };
        Ok((spec, SourceSecrets { ssh_key, ..SourceSecrets::default() }))
    }

    fn ssh(&self, server: &Endpoint, ssh: &Ssh) -> Result<(SshServer, Option<SecretKey>), Problem> {
        let Ssh { user, key_secret_ref, known_hosts } = ssh;
        for line in known_hosts {
            let words = line.split_whitespace().count();
            if words < 3 || line.trim_start().starts_with('#') {
                return Err(Problem::Invalid(format!(
                    "{} {line:?} is no line of known_hosts: write host, kind of key and key, as `ssh-keyscan HOST` prints \
                     them",
                    self.field("ssh.knownHosts")
                )));
            }
        }
        let own = SecretKey { name: SSH_SECRET_NAME.to_owned(), key: SSH_PRIVATE_KEY.to_owned() };
        let key = self.secret("ssh.keySecretRef", Some(key_secret_ref.as_ref().unwrap_or(&own)))?;
        let Server { host, port } = self.server(server, 22)?;
        Ok((SshServer { host, port, user: user.clone(), known_hosts: known_hosts.clone() }, key))
    }

    /// A Secret, which has to be there where the source is needed.
    fn secret(&self, name: &str, key: Option<&SecretKey>) -> Result<Option<SecretKey>, Problem> {
        match self.need {
            Need::Source => key.map(|key| secret_key(self.around, &self.field(name), key)).transpose(),
            Need::KindAlone => Ok(key.cloned()),
        }
    }

    /// A CA, which only goes with what looks at certificates.
    fn ca(&self, key: Option<&SecretKey>, looked_at: bool, with: &str) -> Result<Option<SecretKey>, Problem> {
        if key.is_some() && !looked_at {
            let field = self.field("caSecretRef");
            return Err(Problem::Invalid(format!(
                "{field} goes with {with} alone: without it no certificate is looked at"
            )));
        }
        self.secret("caSecretRef", key)
    }

    fn server(&self, endpoint: &Endpoint, usual_port: u16) -> Result<Server, Problem> {
        let Endpoint { container_ref, host, port } = endpoint;
        let field = self.field("server");
        let port = match port {
            None => usual_port,
            Some(port) => u16::try_from(*port)
                .ok()
                .filter(|port| *port > 0)
                .ok_or_else(|| Problem::Invalid(format!("{field}.port {port} is no port: write 1 to 65535")))?,
        };
        let host = match (container_ref, host, self.need) {
            (None, Some(host), _) => host.clone(),
            (Some(_), None, Need::KindAlone) => NOWHERE.to_owned(),
            (Some(container), None, Need::Source) => self.address(&container.name)?,
            (Some(_), Some(_), _) | (None, None, _) => {
                return Err(Problem::Invalid(format!("{field}: name it by exactly one of containerRef and host")));
            }
        };
        Ok(Server { host, port })
    }

    fn address(&self, container: &str) -> Result<String, Problem> {
        let field = self.field("server.containerRef");
        let seen = self.around.containers.get(container).ok_or_else(|| {
            let there = there_are(&self.around.containers);
            Problem::NotFound(format!(
                "{field}: there is no ZentoriaContainer {container:?} in this namespace ({there})"
            ))
        })?;
        if !seen.running {
            return Err(Problem::Waiting(format!(
                "{container} does not run, so that nothing can be read from it: it goes on when it is started"
            )));
        }
        let address = seen.addresses.first().ok_or_else(|| {
            Problem::Waiting(format!("{container} has no address yet: see its status, or name the server by `host`"))
        })?;
        Ok(address.to_string())
    }
}

/// That a source does not go into itself: whoever loses the server loses both.
pub(super) fn not_into_itself(source: &Source, spec: &SourceSpec, repository: &RepositoryUse) -> Result<(), Problem> {
    let Place::Server(Location::S3 { endpoint, .. } | Location::Rest(endpoint)) = &repository.place else {
        return Ok(());
    };
    let SourceSpec::S3 { server: address, .. } = spec else { return Ok(()) };
    let there = host_of(endpoint);
    let named =
        server(source).and_then(|server| server.container_ref.as_ref()).map(|container| container.name.as_str());
    let first_label = there.split('.').next().unwrap_or(there);
    if there == address.host || named.is_some_and(|name| name == first_label) {
        return Err(Problem::Invalid(format!(
            "spec.repositoryRef: the repository {} lies on the server that is backed up ({there}): name a repository \
             elsewhere",
            repository.name
        )));
    }
    Ok(())
}

/// The host of a URL.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or(rest);
    match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => authority.split(':').next().unwrap_or(authority),
    }
}
