//! Bad input: for each the reason, and the words that a person reads.

use super::fixture::{
    POSTGRES, PVC, S3, around, around_policies, keys, known, policy, policy_refusal, repository, repository_mut,
    restore, want_policy, want_repository, want_restore,
};
use zentoria_api::conditions::{PolicyReason as P, RepositoryReason as R, RestoreReason as B};
use zentoria_core::backup::surroundings::SecretSeen;
use zentoria_core::backup::validate;
use zentoria_core::container::want::Grant;

/// A policy with one piece of its text changed.
fn changed(from: &str, to: &str) -> String {
    assert!(POSTGRES.contains(from), "{from}");
    POSTGRES.replacen(from, to, 1)
}

#[test]
fn a_good_policy_is_taken() {
    let want = want_policy("db", POSTGRES);
    assert_eq!((want.source.as_str(), want.target.as_str()), ("postgres zentoria-db", "main"));
    assert_eq!(want.promise.as_secs(), 7200);
    assert_eq!(want.time_zone, "Europe/Amsterdam");
}

#[test]
fn a_policy_that_cannot_work_is_refused_with_field_value_reason_and_remedy() {
    let with = |line: &str| format!("{POSTGRES}{line}\n");
    let cases = [
        (
            changed("'0 * * * *'", "'61 * * * *'"),
            P::InvalidSpec,
            "spec.tiers[hourly].schedule \"61 * * * *\": the minute \"61\" cannot be read; write *",
        ),
        (changed("'0 * * * *'", "'0 0 30 2 *'"), P::InvalidSpec, "no day ever meets it"),
        (changed("'0 * * * *'", "'@every 1h'"), P::InvalidSpec, "write one of @hourly"),
        (
            changed("Europe/Amsterdam", "Amsterdam"),
            P::InvalidSpec,
            "spec.timeZone \"Amsterdam\": it is no time zone of the IANA database; did you mean Europe/Amsterdam?",
        ),
        (
            changed("keep: 7d", "keep: 0d"),
            P::InvalidSpec,
            "spec.tiers[hourly].keep \"0d\" keeps nothing but the newest snapshot; write 168h",
        ),
        (changed("name: hourly", "name: restore-test"), P::InvalidSpec, "spec.tiers[restore-test].name"),
        (changed("name: hourly", "name: before-restore"), P::InvalidSpec, "spec.tiers[before-restore].name"),
        (
            changed("name: zentoria-db", "name: zentoria-dba"),
            P::NotFound,
            "spec.source.postgres.server.containerRef: there is no ZentoriaContainer \"zentoria-dba\" in this namespace (there are zentoria-db, ",
        ),
        (
            changed("{containerRef: {name: zentoria-db}}", "{host: db.local, port: 70000}"),
            P::InvalidSpec,
            "spec.source.postgres.server.port 70000 is no port",
        ),
        (
            changed("repositoryRef: {name: main}", "repositoryRef: {name: mian}"),
            P::NotFound,
            "spec.repositoryRef: there is no BackupRepository \"mian\" in this namespace (there are main, offsite)",
        ),
        (
            changed("key: password}", "key: pass}"),
            P::SecretNotFound,
            "spec.source.postgres.passwordSecretRef: the Secret \"db\" has no key \"pass\" (it has password): add it",
        ),
        (with("promise: 30m"), P::InvalidSpec, "spec.promise \"30m\": the most frequent tier runs every 1h"),
        (with("promise: 1x"), P::InvalidSpec, "spec.promise \"1x\" is no duration"),
        (with("jitter: 2h"), P::InvalidSpec, "spec.jitter 2h is as long as the time between two runs (1h)"),
        (with("job: {timeout: 10s}"), P::InvalidSpec, "spec.job.timeout \"10s\" is not between 1m and 168h"),
        (with("job: {limits: {memory: 1GB}}"), P::InvalidSpec, "spec.job.limits.memory \"1GB\" is no quantity"),
        (
            changed(
                "passwordSecretRef: {name: db, key: password}",
                "passwordSecretRef: {name: db, key: password}\n    sslMode: VerifyFull",
            ),
            P::InvalidSpec,
            "spec.source.postgres.caSecretRef is missing",
        ),
        (
            changed(
                "passwordSecretRef: {name: db, key: password}",
                "passwordSecretRef: {name: db, key: password}\n    caSecretRef: {name: ca, key: ca.crt}",
            ),
            P::InvalidSpec,
            "caSecretRef goes with sslMode",
        ),
        (
            changed("restoreTest: {schedule: '0 7 * * 0'}", "restoreTest: {schedule: 'sunday at seven'}"),
            P::InvalidSpec,
            "spec.verify.restoreTest.schedule",
        ),
    ];
    for (yaml, reason, words) in cases {
        let (given, message) = policy_refusal(&yaml, &around());
        assert_eq!(given, reason, "{message}");
        assert!(message.contains(words), "{message}\n  lacks: {words}");
    }
}

#[test]
fn a_policy_waits_for_its_container_and_its_repository() {
    let mut waits = around();
    waits.containers.get_mut("zentoria-db").unwrap().running = false;
    let (reason, message) = policy_refusal(POSTGRES, &waits);
    assert_eq!((reason, message.contains("zentoria-db does not run")), (P::WaitingFor, true), "{message}");
    let mut waits = around();
    waits.containers.get_mut("zentoria-db").unwrap().addresses.clear();
    let (reason, message) = policy_refusal(POSTGRES, &waits);
    assert_eq!((reason, message.contains("has no address yet")), (P::WaitingFor, true), "{message}");
    let mut waits = around();
    repository_mut(&mut waits, "main").status = None;
    let (reason, message) = policy_refusal(POSTGRES, &waits);
    assert_eq!((reason, message.contains("main is not initialised yet")), (P::RepositoryNotReady, true), "{message}");
}

#[test]
fn a_secret_that_was_not_looked_for_is_not_judged_and_one_that_is_absent_is() {
    let mut none = around();
    none.secrets.clear();
    assert!(validate::policy(&policy("db", POSTGRES), &none).is_ok());
    none.secrets.insert("db".into(), SecretSeen::Absent);
    let (reason, message) = policy_refusal(POSTGRES, &none);
    assert_eq!(reason, P::SecretNotFound);
    assert!(
        message.contains("there is no Secret \"db\" in this namespace: make one with the key \"password\""),
        "{message}"
    );
    let mut short = around();
    short.secrets.insert("s3".into(), keys(&["accessKeyId"]));
    let (reason, message) = policy_refusal(POSTGRES, &short);
    assert_eq!(reason, P::SecretNotFound);
    assert!(message.starts_with("BackupRepository main.credentialsSecretRef"), "{message}");
}

#[test]
fn two_policies_whose_jobs_would_have_one_name_are_told_apart_by_age() {
    let tier = |name: &str| POSTGRES.replace("name: hourly", &format!("name: {name}"));
    let mut around = around();
    let mut older = policy("shop", &tier("db-hourly"));
    older.metadata.creation_timestamp = policy("x", POSTGRES).metadata.creation_timestamp;
    let younger = policy("shop-db", &tier("hourly"));
    around.policies = [("shop".to_owned(), older.into()), ("shop-db".to_owned(), younger.clone().into())].into();
    let (reason, message) = validate::policy(&younger, &around).expect_err("refused");
    assert_eq!(reason, P::InvalidSpec);
    assert!(message.contains("the Job bp-shop-db-hourly belongs to the BackupPolicy shop"), "{message}");
    assert!(validate::policy(&around.policies["shop"], &around).is_ok(), "the older one stays");
}

#[test]
fn a_server_is_never_backed_up_into_itself() {
    let minio = "
source:
  s3:
    server: {containerRef: {name: zentoria-files}}
    buckets: [documents]
    credentialsSecretRef: {name: s3}
repositoryRef: {name: main}
tiers: [{name: daily, schedule: '30 2 * * *', keep: 30d}]
";
    let mut around = around();
    assert!(validate::policy(&policy("minio", minio), &around).is_ok());
    for endpoint in ["https://zentoria-files.zentoria.local:9000", "https://10.0.1.22:9000"] {
        let yaml = S3.replace("https://backup.zentoria.local:9000/", endpoint);
        around.repositories.insert("main".into(), known(repository("main", &yaml)).into());
        let (reason, message) = policy_refusal(minio, &around);
        assert_eq!(
            (reason, message.contains("lies on the server that is backed up")),
            (P::InvalidSpec, true),
            "{message}"
        );
    }
}

#[test]
fn ssh_needs_keys_of_the_host_and_uses_the_namespaces_own_key() {
    let yaml = |line: &str| {
        format!(
            "source:\n  command:\n    server: {{containerRef: {{name: zentoria-n8n}}}}\n    ssh: {{knownHosts: ['{line}']}}\n    \
             command: n8n export:workflow --all\n    fileName: workflows.json\nrepositoryRef: {{name: main}}\ntiers: [{{name: daily, \
             schedule: '45 2 * * *', keep: 90d}}]"
        )
    };
    let good = "zentoria-n8n ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBadbadbad";
    assert!(validate::policy(&policy("n8n", &yaml(good)), &around()).is_ok());
    let (reason, message) = policy_refusal(&yaml("SHA256:0123456789abcdef01234567"), &around());
    assert_eq!((reason, message.contains("is no line of known_hosts")), (P::InvalidSpec, true), "{message}");
    let mut lacks = around();
    lacks.secrets.insert("zentoria-ssh".into(), SecretSeen::Absent);
    assert_eq!(policy_refusal(&yaml(good), &lacks).0, P::SecretNotFound);
}

#[test]
fn vzdump_matches_something_and_goes_where_the_namespace_may_write() {
    let yaml = |more: &str| {
        format!("source: {{vzdump: {{{more}}}}}\ntiers: [{{name: weekly, schedule: '0 4 * * 0', keep: 4w}}]")
    };
    let mut around = around();
    assert!(validate::policy(&policy("all", &yaml("mode: Observe")), &around).is_ok());
    let (reason, _) = policy_refusal(&yaml("selector: {matchLabels: {tier: nothing}}"), &around);
    assert_eq!(reason, P::MatchesNothing);
    let pve_job = yaml("mode: PVEJob, storage: backup");
    around.grants.insert("pve".into(), Ok(Grant::default()));
    let (reason, message) = policy_refusal(&pve_job, &around);
    assert_eq!(
        (reason, message.contains("storage \"backup\": this namespace may not write to it")),
        (P::NotAllowed, true),
        "{message}"
    );
    let grant = Grant { storages: ["backup".to_owned()].into(), ..Grant::default() };
    around.grants.insert("pve".into(), Ok(grant));
    assert!(validate::policy(&policy("all", &pve_job), &around).is_ok());
    let changes = pve_job.replace("keep: 4w", "keep: 4w, onlyIfChanged: true");
    assert_eq!(policy_refusal(&changes, &around).0, P::InvalidSpec);
}

#[test]
fn a_repository_that_cannot_work_is_refused() {
    let mut around = around();
    assert!(want_repository("main", &around).is_ok());
    let refused = |name: &str, yaml: &str, change: &dyn Fn(&mut zentoria_core::backup::surroundings::Surroundings)| {
        let mut world = around.clone();
        world.repositories.insert(name.into(), repository(name, yaml).into());
        change(&mut world);
        want_repository(name, &world).expect_err("refused")
    };
    let nothing = |_: &mut zentoria_core::backup::surroundings::Surroundings| {};
    let cases = [
        refused("third", &format!("{S3}timeZone: Mars/Olympus\n"), &nothing),
        refused(
            "third",
            &PVC.replace("path: zentoria", "path: third")
                .replace("passwordSecretRef", "caSecretRef: {name: ca, key: ca.crt}\npasswordSecretRef"),
            &nothing,
        ),
        refused("third", &PVC.replace("offsite", "nowhere"), &|world| {
            world.claims.insert("nowhere".into(), false);
        }),
        refused("third", &PVC.replace("path: zentoria", "path: third"), &|world| {
            world.secrets.insert("restic".into(), keys(&["pass"]));
        }),
        refused("zz-younger", PVC, &nothing),
        refused(
            "third",
            &format!(
                "{}copies: [{{name: off, to: {{name: gone}}, schedule: '0 9 * * *'}}]\n",
                PVC.replace("path: zentoria", "path: third")
            ),
            &nothing,
        ),
        refused(
            "third",
            &format!("{}maintenance: {{retryLock: soon}}\n", PVC.replace("path: zentoria", "path: third")),
            &nothing,
        ),
    ];
    let expected = [
        (R::Conflict, "has the same place, and is older"),
        (R::InvalidSpec, "spec.caSecretRef: the backend is not reached by https"),
        (R::NotFound, "spec.backend.pvc.claimName: there is no PersistentVolumeClaim \"nowhere\""),
        (R::SecretNotFound, "spec.passwordSecretRef: the Secret \"restic\" has no key \"password\" (it has pass)"),
        (R::Conflict, "the BackupRepository offsite has the same place"),
        (R::NotFound, "spec.copies[off].to: there is no BackupRepository \"gone\""),
        (R::InvalidSpec, "spec.maintenance.retryLock \"soon\" is no duration"),
    ];
    for ((reason, message), (wanted, words)) in cases.into_iter().zip(expected) {
        assert_eq!(reason, wanted, "{message}");
        assert!(message.contains(words), "{message}\n  lacks: {words}");
    }
    around.repositories.insert(
        "third".into(),
        repository("third", &format!("{}timeZone: Mars/Olympus\n", PVC.replace("path: zentoria", "path: third")))
            .into(),
    );
    let (reason, message) = want_repository("third", &around).expect_err("refused");
    assert_eq!((reason, message.contains("spec.timeZone \"Mars/Olympus\"")), (R::InvalidSpec, true), "{message}");
}

#[test]
fn a_restore_that_cannot_work_is_refused() {
    let around = around_policies(&[
        ("db", POSTGRES),
        ("whole", "source: {vzdump: {}}\ntiers: [{name: weekly, schedule: '0 4 * * 0', keep: 4w}]"),
        ("cache", REDIS),
    ]);
    let cases = [
        (
            "policyRef: {name: dbb}\ninto: {scratch: {}}",
            B::NotFound,
            "spec.policyRef: there is no BackupPolicy \"dbb\" in this namespace (there are cache, db, whole)",
        ),
        (
            "selector: {matchLabels: {tenant: a}}\ninto: {scratch: {}}",
            B::NotFound,
            "spec.selector selects no BackupPolicy",
        ),
        (
            "policyRef: {name: db}\ninto: {source: {}}",
            B::ConfirmationRequired,
            "spec.confirm is missing: into.source writes over what is there now: make the restore anew with `confirm: db`",
        ),
        (
            "policyRef: {name: db}\ninto: {source: {}}\nconfirm: yes-please",
            B::ConfirmationRequired,
            "spec.confirm is \"yes-please\"",
        ),
        (
            "selector: {}\ninto: {scratch: {}}\nsnapshot: {id: 0123456789}",
            B::InvalidSpec,
            "spec.snapshot.id goes with one policy",
        ),
        ("policyRef: {name: whole}\ninto: {scratch: {}}", B::NotSupported, "`source.backup` of a ZentoriaContainer"),
        (
            "policyRef: {name: cache}\ninto: {scratch: {image: 'postgres:17'}}",
            B::InvalidSpec,
            "spec.into.scratch.image goes with postgres alone",
        ),
        (
            "policyRef: {name: cache}\ninto: {scratch: {}}\nonly: [a]",
            B::NotSupported,
            "spec.only: a backup of redis has no parts",
        ),
        (
            "policyRef: {name: db}\ninto: {scratch: {}}\nconfirm: db",
            B::InvalidSpec,
            "spec.confirm goes with into.source alone",
        ),
    ];
    for (yaml, reason, words) in cases {
        let (given, message) = want_restore(yaml, &around).expect_err(yaml);
        assert_eq!(given, reason, "{message}");
        assert!(message.contains(words), "{message}\n  lacks: {words}");
    }
    let command = "source: {command: {server: {host: n8n.local}, ssh: {knownHosts: ['n8n ssh-ed25519 AAAAC3NzaC1lZDI1NTE5']}, \
                   command: n8n export, fileName: a.json}}\nrepositoryRef: {name: main}\ntiers: [{name: daily, schedule: '@daily', keep: 7d}]";
    let mut world = around.clone();
    world.policies.insert("n8n".into(), policy("n8n", command).into());
    let (reason, message) =
        want_restore("policyRef: {name: n8n}\ninto: {source: {}}\nconfirm: n8n", &world).expect_err("refused");
    assert_eq!((reason, message.contains("has no way back that is known here")), (B::NotSupported, true), "{message}");
    world.claims.insert("gone".into(), false);
    let into = "policyRef: {name: db}\ninto: {directory: {claimName: gone, path: here}}";
    assert_eq!(want_restore(into, &world).expect_err("refused").0, B::NotFound);
    repository_mut(&mut world, "main").status = None;
    let scratch = "policyRef: {name: db}\ninto: {scratch: {}}";
    assert_eq!(want_restore(scratch, &world).expect_err("refused").0, B::RepositoryNotReady);
    let mut world = around;
    world.containers.get_mut("zentoria-db").unwrap().running = false;
    assert!(want_restore(scratch, &world).is_ok(), "a restore elsewhere needs no source");
    let over = "policyRef: {name: db}\ninto: {source: {}}\nconfirm: db";
    assert_eq!(want_restore(over, &world).expect_err("refused").0, B::WaitingFor);
    assert!(restore(over).spec.job.image.is_none());
}

pub const REDIS: &str = "
source: {redis: {server: {containerRef: {name: zentoria-redis}}}}
repositoryRef: {name: main}
tiers: [{name: six, schedule: '0 */6 * * *', keep: 7d}]
";

#[test]
fn only_what_can_tell_what_changed_skips_what_did_not() {
    let around = around_policies(&[]);
    for (yaml, kind) in [(POSTGRES, "postgres"), (REDIS, "redis")] {
        let (reason, message) = policy_refusal(&yaml.replacen("keep: 7d", "keep: 7d, onlyIfChanged: true", 1), &around);
        assert_eq!(reason, P::InvalidSpec);
        assert!(
            message.contains("onlyIfChanged") && message.contains(&format!("a backup of {kind} differs")),
            "{message}"
        );
    }
}
