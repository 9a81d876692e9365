use super::firewall::Firewall;
use super::judge::{Outcome, Row};
use super::*;
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::ChangeClass;
use zentoria_api::firewall::FirewallMode;
use zentoria_core::container::forecast::{Course, Downtime, Line, NowOrPending};
use zentoria_core::container::step::{Target, Verdict};
use zentoria_core::container::want::{Key, Refusal};

fn line(call: Option<&str>, field: &str, from: &str, to: &str, class: ChangeClass, downtime: Downtime) -> Line {
    Line {
        call: call.map(str::to_owned),
        field: field.to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
        class,
        downtime,
        data_at_risk: None,
        done: NowOrPending::Now,
    }
}

fn row(name: &str, wave: u32, outcome: Outcome) -> Row {
    Row { key: Key { namespace: "zentoria".into(), name: name.into() }, cluster: "pve".into(), wave, outcome }
}

fn course(vmid: Option<u32>, lines: Vec<Line>, after: &[&str], verdict: Verdict) -> Outcome {
    let target = vmid.map(|vmid| Target {
        vmid: zentoria_types::vmid::Vmid::new(vmid).unwrap(),
        node: "pve1".parse().unwrap(),
        digest: None,
    });
    let after = after.iter().map(|name| (*name).to_owned()).collect();
    Outcome::Course(Box::new(Course { target, lines, after, verdict, notes: Vec::new() }))
}

fn runs() -> Verdict {
    Verdict::new(ContainerReason::Running, "runs")
}

fn firewall(vmid: u32, mode: FirewallMode, empty: bool, differences: &[&str]) -> Firewall {
    Firewall {
        key: Key { namespace: "zentoria".into(), name: format!("guest-{vmid}") },
        vmid: Some(vmid),
        mode,
        empty,
        writes: differences.len(),
        differences: differences.iter().map(|line| (*line).to_owned()).collect(),
        foreign: if empty { Vec::new() } else { vec!["in ACCEPT tcp 22 from 10.0.0.5".into()] },
    }
}

fn forecast() -> Forecast {
    let create = "POST /nodes/pve1/lxc vmid=404 ostemplate=local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst cores=4 \
                  description=(text+mark) hostname=zentoria-db memory=16384 rootfs=local-zfs:200 unprivileged=1";
    let put = "PUT /nodes/pve1/lxc/403/config features=nesting=1 memory=4096";
    let mut late = line(Some(put), "features", "(unset)", "nesting=1", ChangeClass::Reboot, Downtime::Reboot);
    let why = "stored in Proxmox VE; it takes effect at the next reboot of the guest; rebootPolicy is Never";
    late.done = NowOrPending::Pending { why: why.into(), digest: Some("aaaaaaaaaaaa".into()) };
    let mut anew = line(None, "unprivileged", "true", "false", ChangeClass::Replace, Downtime::NewGuest);
    anew.done = NowOrPending::Pending { why: "replacePolicy is Never".into(), digest: Some("bbbbbbbbbbbb".into()) };
    anew.data_at_risk = Some("rootfs (local-zfs:subvol-403-disk-0)".into());
    let memory = line(Some(put), "resources.memory", "2048", "4096", ChangeClass::Hot, Downtime::None);
    let made = vec![
        line(Some(create), "guest", "", "made from debian-13", ChangeClass::Create, Downtime::NewGuest),
        line(
            Some("POST /nodes/pve1/lxc/404/status/start"),
            "power.state",
            "Stopped",
            "Running",
            ChangeClass::Hot,
            Downtime::None,
        ),
    ];
    let refusal = Refusal {
        reason: ContainerReason::AccessDenied,
        message: "spec.network.interfaces[0] address 192.168.1.5/24 is not allowed to this namespace".into(),
    };
    let taken = Verdict::about(ContainerReason::VmidTaken, "407", "guest 407 exists and carries no mark of ours");
    Forecast {
        versions: [("pve".to_owned(), "9.2.11".to_owned())].into(),
        rows: vec![
            row("zentoria-vault", 1, course(Some(403), vec![memory, late, anew], &[], runs())),
            row("zentoria-proxy", 1, course(Some(408), Vec::new(), &[], runs())),
            row("zentoria-files", 1, course(None, Vec::new(), &[], taken)),
            row("wiki", 1, Outcome::Refused(refusal)),
            row("zentoria-docs", 1, Outcome::Silent("is paused: the operator looks away".into())),
            row("zentoria-db", 2, course(Some(404), made, &["zentoria-vault"], runs())),
        ],
        firewalls: vec![
            firewall(
                404,
                FirewallMode::Enforce,
                true,
                &["+ in ACCEPT tcp 22,5432,6432 from 10.10.0.10 (derived/control-plane)", "~ enable 0 -> 1"],
            ),
            firewall(405, FirewallMode::Observe, false, &["- in ACCEPT tcp 11434 \"by hand\""]),
        ],
        problems: vec!["ProxmoxCluster attic: Unreachable: connection refused".into()],
        notes: Vec::new(),
    }
}

#[test]
fn a_plan_reads_as_calls_with_their_price() {
    crate::golden::compare("plan", &text::page(&forecast()));
}

#[test]
fn a_plan_for_programs_says_the_same() {
    let page = crate::structured::json(&json::document(&forecast()));
    let document: serde_json::Value = serde_json::from_str(&page).unwrap();
    let change = &document["containers"][0]["changes"][1];
    assert_eq!((change["class"].as_str(), change["now"].as_bool()), (Some("Reboot"), Some(false)));
    assert_eq!(change["digest"], "aaaaaaaaaaaa");
    assert_eq!(document["containers"][3]["reason"], "AccessDenied");
    assert_eq!(
        (document["firewalls"][0]["writes"].as_u64(), document["firewalls"][0]["vmid"].as_u64()),
        (Some(2), Some(404))
    );
    let yaml = crate::structured::yaml(&json::document(&forecast())).unwrap();
    assert_eq!(serde_saphyr::from_str::<serde_json::Value>(&yaml).unwrap(), document);
}

#[test]
fn an_error_outweighs_changes_and_changes_outweigh_nothing() {
    let mut forecast = forecast();
    assert_eq!(exit(&forecast), Exit::Error);
    forecast.problems.clear();
    assert_eq!(exit(&forecast), Exit::Error, "a refusal");
    forecast.rows.retain(|row| !row.is_problem());
    assert_eq!(exit(&forecast), Exit::Changes);
    forecast.rows.retain(|row| row.lines().is_empty());
    assert_eq!(exit(&forecast), Exit::Changes, "a firewall is to be written");
    forecast.firewalls.remove(0);
    assert_eq!(exit(&forecast), Exit::Done, "one that is only looked at changes nothing");
    forecast.firewalls.clear();
    assert_eq!(text::page(&forecast).lines().last(), Some("Nothing would change (2 containers)."));
}
