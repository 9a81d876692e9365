//! `plan`: what the operator would do, call by call: the same validation, observation, plan and guard as its own. Nothing
//! is written to Kubernetes, and the fence of the Proxmox VE client is shut.

pub(crate) mod estate;
mod files;
mod firewall;
mod json;
mod judge;
mod live;
pub(crate) mod look;
mod text;

use crate::error::Error;
use crate::options::{Output, Plan, To};
use crate::structured;
use crate::{Answer, Exit};
use jiff::Timestamp;
use judge::{Forecast, judge};
use zentoria_ops::cluster::dialer;

/// Plans the estate, from files or as the API server has it.
///
/// # Errors
/// Where there is nothing to plan: no API server, no readable file.
pub async fn run(to: &To, what: &Plan) -> Result<Answer, Error> {
    let dialer = dialer(&what.dial_map).map_err(|error| Error::Refused(format!("--dial-map: {error}")))?;
    let estate = read(to, what).await?;
    let forecast = judge(estate, dialer, Timestamp::now()).await;
    let page = match what.output {
        Output::Text => text::page(&forecast),
        Output::Json => structured::json(&json::document(&forecast)),
        Output::Yaml => structured::yaml(&json::document(&forecast))?,
    };
    let asides = match what.output {
        Output::Text => Vec::new(),
        Output::Json | Output::Yaml => forecast.problems.iter().map(|problem| format!("error: {problem}")).collect(),
    };
    let exit = exit(&forecast);
    Ok(Answer { page, asides, exit })
}

/// The estate with its credentials, from files or as the API server has it.
pub(crate) async fn read(to: &To, what: &Plan) -> Result<estate::Estate, Error> {
    if what.filenames.is_empty() { live::read(to, what).await } else { files::read(to, what) }
}

/// An error outweighs changes: what was planned beside it is shown all the same.
fn exit(forecast: &Forecast) -> Exit {
    if !forecast.problems.is_empty() || forecast.rows.iter().any(judge::Row::is_problem) {
        return Exit::Error;
    }
    let changes = forecast.rows.iter().any(|row| !row.lines().is_empty());
    if changes || forecast.firewalls.iter().any(firewall::Firewall::changes) { Exit::Changes } else { Exit::Done }
}

#[cfg(test)]
mod tests;
