//! Waiting: for a condition, with a deadline that names it.

use std::future::Future;
use std::time::{Duration, Instant};

/// How long a condition may take. A test that passes never waits so long.
pub const DEADLINE: Duration = Duration::from_secs(120);

const STEP: Duration = Duration::from_millis(50);

/// Asks until the answer is `Ok`, and returns it. `Err` says what is seen instead.
///
/// # Panics
/// After [`DEADLINE`], with `what` and the last answer.
pub async fn eventually<T, Fut>(what: &str, check: impl FnMut() -> Fut) -> T
where
    Fut: Future<Output = Result<T, String>>,
{
    within(DEADLINE, what, check).await
}

/// As [`eventually`], with another deadline.
///
/// # Panics
/// After the deadline, with `what` and the last answer.
pub async fn within<T, Fut>(deadline: Duration, what: &str, mut check: impl FnMut() -> Fut) -> T
where
    Fut: Future<Output = Result<T, String>>,
{
    let start = Instant::now();
    loop {
        match check().await {
            Ok(value) => return value,
            Err(seen) if start.elapsed() >= deadline => {
                panic!("waited {:.0} s for: {what}\nlast seen: {seen}", deadline.as_secs_f64())
            }
            Err(_) => tokio::time::sleep(STEP).await,
        }
    }
}

/// An answer for [`eventually`]: the value, where it is as it should be.
///
/// # Errors
/// With the value as text, where it is not.
pub fn when<T: std::fmt::Debug>(value: T, holds: impl FnOnce(&T) -> bool) -> Result<T, String> {
    if holds(&value) { Ok(value) } else { Err(format!("{value:#?}")) }
}
