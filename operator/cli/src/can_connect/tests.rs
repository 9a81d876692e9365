use super::*;
use crate::manifests::Documents;

const ESTATE: &str = include_str!("../../../../manifests/zentoria.yaml");

fn gathered(text: &str, namespace: Option<&str>) -> Gathered {
    let mut documents = Documents::default();
    documents.take("x.yaml", text).unwrap();
    documents.settle("default");
    Gathered::of(documents, namespace.map(str::to_owned))
}

fn ask(gathered: &Gathered, source: &str, target: &str) -> Result<Answer, Error> {
    let what = CanConnect { source: source.into(), target: target.into(), ..CanConnect::default() };
    answer(gathered, &what, Paint::Off)
}

#[test]
fn the_answers_say_which_rule_or_which_default() {
    let gathered = gathered(ESTATE, None);
    let questions = [
        ("zentoria-frontend", "zentoria-db:5432"),
        ("zentoria-backend", "zentoria-db:postgresql"),
        ("zentoria-backup", "zentoria-vault:8201"),
        ("external", "zentoria-proxy:443"),
        ("external", "zentoria-db:443"),
        ("zentoria-db", "external:443"),
        ("10.10.0.10", "zentoria-db:22"),
        ("dns", "zentoria-db:53/udp"),
        ("zentoria-db", "zentoria-db:5432"),
        ("zentoria-ai", "zentoria-db:icmp"),
    ];
    let mut page = String::new();
    for (source, target) in questions {
        let answer = ask(&gathered, source, target).unwrap();
        page.push_str(&format!(
            "$ kubectl zentoria can-connect {source} {target}\n{}exit {}\n\n",
            answer.page,
            answer.exit.code()
        ));
    }
    crate::golden::compare("can-connect", &page);
}

#[test]
fn who_is_not_there_is_said_with_what_to_write() {
    let gathered = gathered(ESTATE, Some("shop"));
    let cases = [
        (
            "nobody",
            "zentoria-db:1",
            "there is no container nobody in namespace shop, and no ProxmoxCluster has it in spec.hosts",
        ),
        ("shop/web", "zentoria-db:1", "there is no container shop/web"),
        ("dns", "external:1", "neither host dns nor external is a container here"),
        ("zentoria-ai", "zentoria-db:nope", "declares no service nope; it declares pgbouncer, postgresql"),
        ("zentoria-ai", "external:nope", "external declares no services"),
        ("fd00::1", "zentoria-db:1", "no addresses of one family"),
        ("zentoria-ai", "zentoria-db", "it names no port"),
    ];
    for (source, target, said) in cases {
        let error = ask(&gathered, source, target).unwrap_err().to_string();
        assert!(error.contains(said), "{source} {target}: {error}");
    }
}

const TWO_SIDES: &str = "
kind: ProxmoxCluster
metadata: {name: pve}
spec: {estateId: home, mode: Enforce, endpoints: ['https://10.0.0.2:8006'], tls: {fingerprintSha256: AA},
  credentials: {tokenSecretRef: {name: t}}, controlPlaneCIDRs: [10.0.0.9], networks: [10.0.0.0/8, 'fd00::/8']}
status: {firewall: {state: Disabled}}
---
kind: ZentoriaContainer
metadata: {name: a, namespace: one}
spec:
  clusterRef: {name: pve}
  firewall: {outbound: Reject}
  network: {interfaces: [{name: eth0, ipv4: {address: 10.0.0.11/8}, ipv6: {address: 'fd00::11/64'}}]}
---
kind: ZentoriaContainer
metadata: {name: b, namespace: one}
spec:
  clusterRef: {name: pve}
  firewall: {mode: Observe}
  network: {interfaces: [{name: eth0, ipv4: {address: 10.0.0.12/8}}]}
---
kind: ZentoriaContainer
metadata: {name: b, namespace: two}
spec:
  clusterRef: {name: pve}
  firewall: {mode: 'Off'}
  network: {interfaces: [{name: eth0, ipv4: {address: 10.0.0.22/8}}]}
---
kind: ZentoriaContainer
metadata: {name: c, namespace: two}
spec: {clusterRef: {name: pve}, network: {interfaces: [{name: eth0, ipv4: {address: dhcp}}]}}
---
kind: FirewallRule
metadata: {name: a-b, namespace: one}
spec: {from: [{container: a}], to: [{container: b}], ports: [{port: 80}], description: \"x\\u001b[2J\"}
---
kind: FirewallRule
metadata: {name: no-a-b, namespace: one}
spec: {from: [{any: {}}], to: [{container: b}], ports: [{port: 81}], action: Drop}
";

#[test]
fn both_ends_have_their_say_and_modes_are_told() {
    let gathered = gathered(TWO_SIDES, Some("one"));
    let page = |source, target| ask(&gathered, source, target).unwrap();
    let yes = page("a", "b:80");
    assert_eq!(yes.exit, Exit::Done, "{}", yes.page);
    assert_eq!(yes.page.matches("rule one/a-b").count(), 2, "out of the one and into the other: {}", yes.page);
    assert!(yes.page.contains("b: its firewall is in mode Observe"), "{}", yes.page);
    assert!(yes.page.contains("the datacenter's firewall of ProxmoxCluster pve is off"), "{}", yes.page);
    assert!(!yes.page.contains('\u{1b}'), "a description moves no cursor");
    let out = page("a", "b:443");
    assert_eq!(out.exit, Exit::No);
    assert!(out.page.contains("out of a: rejected, no rule names it, and firewall.outbound is Reject"), "{}", out.page);
    let dropped = page("10.0.0.99", "b:81");
    assert!(
        dropped.page.contains("into b: dropped, by the rule") && dropped.page.contains("one/no-a-b"),
        "{}",
        dropped.page
    );
    let off = page("b", "two/b:9");
    assert_eq!(off.exit, Exit::Done);
    assert!(off.page.contains("two/b: its firewall.mode is Off"), "{}", off.page);
}

#[test]
fn names_that_several_have_are_to_be_made_plain() {
    let gathered = gathered(TWO_SIDES, None);
    let error = |source, target| ask(&gathered, source, target).unwrap_err().to_string();
    assert!(error("a", "b:80").contains("b may be one/b or two/b"));
    assert!(error("a", "two/c:80").contains("no address of two/c is known"));
    assert_eq!(ask(&gathered, "a", "one/b:80").unwrap().exit, Exit::Done);
}

#[test]
fn without_a_control_plane_nothing_is_known() {
    let text = TWO_SIDES.replace("controlPlaneCIDRs: [10.0.0.9], ", "");
    let answer = ask(&gathered(&text, Some("one")), "one/a", "10.0.0.99:80").unwrap();
    assert_eq!(answer.exit, Exit::Error, "{}", answer.page);
    assert!(answer.page.contains("ControlPlaneUnknown"), "{}", answer.page);
}

#[test]
fn programs_get_the_same() {
    let gathered = gathered(ESTATE, None);
    let mut what =
        CanConnect { source: "zentoria-backend".into(), target: "zentoria-db:5432".into(), ..CanConnect::default() };
    what.output = Output::Json;
    let json: Value = serde_json::from_str(&answer(&gathered, &what, Paint::On).unwrap().page).unwrap();
    assert_eq!(json["connects"], true);
    assert_eq!(json["pairs"][0]["firewalls"][1]["rules"][0], "zentoria/backend-to-db");
    what.output = Output::Yaml;
    let yaml: Value = serde_saphyr::from_str(&answer(&gathered, &what, Paint::On).unwrap().page).unwrap();
    assert_eq!(yaml, json);
}
