//! Removes locks that were left behind.

use crate::failure::Failure;
use crate::restic::Restic;
use zentoria_types::backup_job::{JobError, Lock};

/// All locks, when each is held by one of the hosts, which are proved to be gone; otherwise none.
pub(super) async fn unlock(restic: &Restic, hosts: &[String]) -> Result<(), Failure> {
    let locks = restic.locks().await?;
    if let Some(others) = held_by_others(&locks, hosts) {
        return Err(Failure::new(
            JobError::Locked,
            format!("no lock of {} was removed: {others} still holds one and may be at work", restic.shown()),
        ));
    }
    if !locks.is_empty() {
        restic.unlock().await?;
    }
    Ok(())
}

fn held_by_others(locks: &[Lock], hosts: &[String]) -> Option<String> {
    let mut others: Vec<&str> =
        locks.iter().map(|lock| lock.host.as_str()).filter(|host| !hosts.iter().any(|gone| gone == host)).collect();
    others.sort_unstable();
    others.dedup();
    (!others.is_empty()).then(|| others.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_lock_of_somebody_else_keeps_all() {
        let lock = |host: &str| Lock { host: host.to_owned(), since: 0, exclusive: false };
        let gone = ["a".to_owned(), "b".to_owned()];
        assert_eq!(held_by_others(&[lock("a"), lock("b")], &gone), None);
        assert_eq!(held_by_others(&[lock("a"), lock("x"), lock("x")], &gone).as_deref(), Some("x"));
        assert_eq!(held_by_others(&[], &gone), None);
    }
}
