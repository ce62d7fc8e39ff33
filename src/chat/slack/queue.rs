//! One lane per channel: what is sent there goes in order, at Slack's pace, and waits when Slack says wait.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Semaphore, time::Instant};

use crate::chat::{ChatError, ChatErrorKind};

/// Waiting in one lane, and in all, at most: beyond, the caller keeps it and comes back.
const WAITING_IN_LANE: usize = 100;
const WAITING: usize = 2000;
/// Idle lanes are forgotten when there are more than so many.
const LANES: usize = 256;
/// Longer waits, at once or in sum, are the caller's: it is told how long.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Queue {
    /// From one call in a lane to the next.
    pace: Duration,
    /// Calls under way in one lane at a time; with one they go in order.
    at_once: usize,
    lanes: Mutex<HashMap<String, Arc<Lane>>>,
    waiting: AtomicUsize,
}

struct Lane {
    /// First come, first served.
    slots: Semaphore,
    /// When the next may go.
    turn: Mutex<Option<Instant>>,
    /// Inside or waiting.
    inside: AtomicUsize,
}

impl Queue {
    pub(super) fn new(pace: Duration, at_once: usize) -> Self {
        Self {
            pace,
            at_once,
            lanes: Mutex::default(),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Runs `call` when it is its turn in this lane; again after a pause where Slack asks for one.
    ///
    /// # Errors
    /// What the call says; `Transient` where the lane is full or the pause is longer than half a minute.
    pub(super) async fn run<T, F>(&self, lane: &str, mut call: impl FnMut() -> F) -> Result<T, ChatError>
    where
        F: Future<Output = Result<T, ChatError>>,
    {
        let place = self.enter(lane)?;
        let _slot = place
            .lane
            .slots
            .acquire()
            .await
            .map_err(|_| come_back(self.pace))?;
        let mut first = None;
        loop {
            wait_for(place.lane.turn()).await?;
            let answer = call().await;
            let pause = match &answer {
                Err(ChatError {
                    kind:
                        ChatErrorKind::Transient {
                            retry_after: Some(pause),
                        },
                    ..
                }) => Some(*pause),
                Err(_) | Ok(_) => None,
            };
            place.lane.rest_until(Instant::now() + pause.unwrap_or(self.pace));
            let since: Instant = *first.get_or_insert_with(Instant::now);
            if pause.is_none() || since.elapsed() >= PATIENCE {
                return answer;
            }
        }
    }

    fn enter(&self, lane: &str) -> Result<Inside<'_>, ChatError> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if lanes.len() >= LANES {
            lanes.retain(|_, lane| !lane.is_idle());
        }
        let lane = lanes
            .entry(lane.to_owned())
            .or_insert_with(|| Arc::new(Lane::new(self.at_once)))
            .clone();
        if lane.inside.load(Ordering::SeqCst) >= WAITING_IN_LANE
            || self.waiting.load(Ordering::SeqCst) >= WAITING
        {
            return Err(come_back(self.pace.max(Duration::from_secs(1))));
        }
        lane.inside.fetch_add(1, Ordering::SeqCst);
        self.waiting.fetch_add(1, Ordering::SeqCst);
        Ok(Inside { queue: self, lane })
    }
}

impl Lane {
    fn new(at_once: usize) -> Self {
        Self {
            slots: Semaphore::new(at_once),
            turn: Mutex::default(),
            inside: AtomicUsize::new(0),
        }
    }

    fn turn(&self) -> Option<Instant> {
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another call's longer rest holds for all.
    fn rest_until(&self, at: Instant) {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        *turn = (*turn).max(Some(at));
    }

    fn is_idle(&self) -> bool {
        let rested = self.turn().is_none_or(|at| at <= Instant::now());
        self.inside.load(Ordering::SeqCst) == 0 && rested
    }
}

async fn wait_for(turn: Option<Instant>) -> Result<(), ChatError> {
    let Some(at) = turn else { return Ok(()) };
    let pause = at.saturating_duration_since(Instant::now());
    if pause > PATIENCE {
        return Err(come_back(pause));
    }
    tokio::time::sleep(pause).await;
    Ok(())
}

fn come_back(pause: Duration) -> ChatError {
    ChatError {
        kind: ChatErrorKind::Transient {
            retry_after: Some(pause),
        },
        message: "slack: too much is waiting for this channel".into(),
    }
}

/// Counted as waiting until dropped, however that happens.
struct Inside<'a> {
    queue: &'a Queue,
    lane: Arc<Lane>,
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.lane.inside.fetch_sub(1, Ordering::SeqCst);
        self.queue.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(seconds: u64) -> ChatError {
        come_back(Duration::from_secs(seconds))
    }

    fn queue() -> Queue {
        Queue::new(Duration::from_secs(1), 1)
    }

    #[tokio::test(start_paused = true)]
    async fn one_lane_keeps_order_and_pace_and_another_does_not_wait() {
        let queue = queue();
        let start = Instant::now();
        let sent = Mutex::new(Vec::new());
        let send = |name: &'static str| {
            sent.lock()
                .expect("no panic")
                .push((name, start.elapsed().as_secs()));
            async { Ok(()) }
        };
        let (a, b, c, d) = tokio::join!(
            queue.run("C1", || send("1")),
            queue.run("C1", || send("2")),
            queue.run("C1", || send("3")),
            queue.run("C2", || send("other")),
        );
        assert!(a.is_ok() && b.is_ok() && c.is_ok() && d.is_ok());
        assert_eq!(
            *sent.lock().expect("no panic"),
            [("1", 0), ("other", 0), ("2", 1), ("3", 2)]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn waits_as_long_as_it_is_told_and_those_behind_wait_too() {
        let queue = queue();
        let start = Instant::now();
        let calls = AtomicUsize::new(0);
        let first = queue.run("C1", || {
            let refused = calls.fetch_add(1, Ordering::SeqCst) == 0;
            async move {
                if refused {
                    Err(limited(7))
                } else {
                    Ok(start.elapsed().as_secs())
                }
            }
        });
        let second = queue.run("C1", || async { Ok(start.elapsed().as_secs()) });
        let (first, second) = tokio::join!(first, second);
        assert_eq!((first.expect("sent"), second.expect("sent")), (7, 8));
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_pause_is_handed_back_and_holds_the_lane_meanwhile() {
        let queue = queue();
        let first = queue.run("C1", || async { Err::<(), _>(limited(600)) }).await;
        assert_eq!(first.expect_err("refused").kind, limited(600).kind);
        let second = queue.run("C1", || async { Ok(()) }).await.expect_err("held");
        assert_eq!(second.kind, limited(600).kind);
        tokio::time::advance(Duration::from_secs(590)).await;
        queue
            .run("C1", || async { Ok(()) })
            .await
            .expect("the wait is short now");
    }

    #[tokio::test(start_paused = true)]
    async fn refused_again_and_again_it_gives_up() {
        let calls = AtomicUsize::new(0);
        let refused = queue()
            .run("C1", || {
                calls.fetch_add(1, Ordering::SeqCst);
                async { Err::<(), _>(limited(1)) }
            })
            .await;
        assert!(refused.is_err());
        assert_eq!(calls.load(Ordering::SeqCst), 31);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_lane_refuses_and_a_caller_that_left_makes_room() {
        let queue = Arc::new(queue());
        let stuck: Vec<_> = (0..WAITING_IN_LANE)
            .map(|_| {
                let queue = queue.clone();
                tokio::spawn(async move {
                    queue
                        .run("C1", std::future::pending::<Result<(), ChatError>>)
                        .await
                })
            })
            .collect();
        while queue.waiting.load(Ordering::SeqCst) < WAITING_IN_LANE {
            tokio::task::yield_now().await;
        }
        assert!(queue.run("C1", || async { Ok(()) }).await.is_err());
        for task in &stuck {
            task.abort();
        }
        for task in stuck {
            assert!(task.await.is_err());
        }
        queue
            .run("C1", || async { Ok(()) })
            .await
            .expect("there is room again");
    }

    #[tokio::test(start_paused = true)]
    async fn idle_lanes_are_forgotten() {
        let queue = queue();
        for lane in 0..1000 {
            queue
                .run(&lane.to_string(), || async { Ok(()) })
                .await
                .expect("sent");
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert!(queue.lanes.lock().expect("no panic").len() <= LANES);
    }
}
