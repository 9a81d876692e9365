//! Removes locks that were left behind.

use crate::failure::Failure;
use crate::restic::Restic;
use jiff::Timestamp;
use zentoria_types::backup_job::{JobError, Lock};

/// restic takes a lock that nobody has renewed for half an hour for left behind; its clock may differ a little from ours.
const STALE: i64 = 32 * 60;

/// How locks are removed.
#[derive(Debug, PartialEq, Eq)]
enum Way {
    /// There is none.
    Nothing,
    /// Those that nobody renews, which is sure also where another Job begins meanwhile.
    Stale,
    /// All that there are.
    All,
}

/// All locks, when each is held by one of the hosts, which are proved to be gone; otherwise none.
pub(super) async fn unlock(restic: &Restic, hosts: &[String]) -> Result<(), Failure> {
    let refused =
        |why: String| Failure::new(JobError::Locked, format!("no lock of {} was removed: {why}", restic.shown()));
    let locks = restic.locks().await?;
    match way(&locks, hosts, Timestamp::now().as_second()).map_err(refused)? {
        Way::Nothing => Ok(()),
        Way::Stale => restic.unlock_stale().await,
        // A Job that has begun since would lose its lock, too.
        Way::All if restic.locks().await? != locks => Err(refused("others came or went meanwhile".to_owned())),
        Way::All => restic.unlock_all().await,
    }
}

fn way(locks: &[Lock], hosts: &[String], now: i64) -> Result<Way, String> {
    let mut others: Vec<&str> =
        locks.iter().map(|lock| lock.host.as_str()).filter(|host| !hosts.iter().any(|gone| gone == host)).collect();
    others.sort_unstable();
    others.dedup();
    if !others.is_empty() {
        return Err(format!("{} still holds one and may be at work", others.join(", ")));
    }
    if locks.is_empty() {
        return Ok(Way::Nothing);
    }
    let stale = locks.iter().all(|lock| now.saturating_sub(lock.since) > STALE);
    Ok(if stale { Way::Stale } else { Way::All })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_lock_of_somebody_else_keeps_all_and_old_ones_go_by_their_age() {
        let lock = |host: &str, since: i64| Lock { host: host.to_owned(), since, exclusive: false };
        let gone = ["a".to_owned(), "b".to_owned()];
        for (locks, expected) in [
            (vec![], Ok(Way::Nothing)),
            (vec![lock("a", 9000), lock("b", 0)], Ok(Way::All)),
            (vec![lock("a", 1000), lock("b", 0)], Ok(Way::Stale)),
            (vec![lock("a", i64::MAX)], Ok(Way::All)),
            (vec![lock("a", 0), lock("x", 0), lock("x", 9000)], Err("x still holds one and may be at work".to_owned())),
        ] {
            assert_eq!(way(&locks, &gone, 10_000), expected, "{locks:?}");
        }
    }
}
