//! Firewalls: what the matrix costs by itself, and what the operator asks of Proxmox VE to write it, to change one rule of
//! it, and while nothing changes.

use crate::calls::Tally;
use crate::matrix::{self, Alone, alone};
use crate::report::{Row, row};
use crate::stage::{Scene, Stage};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use zentoria_api::conditions::FIREWALL_ENFORCED;
use zentoria_api_tests::pve::{OPERATOR, Request};
use zentoria_api_tests::wait::within;

/// The figures of one size.
#[derive(Debug, Serialize)]
pub struct Firewall {
    /// Containers.
    pub containers: u32,
    /// Without anybody to ask.
    pub alone: Alone,
    /// With the operator.
    pub operator: Option<WithOperator>,
    /// The rows of the table.
    pub rows: Vec<Row>,
}

/// What the operator asked of the firewalls of Proxmox VE.
#[derive(Debug, Serialize)]
pub struct WithOperator {
    /// From the first container to the last firewall in force, in seconds.
    pub seconds: f64,
    /// The calls of that time.
    pub first: Tally,
    /// The calls for one changed rule.
    pub change: Tally,
    /// Guests that were written to for it.
    pub guests_of_a_change: usize,
    /// How long nothing changed after, in seconds; in that time every guest is looked at once.
    pub steady_seconds: f64,
    /// The calls of that time.
    pub steady: Tally,
}

/// `poll.fullResync` by default, in minutes.
const ROUND_MINUTES: f64 = 10.0;

/// Measures one size; with a stage also with the operator, and `round` as `poll.fullResync` while nothing changes.
pub async fn firewall(stage: Option<&Stage>, containers: u32, round: Duration) -> Firewall {
    let alone = alone(containers);
    let operator = match stage {
        Some(stage) => Some(with_operator(stage, containers, round).await),
        None => None,
    };
    let mut figures = Firewall { containers, alone, operator, rows: Vec::new() };
    figures.rows = rows(&figures);
    figures
}

async fn with_operator(stage: &Stage, containers: u32, round: Duration) -> WithOperator {
    let name = format!("bench-firewall-{containers}");
    let scene = stage.scene_of(&matrix::cluster(&name), 1).await;
    scene.apply_rules(&matrix::rules(&name, containers)).await;
    scene.forget_requests().await;
    let started = Instant::now();
    scene.create(containers).await;
    in_force(&scene, containers).await;
    let seconds = started.elapsed().as_secs_f64();
    let first = Tally::of(&asked(&scene).await);
    scene.settle().await;

    scene.forget_requests().await;
    let (rule, patch) = matrix::change(containers);
    scene.change_rule(&rule, patch).await;
    let requests = asked(&scene).await;
    let written = requests.iter().filter(|request| request.method != "GET");
    let guests: BTreeSet<&str> = written.filter_map(|request| guest(&request.path)).collect();
    let guests_of_a_change = guests.len();
    let of_them = |request: &&Request| guest(&request.path).is_some_and(|guest| guests.contains(guest));
    let change = Tally::of(&requests.iter().filter(of_them).cloned().collect::<Vec<_>>());

    scene.patch_cluster(json!({"poll": {"fullResync": format!("{}s", round.as_secs())}})).await;
    scene.cluster_ready().await;
    scene.settle().await;
    scene.forget_requests().await;
    // The wait is for time itself: it is what is measured.
    tokio::time::sleep(round).await;
    let steady = Tally::of(&asked(&scene).await);
    scene.end().await;
    WithOperator { seconds, first, change, guests_of_a_change, steady_seconds: round.as_secs_f64(), steady }
}

/// Waits until every container says that its firewall is enforced.
async fn in_force(scene: &Scene<'_>, containers: u32) {
    let deadline = Duration::from_secs(120 + u64::from(containers));
    within(deadline, "every firewall is in force", || async {
        let objects = scene.containers().list(&Default::default()).await.map_err(|error| error.to_string())?;
        let open = objects.iter().find_map(|object| {
            let conditions = object.status.iter().flat_map(|status| &status.conditions);
            let said = conditions.into_iter().find(|condition| condition.type_ == FIREWALL_ENFORCED);
            let name = object.metadata.name.clone().unwrap_or_default();
            match said {
                Some(condition) if condition.status == "True" => None,
                Some(condition) => Some(format!("{name}: {} {}", condition.reason, condition.message)),
                None => Some(format!("{name}: nothing is said of its firewall")),
            }
        });
        open.map_or(Ok(()), Err)
    })
    .await;
}

/// The operator's calls of guests' firewalls since the journal was emptied.
async fn asked(scene: &Scene<'_>) -> Vec<Request> {
    let mut requests = scene.requests().await;
    requests.retain(|request| {
        request.user.as_deref() == Some(OPERATOR)
            && guest(&request.path).is_some()
            && request.path.contains("/firewall")
    });
    requests
}

/// The guest of `/nodes/{node}/lxc/{vmid}/...`.
fn guest(path: &str) -> Option<&str> {
    let mut words = path.split('/').skip_while(|word| *word != "lxc");
    words.nth(1)
}

fn rows(figures: &Firewall) -> Vec<Row> {
    let (alone, guests) = (&figures.alone, f64::from(figures.containers));
    let compile = alone.read_milliseconds + alone.compile_milliseconds;
    let mut rows = vec![
        row(format!("compile {} flows, ms", alone.flows), compile, (figures.containers <= 500).then_some(50.0)),
        row("rules of Proxmox VE per guest", alone.rules as f64 / guests, None),
        row("writes of the first enforcement, per guest", alone.writes as f64 / guests, None),
        row("guests that one changed rule changes", alone.guests_of_a_change as f64, 1.0),
        row("writes for one changed rule", alone.writes_of_a_change as f64, None),
    ];
    if let Some(operator) = &figures.operator {
        let reads = |tally: &Tally, end: &str| -> f64 {
            let found = tally
                .by_template
                .iter()
                .filter(|(template, _)| template.starts_with("GET ") && template.ends_with(end));
            found.map(|(_, count)| *count as f64).sum()
        };
        let entries = reads(&operator.steady, "/firewall/ipset/{set}");
        let looks = reads(&operator.steady, "/firewall/options");
        let per_look = (operator.steady.calls() as f64 - entries) / looks;
        let per_minute = operator.steady.calls() as f64 / guests / ROUND_MINUTES;
        rows.extend([
            row("apply to every firewall in force, s", operator.seconds, None),
            row("calls of the first enforcement, per guest", operator.first.calls() as f64 / guests, None),
            row("guests written to for one changed rule", operator.guests_of_a_change as f64, 1.0),
            row("calls for one changed rule", operator.change.calls() as f64, None),
            row("steady: looks at each guest in a round", looks / guests, None),
            row("steady: calls per look at a guest, beside those of IP sets", per_look, 3.0),
            row("steady: firewall calls per guest and minute (10m round)", per_minute, None),
        ]);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guest_of_a_path_is_found() {
        assert_eq!(guest("/nodes/pve1/lxc/1000/firewall/rules/3"), Some("1000"));
        assert_eq!(guest("/cluster/firewall/options"), None);
    }

    #[test]
    fn ten_flows_each_are_two_rules_of_proxmox_ve_and_the_control_planes_own() {
        let figures = alone(17);
        assert_eq!(figures.flows, 170);
        assert_eq!(figures.guests_of_a_change, 1);
        assert_eq!(figures.rules % 17, 0);
        assert!(figures.rules >= 2 * 17, "{figures:?}");
    }
}
