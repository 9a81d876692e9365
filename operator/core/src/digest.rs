//! Digests that name a meaning: the same meaning gives the same digest, whoever computes it, whenever.

use sha2::{Digest, Sha256};

/// 12 hex digits over the parts, each terminated, so that no two lists of parts run together.
#[must_use]
pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::of_parts;

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(of_parts(["ab", "c"]), of_parts(["a", "bc"]));
        assert_eq!(of_parts(["ab", "c"]).len(), 12);
    }
}
