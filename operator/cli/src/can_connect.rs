//! `can-connect`: whether one can connect to another, by which rule, or by which default it cannot.

mod judge;
mod live;
mod party;
mod target;
mod text;

use crate::error::Error;
use crate::gather::{Gathered, Matrix};
use crate::options::{CanConnect, Output, To};
use crate::paint::Paint;
use crate::{Answer, Exit, structured};
use judge::{Findings, Pair, Side};
use party::{Book, Party};
use serde_json::{Value, json};
use target::{Port, Target};
use zentoria_core::firewall::flows::{Names, flows};
use zentoria_core::firewall::guest::{Service, Way};
use zentoria_core::firewall::reach::{Judged, way_told};

/// Judges one connection.
///
/// # Errors
/// Where the objects cannot be read, or it is not clear who is meant.
pub async fn run(to: &To, what: &CanConnect) -> Result<Answer, Error> {
    if what.live {
        return live::run(to, what).await;
    }
    let gathered = Gathered::read(to, &what.from, false).await?;
    answer(&gathered, what, Paint::stdout())
}

/// The answer from what was gathered: by what the manifests wish.
///
/// # Errors
/// Where it is not clear who is meant.
pub fn answer(gathered: &Gathered, what: &CanConnect, paint: Paint) -> Result<Answer, Error> {
    let matrices = gathered.matrices();
    let asked = asked(gathered, &matrices, what)?;
    let findings = judge::judged(&asked.from, &asked.to, &asked.port, &judge::by_wish)?;
    said(gathered, &asked, &findings, what, paint)
}

/// What was asked.
struct Asked<'a> {
    from: Party<'a>,
    to: Party<'a>,
    port: Port,
}

fn asked<'a>(gathered: &'a Gathered, matrices: &'a [Matrix<'a>], what: &CanConnect) -> Result<Asked<'a>, Error> {
    let target = Target::parse(&what.target)?;
    let book = Book { gathered, matrices };
    Ok(Asked { from: book.find(&what.source)?, to: book.find(&target.whom)?, port: target.port })
}

fn said(
    gathered: &Gathered,
    asked: &Asked<'_>,
    findings: &Findings,
    what: &CanConnect,
    paint: Paint,
) -> Result<Answer, Error> {
    let page = match what.output {
        Output::Text => text::page(findings, gathered, &who_may(&asked.to, &asked.port), paint),
        Output::Json => structured::json(&document(findings)),
        Output::Yaml => structured::yaml(&document(findings))?,
    };
    let exit = match findings.passes() {
        Some(true) => Exit::Done,
        Some(false) => Exit::No,
        None => Exit::Error,
    };
    let asides = gathered.problems.iter().map(|problem| format!("error: {problem}")).collect();
    Ok(Answer { page, asides, exit })
}

/// To whom the target is open at that port, for people: what to compare a "no" with.
fn who_may(to: &Party<'_>, port: &Port) -> Vec<String> {
    let Some(own) = to.container else { return Vec::new() };
    let (key, estate) = (own.key(), &own.matrix.estate);
    let Some(guest) = own.matrix.compiled.guests.get(&key) else { return Vec::new() };
    let wanted = match port {
        Port::Number(number, protocol) => Some((*number, *protocol)),
        Port::Service(name) => {
            let served = estate.containers.get(&key).and_then(|container| container.services.get(name));
            served.map(|served| (served.ports.first, served.protocol))
        }
        Port::Ping => None,
    };
    let Some((number, protocol)) = wanted else { return Vec::new() };
    let mut ends = Vec::new();
    for flow in flows(&Names::new(estate), guest) {
        let holds = match &flow.service {
            Service::Any => true,
            Service::Protocol(other) => *other == protocol,
            Service::Ports(other, ports) => {
                *other == protocol && ports.iter().any(|range| (range.first..=range.last).contains(&number))
            }
        };
        if flow.way == Way::In && holds && flow.action == zentoria_api::firewall::Action::Allow {
            ends.extend(flow.peers);
        }
    }
    ends.sort_unstable();
    ends.dedup();
    ends.iter().map(|end| end.told(&key.namespace)).collect()
}

fn document(findings: &Findings) -> Value {
    json!({
        "from": findings.from,
        "to": findings.to,
        "port": findings.port,
        "connects": findings.passes(),
        "pairs": findings.pairs.iter().map(pair).collect::<Vec<_>>(),
        "notes": findings.notes,
    })
}

fn pair(pair: &Pair) -> Value {
    json!({
        "source": pair.source.to_string(),
        "dest": pair.dest.to_string(),
        "connects": pair.passes(),
        "firewalls": pair.sides.iter().map(side).collect::<Vec<_>>(),
    })
}

fn side(side: &Side) -> Value {
    let why = match &side.judged {
        Judged::NotManaged => "firewall.mode is Off".to_owned(),
        Judged::NotKnown(why) => why.clone(),
        Judged::By(decision) => decision.verdict.why().to_owned(),
    };
    json!({
        "namespace": side.guest.namespace,
        "name": side.guest.name,
        "direction": way_told(side.way),
        "mode": side.mode.map(|mode| format!("{mode:?}")),
        "passes": side.judged.passes(),
        "why": why,
        "rules": side.owners,
    })
}

#[cfg(test)]
mod tests;
