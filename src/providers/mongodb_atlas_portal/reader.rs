//! Many reads at once that share one budget: a limit on calls holds up all of them, and what fails for a moment is read again.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::providers::{ErrorKind, ProviderError, Result};

/// Tries for one read that fails with what passes.
const TRIES: u32 = 3;
/// The pause after a failure that names none.
const PAUSE: Duration = Duration::from_millis(250);

pub(super) struct Reader {
    until: Instant,
    /// Nobody asks before this.
    quiet: Mutex<Instant>,
}

impl Reader {
    pub fn new(budget: Duration) -> Self {
        let now = Instant::now();
        Self {
            until: now + budget,
            quiet: Mutex::new(now),
        }
    }

    pub fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// The answer, or the last error. Waits only while what it waits for can still be read in time.
    pub async fn read<T, F: Future<Output = Result<T>>>(&self, ask: impl Fn() -> F) -> Result<T> {
        let mut tries = 0;
        loop {
            self.wait().await?;
            let error = match ask().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            tries += 1;
            let pause = error.retry_after.unwrap_or(PAUSE);
            if error.kind != ErrorKind::Transient || tries >= TRIES || Instant::now() + pause >= self.until {
                return Err(error);
            }
            match error.retry_after {
                Some(pause) => self.quiet(pause),
                None => tokio::time::sleep(pause).await,
            }
        }
    }

    fn quiet(&self, pause: Duration) {
        let mut quiet = self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
        *quiet = (*quiet).max(Instant::now() + pause);
    }

    async fn wait(&self) -> Result<()> {
        let until = *self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = until.saturating_duration_since(Instant::now());
        if pause.is_zero() {
            return Ok(());
        }
        if until >= self.until {
            let mut error =
                ProviderError::new(ErrorKind::Transient, "MongoDB Atlas limits how often it is asked");
            error.retry_after = Some(pause);
            return Err(error);
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    async fn after(failures: u32, error: ProviderError, budget: Duration) -> (Result<u32>, u32) {
        let (reader, calls) = (Reader::new(budget), AtomicU32::new(0));
        let answer = reader
            .read(|| async {
                match calls.fetch_add(1, Ordering::SeqCst) < failures {
                    true => Err(error.clone()),
                    false => Ok(7),
                }
            })
            .await;
        (answer, calls.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_read_again() {
        let passing = ProviderError::new(ErrorKind::Transient, "x");
        let budget = Duration::from_secs(50);
        assert_eq!(after(2, passing.clone(), budget).await.0.unwrap(), 7);
        let (answer, calls) = after(9, passing.clone(), budget).await;
        assert!(answer.is_err() && calls == TRIES);
        let (answer, calls) = after(9, passing.clone(), Duration::ZERO).await;
        assert!(answer.is_err() && calls == 1, "no time to wait");
        let (answer, calls) = after(9, ProviderError::new(ErrorKind::Denied, "x"), budget).await;
        assert!(
            answer.is_err() && calls == 1,
            "what does not pass is not asked again"
        );
        let mut limited = passing;
        limited.retry_after = Some(Duration::from_secs(60));
        let (answer, calls) = after(9, limited, budget).await;
        assert!(
            answer.unwrap_err().retry_after.is_some() && calls == 1,
            "longer than there is time"
        );
    }
}
