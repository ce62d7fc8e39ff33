//! `kill -9` of `latchkey serve` at random moments of a scripted load, then the invariants.
//!
//! The two stand-ins and the PostgreSQL live in this process and survive; the bot is the real program. After each kill the
//! store is checked as it lies there; after every tenth the bot starts again, comes to rest, and targets, cards and bytes
//! are compared with the facts. `KILLS` says how often (200), `SEED` repeats a run's load (its moments never repeat).

mod cards;
mod child;
mod drain;
mod ledger;
mod load;
#[path = "../providers/postgresql/server.rs"]
#[expect(dead_code, reason = "the behaviour suite uses the rest")]
mod server;
mod store;
mod tally;
mod world;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    ledger::Ledger,
    store::Before,
    tally::{Figures, Tally},
    world::World,
};

/// A kill of this many comes while the bot starts.
const DURING_START: u64 = 5;
const DRAIN_EVERY: u64 = 10;

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--list") {
        println!("kill: test");
        return ExitCode::SUCCESS;
    }
    latchkey::install_crypto();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(run())
}

fn from_environment(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "how the run is chosen")]
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

async fn run() -> ExitCode {
    let kills = from_environment("KILLS").unwrap_or(200);
    let seed = from_environment("SEED").unwrap_or_else(rand::random);
    println!("kill: {kills} kills, seed {seed}");
    let begun = Instant::now();
    let mut run = Run::new(seed).await;
    for kill in 1..=kills {
        run.one_life(kill).await;
        if kill.is_multiple_of(DRAIN_EVERY) || kill == kills {
            drain::drain(
                &run.world,
                &run.ledger,
                &mut run.before,
                &mut run.tally,
                &mut run.figures,
            )
            .await;
        }
        if run.tally.is_hopeless() {
            println!("kill: too much is wrong after {kill} kills; the rest is left");
            break;
        }
    }
    run.closing(begun.elapsed())
}

struct Run {
    world: World,
    ledger: Ledger,
    /// What the store held after the kill before.
    before: Before,
    tally: Tally,
    figures: Figures,
    dice: StdRng,
    /// How long the bot took to connect, last time.
    start: Duration,
}

impl Run {
    async fn new(seed: u64) -> Self {
        let world = World::start().await;
        let run = Self {
            world,
            ledger: Ledger::default(),
            before: Before::default(),
            tally: Tally::default(),
            figures: Figures::default(),
            dice: StdRng::seed_from_u64(seed),
            start: Duration::from_secs(1),
        };
        // The catalogue is there before the first load.
        let bot = run.world.start_bot();
        run.world.connected().await;
        run.world.until_catalogued().await;
        run.world.kill(bot).await;
        run
    }

    /// The bot starts, works under load, and is killed; then the store is looked at as it lies there.
    async fn one_life(&mut self, kill: u64) {
        let begun = Instant::now();
        let bot = self.world.start_bot();
        let seed = self.dice.random();
        if kill.is_multiple_of(DURING_START) {
            let moment = self.dice.random_range(Duration::ZERO..self.start);
            tokio::time::sleep(moment).await;
            self.figures.kills_during_start += u64::from(self.world.slack.connected() == 0);
            self.world.kill(bot).await;
        } else {
            self.world.connected().await;
            self.start = begun.elapsed();
            let load = load::start(&self.world, &self.ledger, seed);
            let moment = self
                .dice
                .random_range(Duration::ZERO..Duration::from_millis(1200));
            tokio::time::sleep(moment).await;
            self.world.kill(bot).await;
            load.stop().await;
        }
        self.figures.kills += 1;
        let begun = Instant::now();
        store::check(&self.world, &self.ledger, &mut self.before, &mut self.tally).await;
        cards::said_is_so(&self.world, &self.before, &mut self.tally);
        self.figures.checking += begun.elapsed();
    }

    fn closing(mut self, took: Duration) -> ExitCode {
        let reached = self.figures.reached(&self.before, &self.ledger);
        self.tally
            .check("the load reached everything it is for", reached, || {
                "some kind of request, vote, credential or end never came about: kill more often".to_owned()
            });
        self.figures.print(&self.before, &self.ledger, &self.tally, took);
        let skipped = u32::from(self.world.postgres.is_none());
        self.tally.close(skipped)
    }
}
