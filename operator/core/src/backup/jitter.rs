//! Jobs of one schedule do not begin at once: each is delayed by its own time, always the same.

use sha2::{Digest, Sha256};
use std::time::Duration;

/// The delay of one operation of one object: from zero to `most`, in whole seconds, by the uid and the operation's name.
#[must_use]
pub fn delay(uid: &str, operation: &str, most: Duration) -> Duration {
    let mut hash = Sha256::new();
    for part in [uid, operation] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let number = hash.finalize().iter().take(8).fold(0u64, |number, byte| (number << 8) | u64::from(*byte));
    Duration::from_secs(number % (most.as_secs().saturating_add(1)))
}
