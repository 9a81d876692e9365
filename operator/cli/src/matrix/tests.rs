use super::*;
use crate::manifests::Documents;
use crate::options::From;
use picture::{Graph, Kind, Place, draw, label};
use serde_json::Value;

const ESTATE: &str = include_str!("../../../../manifests/zentoria.yaml");
const FLOWS: &str = include_str!("../../../../manifests/zentoria-flows.yaml");

fn gathered(texts: &[&str], namespace: Option<&str>) -> Gathered {
    let mut documents = Documents::default();
    for text in texts {
        documents.take("x.yaml", text).unwrap();
    }
    documents.settle("default");
    Gathered::of(documents, namespace.map(str::to_owned))
}

fn shown(gathered: &Gathered, of: Option<&str>, output: MatrixOutput) -> Answer {
    let what = Matrix { of: of.map(str::to_owned), all_namespaces: false, from: From::default(), output, html: None };
    answer(gathered, &what, Paint::Off).unwrap()
}

#[test]
fn the_matrix_of_the_estate_reads_as_who_may_reach_whom() {
    let answer = shown(&gathered(&[ESTATE], None), None, MatrixOutput::Text);
    crate::golden::compare("matrix", &answer.page);
    assert_eq!(answer.exit, Exit::Done);
}

#[test]
fn the_rules_of_one_container_are_what_proxmox_ve_gets() {
    let gathered = gathered(&[ESTATE], None);
    let pages = ["zentoria-proxy", "zc/zentoria-db", "zentoria/zentoria-logs"];
    let pages: Vec<String> = pages.iter().map(|name| shown(&gathered, Some(name), MatrixOutput::Text).page).collect();
    crate::golden::compare("matrix-of", &pages.join("\n"));
    let what = Matrix { of: Some("nobody".into()), ..Matrix::default() };
    let error = answer(&gathered, &what, Paint::Off).unwrap_err().to_string();
    assert!(error.contains("there is no container nobody"), "{error}");
}

/// Names that want to be markup, a namespace beside, every kind of action and peer, more than fits a line.
const HOSTILE: &str = "
kind: ProxmoxCluster
metadata: {name: 'pve</title><b>'}
spec: {estateId: home, mode: Enforce, endpoints: ['https://10.0.0.2:8006'], tls: {fingerprintSha256: AA},
  credentials: {tokenSecretRef: {name: t}}, controlPlaneCIDRs: [10.0.0.9], networks: [10.0.0.0/8],
  hosts: [{name: nas, addresses: [192.168.7.0/24, 10.9.9.9]}]}
---
kind: ZentoriaContainer
metadata: {name: '\"><script>alert(1)</script>', namespace: one}
spec:
  clusterRef: {name: 'pve</title><b>'}
  zone: \"'><img src=x onerror=alert(1)>\"
  firewall: {outbound: Drop}
  network: {interfaces: [{name: eth0, ipv4: {address: 10.0.0.11/8}}]}
---
kind: ZentoriaContainer
metadata: {name: a-name-that-is-much-longer-than-what-fits-into-a-box-of-the-picture, namespace: one}
spec:
  clusterRef: {name: 'pve</title><b>'}
  network: {interfaces: [{name: eth0, ipv4: {address: 10.0.0.12/8}}]}
---
kind: ZentoriaContainer
metadata: {name: far, namespace: two}
spec:
  clusterRef: {name: 'pve</title><b>'}
  zone: z
  network: {interfaces: [{name: eth0, ipv4: {address: 10.0.0.13/8}}]}
---
kind: FirewallRule
metadata: {name: '=cmd()', namespace: one}
spec:
  from: [{cidr: 10.7.0.0/16}, {host: nas}, {selector: {}, namespaceSelector: {}}]
  to: [{all: {}}]
  ports: [{port: 80}, {port: 90, endPort: 99, protocol: UDP}, {protocol: ICMP}]
  log: info
---
kind: FirewallRule
metadata: {name: everybody, namespace: one}
spec: {from: [{any: {}}], to: [{all: {}}], ports: [{port: 7}]}
---
kind: FirewallRule
metadata: {name: deny, namespace: one}
spec: {from: [{cidr: 10.7.7.0/24}], to: [{all: {}}], ports: [{port: 80}], action: Reject, priority: 1}
---
kind: FirewallRule
metadata: {name: out, namespace: one}
spec: {direction: Egress, from: [{all: {}}], to: [{external: {}}, {host: nas}], ports: [{port: 443}]}
---
kind: FirewallRule
metadata: {name: lost, namespace: one}
spec: {from: [{container: gone}], to: [{all: {}}], ports: [{port: 1}]}
";

#[test]
fn no_name_becomes_markup() {
    let page = shown(&gathered(&[HOSTILE], None), None, MatrixOutput::Html).page;
    for markup in ["<script>alert", "<img", "</title><b>", "onerror=alert(1)>"] {
        assert!(!page.contains(markup), "{markup}");
    }
    assert!(page.contains("&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"));
    balanced(&page);
}

#[test]
fn what_cannot_be_carried_out_is_told_and_the_rest_is_shown() {
    let gathered = gathered(&[HOSTILE], None);
    let answer = shown(&gathered, None, MatrixOutput::Text);
    assert_eq!(answer.exit, Exit::Error, "{}", answer.page);
    for said in ["RULES TO LOOK AT", "one/lost: NotFound", "REJECT", "any address", "host nas", "10.7.0.0/16"] {
        assert!(answer.page.contains(said), "{said} is missing:\n{}", answer.page);
    }
}

#[test]
fn the_page_loads_nothing_and_is_well_formed() {
    let page = shown(&gathered(&[ESTATE, FLOWS], None), None, MatrixOutput::Html).page;
    for word in ["http://", "https://", "src=", "href=", "@import", "url(http"] {
        assert!(!page.contains(word), "{word}");
    }
    balanced(&page);
    assert!(page.contains("prefers-color-scheme: dark") && page.contains("default-src 'none'"));
    for name in ["zentoria-db", "zentoria-proxy", "external", "host dns", "control plane"] {
        assert!(page.contains(&format!("data-name=\"{name}\"")), "{name}");
    }
    assert_eq!(page.matches("class=\"node\"").count(), 17);
    assert_eq!(page.matches("class=\"zone\"").count(), 7);
}

/// Every element that is opened is closed, in the right order.
#[track_caller]
fn balanced(page: &str) {
    const VOID: [&str; 4] = ["!doctype", "meta", "input", "wbr"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find('>').expect("a tag ends");
        let (tag, after) = (&rest[..end], &rest[end + 1..]);
        let name = tag.split([' ', '\n', '/']).find(|part| !part.is_empty()).unwrap_or_default();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "closed out of turn before {}", &after[..after.len().min(60)]);
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
        rest = after;
        if !tag.starts_with('/') && (name == "script" || name == "style") {
            rest = &rest[rest.find(&format!("</{name}>")).expect("it ends")..];
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

fn graphs(texts: &[&str]) -> Vec<Graph> {
    let gathered = gathered(texts, None);
    let matrices = gathered.matrices();
    let view = View::new(&gathered, &matrices);
    view.clusters.iter().map(picture::graph).collect()
}

/// A graph of so many containers in so many zones, with lines between neighbours.
fn many(containers: usize, zones: usize) -> Graph {
    let kind = |index: usize| Kind::Container { namespace: "n".into(), zone: format!("zone-{}", index % zones) };
    let node = |index: usize| picture::Node {
        name: format!("container-{index}"),
        detail: "10.0.0.1".into(),
        kind: kind(index),
    };
    let edge = |index: usize| picture::Edge {
        from: index,
        to: (index * 7 + 1) % containers,
        passes: true,
        derived: false,
        broad: false,
        ports: vec!["80/tcp".into()],
        rules: vec!["r".into()],
    };
    Graph { nodes: (0..containers).map(node).collect(), edges: (0..containers).map(edge).collect() }
}

fn overlap(a: &Place, b: &Place) -> bool {
    a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h
}

fn within(inner: &Place, outer: &Place) -> bool {
    inner.x >= outer.x
        && inner.y >= outer.y
        && inner.x + inner.w <= outer.x + outer.w
        && inner.y + inner.h <= outer.y + outer.h
}

#[test]
fn boxes_never_overlap_names_fit_in_and_lines_end_at_boxes() {
    let mut all = graphs(&[ESTATE, FLOWS]);
    all.extend(graphs(&[HOSTILE]));
    all.extend([many(1, 1), many(2, 2), many(30, 1), many(100, 9), many(500, 40), Graph::default()]);
    for graph in all {
        let picture = draw(&graph);
        let page = Place { x: 0.0, y: 0.0, w: picture.width, h: picture.height };
        for (index, group) in picture.groups.iter().enumerate() {
            assert!(within(&group.place, &page), "{group:?} in {page:?}");
            for other in &picture.groups[index + 1..] {
                assert!(!overlap(&group.place, &other.place), "{} and {}", group.title, other.title);
            }
            for member in &group.members {
                assert!(
                    within(&picture.nodes[*member], &group.place),
                    "{} in {}",
                    graph.nodes[*member].name,
                    group.title
                );
            }
        }
        for (index, place) in picture.nodes.iter().enumerate() {
            assert!(place.w > 0.0, "{} has a place", graph.nodes[index].name);
            let letters = f64::from(u32::try_from(label(&graph.nodes[index].name).chars().count()).unwrap());
            assert!(letters * picture::LETTER <= place.w - 16.0, "{} fits", graph.nodes[index].name);
            assert!(picture.nodes[index + 1..].iter().all(|other| !overlap(place, other)));
        }
        for (edge, line) in graph.edges.iter().zip(&picture.lines) {
            for (node, (x, y)) in [(edge.from, line.from), (edge.to, line.to)] {
                let place = picture.nodes[node];
                assert!(x > place.x && x < place.x + place.w, "{line:?}");
                assert!(y.to_bits() == place.y.to_bits() || y.to_bits() == (place.y + place.h).to_bits(), "{line:?}");
            }
            for (x, y) in [line.first, line.second] {
                assert!(x >= 0.0 && x <= page.w && y >= 0.0 && y <= page.h, "{line:?} in {page:?}");
            }
        }
    }
}

#[test]
fn spreadsheets_and_programs_get_the_same_rules() {
    let gathered = gathered(&[ESTATE], None);
    let csv = shown(&gathered, None, MatrixOutput::Csv).page;
    let lines: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!(lines[0], "cluster,container,direction,peer,protocol,ports,action,rules");
    let wanted = "pve,zentoria/zentoria-db,in,zentoria/zentoria-backend,tcp,5432 6432,Allow,zentoria/backend-to-db";
    assert!(lines.contains(&wanted), "{csv}");
    let json: Value = serde_json::from_str(&shown(&gathered, None, MatrixOutput::Json).page).unwrap();
    let yaml: Value = serde_saphyr::from_str(&shown(&gathered, None, MatrixOutput::Yaml).page).unwrap();
    assert_eq!(json, yaml);
    let containers = json["clusters"][0]["containers"].as_array().unwrap();
    let peers =
        containers.iter().flat_map(|c| c["rules"].as_array().unwrap()).map(|r| r["peers"].as_array().unwrap().len());
    assert_eq!(peers.sum::<usize>(), lines.len() - 2, "a line for each peer of each rule");
    let rules = json["clusters"][0]["firewallRules"].as_array().unwrap();
    assert!(rules.iter().any(|rule| rule["name"] == "internet-to-proxy" && rule["reason"] == "Enforced"), "{rules:?}");
    let hostile = shown(&self::gathered(&[HOSTILE], None), None, MatrixOutput::Csv).page;
    assert!(hostile.split("\r\n").all(|line| !line.contains(",=")), "no cell is a formula:\n{hostile}");
}

#[test]
fn a_page_is_written_into_a_file() {
    let dir = std::env::temp_dir().join(format!("zentoria-matrix-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let file = dir.join("matrix.html");
    let what = Matrix { html: Some(file.clone()), ..Matrix::default() };
    let said = answer(&gathered(&[ESTATE], None), &what, Paint::Off).unwrap();
    assert!(said.page.is_empty() && said.asides[0].contains("matrix.html"), "{said:?}");
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("<!doctype html>"));
    std::fs::remove_dir_all(&dir).unwrap();
    let error = answer(&gathered(&[ESTATE], None), &what, Paint::Off).unwrap_err().to_string();
    assert!(error.contains("matrix.html"), "{error}");
}

#[test]
fn only_the_namespace_that_was_asked_for_is_shown() {
    let gathered = gathered(&[HOSTILE], Some("two"));
    let page = shown(&gathered, None, MatrixOutput::Text).page;
    assert!(page.contains("far") && !page.contains("a-name-that"), "{page}");
    assert!(shown(&self::gathered(&[HOSTILE], Some("none")), None, MatrixOutput::Text).page.contains("no containers"));
}
