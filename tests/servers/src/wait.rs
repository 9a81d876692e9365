//! Waiting for something, with a limit that says what was waited for.

use std::time::{Duration, Instant};

/// Long enough for a busy machine; nothing takes it unless it failed.
const LIMIT: Duration = Duration::from_secs(120);

/// Looks again and again until there is a value.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = look().await {
            return value;
        }
        assert!(begun.elapsed() < LIMIT, "waited {LIMIT:?} in vain for: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
