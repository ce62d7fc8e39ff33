//! Whether the cluster has what we changed.
//!
//! Its status is the cluster's and not of one change, so it counts only when read so long after our change.

use std::time::Duration;

use super::client::Progress;
use super::turn::Turn;
use super::wire::Cluster;
use crate::providers::Result;

/// Longest pause between two looks at a cluster.
const POLL_LIMIT: Duration = Duration::from_secs(15);
/// After this a person is told that it takes long.
const LONG: chrono::Duration = chrono::Duration::minutes(5);
/// Where a cluster tells no status its changes are taken as applied after so many times `settle`.
const UNTOLD: u32 = 10;

impl Turn<'_> {
    pub(super) async fn settle_without_cluster(&mut self) -> Result<()> {
        let progress = self.look().await?;
        if progress == Progress::Pending {
            // A paused cluster applies nothing, and lets nobody in; it applies all this before it does again.
            let found = self
                .data
                .client
                .cluster(&self.place.group, &self.place.cluster)
                .await?;
            if found.is_some_and(|cluster| cluster.paused) {
                self.notes.since = None;
                self.answer.remarks.push(
                    "the cluster is paused: the change reaches it before anybody can log in again".to_owned(),
                );
                return Ok(());
            }
        }
        self.judge(progress, false);
        Ok(())
    }

    pub(super) async fn progress(&mut self, cluster: &Cluster) -> Result<()> {
        let progress = self.look().await?;
        self.judge(progress, cluster.paused);
        Ok(())
    }

    async fn look(&self) -> Result<Progress> {
        self.data
            .client
            .progress(&self.place.group, &self.place.cluster)
            .await
    }

    fn judge(&mut self, progress: Progress, paused: bool) {
        let elapsed = self.notes.since.map(|since| self.change.now - since);
        let least = match progress {
            Progress::Applied | Progress::Pending => self.data.settings.settle,
            Progress::Untold => self.data.settings.settle * UNTOLD,
        };
        let passed = elapsed.map(|elapsed| elapsed.to_std().unwrap_or_default());
        let cluster = &self.place.cluster;
        let poll = passed
            .unwrap_or_default()
            .min(POLL_LIMIT)
            .max(self.data.settings.poll);
        match progress {
            Progress::Pending if paused => {
                let text = format!("{cluster} is paused in Atlas: the access begins when it goes on");
                self.wait(text, POLL_LIMIT.max(self.data.settings.poll));
            }
            Progress::Pending => {
                let mut text = format!("Atlas is applying changes to {cluster}");
                if let Some(long) = elapsed.filter(|elapsed| *elapsed > LONG) {
                    text = format!("{text}, for {} min by now", long.num_minutes());
                }
                self.wait(text, poll);
            }
            Progress::Applied | Progress::Untold => {
                let left = passed
                    .map(|passed| least.saturating_sub(passed))
                    .unwrap_or_default();
                if left.is_zero() {
                    self.notes.since = None;
                } else {
                    self.wait(format!("waiting for {cluster} to settle"), left);
                }
            }
        }
    }
}
