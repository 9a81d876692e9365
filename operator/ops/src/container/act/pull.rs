//! A download to a storage: started once, however many wait for it. It belongs to no container, so no status names it: it
//! is found again in Proxmox VE's own list of tasks.

use super::{Done, Run};
use crate::cluster::{Begin, PullPlace};
use crate::failure::{self, Failure};
use crate::slots::Place;
use zentoria_api::container::TaskAction;
use zentoria_core::container::step::{Pull, Pulled};
use zentoria_pve::{DownloadTemplate, PullImage};
use zentoria_types::upid::Upid;

impl Run<'_> {
    /// Starts it, or joins who has.
    pub(super) async fn pull(&mut self, pull: &Pull) -> Result<Done, Failure> {
        let (cluster, key) = (self.actor.cluster, &self.actor.identity.key);
        let in_flight = Done::InFlight(TaskAction::Pull, Vec::new());
        let place = cluster.pull_place(&pull.node, &pull.volume);
        let storage = pull.volume.split(':').next().unwrap_or_default();
        match cluster.begin_pull(&place, &pull.what, key) {
            Begin::Joined => {
                cluster.slots().leave(key);
                return Ok(in_flight);
            }
            Begin::Ended => return Err(Failure::Replan(format!("{} was fetched meanwhile", pull.volume))),
            Begin::Start => {}
        }
        let where_ = Place { node: pull.node.to_string(), storage: Some(storage.to_owned()), source: None };
        let Some(slot) = cluster.slots().acquire(key, &where_) else {
            cluster.abandon_pull(&place, key);
            return Ok(Done::Queued);
        };
        match self.fetch(pull, &place, storage).await {
            Ok(upid) => {
                cluster.follow_pull(place, upid, slot);
                Ok(in_flight)
            }
            Err(failure) => {
                cluster.abandon_pull(&place, key);
                Err(failure)
            }
        }
    }

    async fn fetch(&self, pull: &Pull, place: &PullPlace, storage: &str) -> Result<Upid, Failure> {
        let cluster = self.actor.cluster;
        let doing = format!("fetch {} on node {}", pull.volume, pull.node);
        let failed = |error: &_| failure::read(&doing, error);
        if let Some(upid) = cluster.running_pull(place, &pull.what).await.map_err(|error| failed(&error))? {
            return Ok(upid);
        }
        let storage = self.storage(storage)?;
        let file = pull.volume.rsplit('/').next().unwrap_or_default();
        let answer = match &pull.what {
            Pulled::Template(download) => {
                let checksum = format!("{}:{}", download.algorithm, download.checksum);
                let checksum = checksum.parse().map_err(|error| Failure::Replan(format!("{doing}: {error}")))?;
                let what =
                    DownloadTemplate { filename: file.to_owned(), url: download.url.clone(), checksum: Some(checksum) };
                cluster.client().download_template(&pull.node, &storage, &what).await
            }
            Pulled::Image(reference) => {
                let filename = file.strip_suffix(".tar").unwrap_or(file).to_owned();
                let what = PullImage { reference: reference.clone(), filename: Some(filename) };
                cluster.client().pull_image(&pull.node, &storage, &what).await
            }
        };
        answer.map_err(|error| failed(&error))
    }
}
