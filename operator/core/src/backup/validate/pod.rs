//! The pods of Jobs: what an object says of them, over what another one says.

use super::problem::{Problem, span};
use crate::backup::want::PodWish;
use std::time::Duration;
use zentoria_api::backup::JobSettings;
use zentoria_api::common::Size;
use zentoria_types::size::Bytes;

const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// What is wished where nobody says anything.
fn defaults() -> PodWish {
    PodWish {
        image: None,
        limits: [("cpu", "1"), ("memory", "1Gi")].map(|(name, size)| (name.to_owned(), size.to_owned())).into(),
        scratch: "10Gi".to_owned(),
        node_selector: std::collections::BTreeMap::new(),
        timeout: Duration::from_secs(6 * 3600),
    }
}

/// What these settings say together; later ones win. Each comes with the field that it is.
pub(super) fn wish(settings: &[(&str, &JobSettings)]) -> Result<PodWish, Problem> {
    let mut wish = defaults();
    for (field, settings) in settings {
        let JobSettings { image, limits, scratch, node_selector, timeout } = settings;
        if let Some(image) = image {
            wish.image = Some(image.clone());
        }
        for (resource, quantity) in limits {
            if !is_quantity(quantity) {
                return Err(Problem::Invalid(format!(
                    "{field}.limits.{resource} {quantity:?} is no quantity of Kubernetes: write it as 500m, 2 or 1Gi"
                )));
            }
            wish.limits.insert(resource.clone(), quantity.clone());
        }
        if let Some(Size(size)) = scratch {
            if Bytes::parse_quantity(size).is_ok_and(|bytes| bytes.0 > 0) {
                wish.scratch.clone_from(size);
            } else {
                return Err(Problem::Invalid(format!("{field}.scratch {size:?} is no room: write it as 10Gi")));
            }
        }
        if !node_selector.is_empty() {
            wish.node_selector.clone_from(node_selector);
        }
        if let Some(timeout) = timeout {
            wish.timeout = self::timeout(&format!("{field}.timeout"), timeout)?;
        }
    }
    Ok(wish)
}

fn timeout(field: &str, text: &zentoria_api::common::Span) -> Result<Duration, Problem> {
    let timeout = span(field, text)?;
    if (SHORTEST..=LONGEST).contains(&timeout) {
        return Ok(timeout);
    }
    Err(Problem::Invalid(format!("{field} {:?} is not between 1m and 168h: write how long one run may take", text.0)))
}

/// A number, with a fraction or a unit of Kubernetes.
fn is_quantity(text: &str) -> bool {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let known = ["", "m", "k", "M", "G", "T", "P", "Ki", "Mi", "Gi", "Ti", "Pi"].contains(&unit);
    known && number.starts_with(|c: char| c.is_ascii_digit()) && number.parse::<f64>().is_ok_and(|size| size > 0.0)
}
