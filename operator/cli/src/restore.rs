//! `restore`: makes a BackupRestore, and shows how it goes. What is written over is named twice.

use crate::connect::{Api, connect};
use crate::error::Error;
use crate::object;
use crate::options::{Restore, To};
use crate::{Answer, Exit};
use jiff::Timestamp;
use kube::ResourceExt;
use kube::api::PostParams;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Write};
use std::time::Duration;
use zentoria_api::backup::{BackupRestore, RestorePhase};
use zentoria_api::conditions::{READY, STALLED};

/// How often the object is read while it is waited for.
const LOOK: Duration = Duration::from_secs(1);

/// Makes a restore.
///
/// # Errors
/// Where what is asked for cannot be, the confirmation is not given, or the API server refuses.
pub async fn run(to: &To, what: &Restore) -> Result<Answer, Error> {
    let api = connect(to).await?;
    if let Some(policy) = &what.policy {
        object::backup_policy(&api, &object::backup_policy_name(policy)?).await?;
    }
    let mut spec = spec(what)?;
    if is_over_source(&spec) {
        let target = what.policy.as_deref().map_or(Ok(api.namespace.clone()), object::backup_policy_name)?;
        spec["confirm"] = json!(confirmed(what, &target, ask)?);
    }
    let name = what.name.clone().unwrap_or_else(|| proposed(what, Timestamp::now()));
    let labels = what.labels.as_deref().map(|labels| pairs("--labels", labels)).transpose()?.unwrap_or_default();
    let object = json!({"apiVersion": "zentoria.ai/v1alpha1", "kind": "BackupRestore",
        "metadata": {"name": name, "labels": labels}, "spec": spec});
    let object: BackupRestore = serde_json::from_value(object)
        .map_err(|error| Error::Refused(format!("no restore can be made of these flags: {error}")))?;
    let made = object::backup_restores(&api).create(&PostParams::default(), &object).await;
    made.map_err(|error| Error::kubernetes(format!("cannot make brs/{name}"), &error))?;
    if !what.wait {
        return Ok(Answer::done(format!("brs/{name} made; kubectl get brs {name} -w shows how it goes\n")));
    }
    wait(&api, &name).await
}

/// The spec that the flags ask for, without the confirmation.
fn spec(what: &Restore) -> Result<Value, Error> {
    let mut spec = json!({"into": into(what)?});
    if let Some(policy) = &what.policy {
        spec["policyRef"] = json!({"name": object::backup_policy_name(policy)?});
    }
    if let Some(selector) = &what.selector {
        let labels = pairs("--selector", selector)?;
        spec["selector"] = json!({"matchLabels": labels});
    }
    if let Some(id) = &what.snapshot {
        spec["snapshot"] = json!({"id": id});
    }
    if let Some(time) = &what.time {
        let time: Timestamp = time.parse().map_err(|_| {
            Error::Refused(format!(
                "--time {time:?}: write a moment with its zone: 2026-05-01T04:00:00Z, 2026-05-01T06:00:00+02:00"
            ))
        })?;
        spec["snapshot"] = json!({"time": time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()});
    }
    if !what.only.is_empty() {
        spec["only"] = json!(what.only);
    }
    Ok(spec)
}

/// `KEY=VALUE,...`.
fn pairs(flag: &str, text: &str) -> Result<BTreeMap<String, String>, Error> {
    let pair = |pair: &str| {
        let pair = pair.split_once('=').filter(|(key, _)| !key.is_empty());
        pair.map(|(key, value)| (key.to_owned(), value.to_owned()))
    };
    text.split(',')
        .map(pair)
        .collect::<Option<_>>()
        .ok_or_else(|| Error::Refused(format!("{flag} {text:?}: write KEY=VALUE, with commas between them")))
}

fn into(what: &Restore) -> Result<Value, Error> {
    let into = match what.into.as_str() {
        "scratch" => json!({"scratch": {}}),
        "source" => json!({"source": {"withoutBackup": what.without_backup}}),
        other => match other.split_once('/').filter(|(claim, path)| !claim.is_empty() && !path.is_empty()) {
            Some((claim, path)) => json!({"directory": {"claimName": claim, "path": path}}),
            None => {
                let why =
                    format!("--into {other:?}: write scratch, source, or CLAIM/DIRECTORY of a PersistentVolumeClaim");
                return Err(Error::Refused(why));
            }
        },
    };
    if what.without_backup && what.into != "source" {
        return Err(Error::Refused(
            "--without-backup goes with --into source alone: nothing else is written over".to_owned(),
        ));
    }
    Ok(into)
}

fn is_over_source(spec: &Value) -> bool {
    spec["into"].get("source").is_some()
}

/// The name of what is written over, as a person wrote it.
fn confirmed(what: &Restore, target: &str, ask: impl FnOnce(&str) -> Option<String>) -> Result<String, Error> {
    let secured = if what.without_backup {
        "WITHOUT a backup of what is there now"
    } else {
        "after a backup of what is there now"
    };
    let question =
        format!("This writes over what is in the source of {target} now, {secured}. Type {target} to go on: ");
    let answer = match &what.confirm {
        Some(word) => Some(word.clone()),
        None => ask(&question),
    };
    match answer {
        Some(word) if word == target => Ok(word),
        Some(word) => Err(Error::Refused(format!("{word:?} is not {target:?}: nothing was begun"))),
        None => Err(Error::Refused(format!(
            "a restore over the source has to be confirmed, and there is no terminal to ask at: add --confirm {target}"
        ))),
    }
}

/// Asks at the terminal; `None` where there is none.
fn ask(question: &str) -> Option<String> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return None;
    }
    let mut stderr = std::io::stderr();
    stderr.write_all(question.as_bytes()).and_then(|()| stderr.flush()).ok()?;
    let mut line = String::new();
    stdin.lock().read_line(&mut line).ok()?;
    Some(line.trim().to_owned())
}

/// A name that was not used before: of the policy, and of the time.
fn proposed(what: &Restore, now: Timestamp) -> String {
    let policy = what.policy.as_deref().and_then(|policy| object::backup_policy_name(policy).ok());
    let whose: String = policy.as_deref().unwrap_or("all").chars().take(30).collect();
    format!("{}-{}", whose.trim_end_matches(['-', '.']), now.strftime("%Y%m%d-%H%M%S"))
}

/// Shows each step until the end.
async fn wait(api: &Api, name: &str) -> Result<Answer, Error> {
    let mut said = String::new();
    loop {
        let restore = object::backup_restore(api, name).await?;
        let line = progress(&restore);
        if line != said {
            eprintln!("{line}");
            said = line;
        }
        let status = restore.status.clone().unwrap_or_default();
        let stalled = status.conditions.iter().any(|one| one.type_ == STALLED && one.status == "True");
        match status.phase {
            RestorePhase::Succeeded => return Ok(Answer::done(results(&restore))),
            RestorePhase::Failed => return Ok(Answer { exit: Exit::Error, ..Answer::done(results(&restore)) }),
            RestorePhase::Pending | RestorePhase::SecuringSource | RestorePhase::Restoring if stalled => {
                return Ok(Answer { exit: Exit::Error, ..Answer::done(results(&restore)) });
            }
            RestorePhase::Pending | RestorePhase::SecuringSource | RestorePhase::Restoring => {}
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn progress(restore: &BackupRestore) -> String {
    let status = restore.status.clone().unwrap_or_default();
    let progress = status.progress.map(|progress| format!(" {progress}")).unwrap_or_default();
    format!("brs/{} {}{progress}", restore.name_any(), status.summary.as_deref().unwrap_or("Pending"))
}

fn results(restore: &BackupRestore) -> String {
    let status = restore.status.clone().unwrap_or_default();
    let ready = status.conditions.iter().find(|one| one.type_ == READY);
    let mut page = format!("{}: {}\n", progress(restore), ready.map_or("", |one| one.message.as_str()));
    for (policy, result) in &status.results {
        let snapshot = result.snapshot.as_deref().map(|id| format!(" of snapshot {id}")).unwrap_or_default();
        let proof = result.evidence.as_ref().map(|proof| format!(": {}", proof.compared)).unwrap_or_default();
        let why = result.message.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        page.push_str(&format!("  {policy}: {:?}{snapshot}{proof}{why}\n", result.phase));
        for warning in &result.warnings {
            page.push_str(&format!("    note: {warning}\n"));
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(into: &str) -> Restore {
        Restore { policy: Some("bp/db".to_owned()), into: into.to_owned(), ..Restore::default() }
    }

    #[test]
    fn the_flags_become_a_spec() {
        let what = Restore {
            time: Some("2026-05-01T06:00:00+02:00".to_owned()),
            only: vec!["app".to_owned()],
            ..flags("scratch")
        };
        let want = json!({"policyRef": {"name": "db"}, "into": {"scratch": {}}, "only": ["app"],
            "snapshot": {"time": "2026-05-01T04:00:00Z"}});
        assert_eq!(spec(&what).unwrap(), want);
        let what = Restore { snapshot: Some("0a1b2c3d".to_owned()), ..flags("rescue/may/first") };
        let want = json!({"policyRef": {"name": "db"}, "snapshot": {"id": "0a1b2c3d"},
            "into": {"directory": {"claimName": "rescue", "path": "may/first"}}});
        assert_eq!(spec(&what).unwrap(), want);
        let what = Restore { policy: None, selector: Some("tenant=a,tier=data".to_owned()), ..flags("scratch") };
        assert_eq!(spec(&what).unwrap()["selector"], json!({"matchLabels": {"tenant": "a", "tier": "data"}}));
        for wrong in [
            flags("somewhere"),
            Restore { without_backup: true, ..flags("scratch") },
            Restore { time: Some("yesterday".to_owned()), ..flags("scratch") },
            Restore { selector: Some("tenant".to_owned()), ..flags("scratch") },
        ] {
            assert!(spec(&wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(pairs("--labels", "shard=a").unwrap(), BTreeMap::from([("shard".to_owned(), "a".to_owned())]));
        assert_eq!(
            pairs("--labels", "shard=a,=b").unwrap_err().to_string(),
            "--labels \"shard=a,=b\": write KEY=VALUE, with commas between them"
        );
    }

    #[test]
    fn what_is_written_over_is_named_once_more() {
        let what = flags("source");
        assert!(is_over_source(&spec(&what).unwrap()) && !is_over_source(&spec(&flags("scratch")).unwrap()));
        assert_eq!(confirmed(&what, "db", |_| Some("db".to_owned())).unwrap(), "db");
        assert!(
            confirmed(&what, "db", |_| Some("yes".to_owned())).unwrap_err().to_string().contains("nothing was begun")
        );
        assert!(confirmed(&what, "db", |_| None).unwrap_err().to_string().contains("--confirm db"));
        let flag = Restore { confirm: Some("other".to_owned()), ..flags("source") };
        assert!(confirmed(&flag, "db", |_| panic!("it is not asked")).is_err());
        let bare = Restore { without_backup: true, ..flags("source") };
        let warned = |question: &str| question.contains("WITHOUT").then(|| "db".to_owned());
        assert_eq!(confirmed(&bare, "db", warned).unwrap(), "db");
    }

    #[test]
    fn a_proposed_name_fits_and_tells_the_time() {
        let now = "2026-05-01T04:00:09Z".parse().unwrap();
        assert_eq!(proposed(&flags("scratch"), now), "db-20260501-040009");
        let long = Restore { policy: Some("a".repeat(40)), ..flags("scratch") };
        assert!(proposed(&long, now).len() <= 50);
    }
}
