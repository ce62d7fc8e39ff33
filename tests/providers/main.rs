//! The behaviour suite: the same cases for every kind of system the program speaks to.
//!
//! `cargo test --test providers -- [KIND…] [CASE…] [--list]`. Prints a line a case and, last, `N passed, N failed, N skipped`.
//! A kind whose server cannot be had here is skipped by name; a registered kind that the suite does not know fails.
//!
//! `LATCHKEY_RECORD=1` writes what was seen into `src/providers/proven.json`, for each kind that ran whole and green.
//!
//! `KIND_TEST_DSN` (upper case, `_` for `-`) names a server of the user's, for kinds that say so: their cases run there instead.
//! It must be one that nobody needs: the cases make and remove accounts, databases and data.
//! - `ELASTICSEARCH_TEST_DSN=https://elastic:PASSWORD@HOST:9200?tls_ca=/path/of.pem`.
//! - `OPENSEARCH_TEST_DSN=https://admin:PASSWORD@HOST:9200?tls_ca=/path/of.pem`: an administrator whose role is `all_access`.
//! - `POSTGRESQL_TEST_DSN=postgresql://SUPERUSER:PASSWORD@HOST:PORT/?ssl_mode=require`; `disable` where it is not named. Cut cases
//!   go through a proxy of the suite without TLS, which the server has to take too.
//! - `RABBITMQ_TEST_DSN=http://USER:PASSWORD@HOST:15672/?amqp=HOST:5672`: an administrator, AMQP without TLS.
//! - `SNOWFLAKE_TEST_DSN="user=ADMIN account=ORG-ACCOUNT key=/path/of.p8"`: a user with ACCOUNTADMIN, its key unencrypted. What
//!   begins with `LATCHKEY_T` or `JIT` is removed from the account.
//! - `VERTICA_TEST_DSN=vertica://dbadmin:PASSWORD@HOST:5433/DATABASE?ssl_mode=verify-full&tls_ca=/path/of.pem`. `ssl_mode` is
//!   `disable` where it is not named; cut cases go through a proxy of the suite without TLS.

mod atlas_sim;
mod cases;
mod contract;
mod desk;
mod elasticsearch;
mod keys;
mod line;
mod mongodb_atlas;
mod mongodb_atlas_portal;
mod mssql;
mod mysql;
mod opensearch;
mod oracle;
mod postgresql;
mod proxy;
mod rabbitmq;
mod record;
mod redis_cloud;
mod search;
mod search_things;
mod snowflake;
mod target;
mod vertica;

use std::{
    panic::AssertUnwindSafe,
    process::ExitCode,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Instant,
};

use futures_util::{FutureExt, future::BoxFuture};
use latchkey::providers::page::Proven;

use crate::{
    mysql::Engine,
    target::{Case, Kind, Target},
};

/// Starts what a kind needs; the error says why it cannot be had here.
type Start = fn() -> BoxFuture<'static, Result<Box<dyn Kind>, String>>;

const KINDS: &[(&str, Start)] = &[
    ("elasticsearch", || Box::pin(elasticsearch::start())),
    ("mariadb", || Box::pin(mysql::start(Engine::MariaDb))),
    ("mongodb-atlas", || Box::pin(mongodb_atlas::start())),
    ("mongodb-atlas-portal", || Box::pin(mongodb_atlas_portal::start())),
    ("mssql", || Box::pin(mssql::start())),
    ("mysql", || Box::pin(mysql::start(Engine::MySql))),
    ("opensearch", || Box::pin(opensearch::start())),
    ("oracle", || Box::pin(oracle::start())),
    ("postgresql", || Box::pin(postgresql::start())),
    ("rabbitmq", || Box::pin(rabbitmq::start())),
    ("redis-cloud", || Box::pin(redis_cloud::start())),
    ("snowflake", || Box::pin(snowflake::start())),
    ("vertica", || Box::pin(vertica::start())),
];

#[derive(Default)]
struct Tally {
    passed: u32,
    failed: Vec<String>,
    skipped: u32,
    not_applicable: u32,
    seen: Vec<String>,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--list") {
        list();
        return ExitCode::SUCCESS;
    }
    // What cargo and editors add for the standard harness means nothing here.
    let wanted: Vec<String> = words.into_iter().filter(|word| !word.starts_with('-')).collect();
    latchkey::install_crypto();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let tally = runtime.block_on(run(&wanted));
    for name in &tally.failed {
        println!("FAILED {name}");
    }
    println!(
        "{} passed, {} failed, {} skipped",
        tally.passed,
        tally.failed.len(),
        tally.skipped
    );
    if tally.failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn list() {
    for (kind, _) in KINDS {
        for (case, _) in cases::ALL {
            println!("{kind} {case}: test");
        }
    }
}

async fn run(wanted: &[String]) -> Tally {
    let mut tally = Tally::default();
    for registration in latchkey::providers::ALL {
        if KINDS.iter().all(|(kind, _)| *kind != registration.kind) {
            tally.failed.push(format!(
                "{}: the suite has no target of this kind",
                registration.kind
            ));
        }
    }
    let kinds: Vec<&String> = wanted
        .iter()
        .filter(|name| KINDS.iter().any(|(kind, _)| kind == name))
        .collect();
    let parts: Vec<&String> = wanted.iter().filter(|name| !kinds.contains(name)).collect();
    for (kind, start) in KINDS {
        if kinds.is_empty() || kinds.iter().any(|name| name == kind) {
            run_kind(kind, *start, &parts, &mut tally).await;
        }
    }
    for part in parts {
        if !tally.seen.iter().any(|case| case.contains(part.as_str())) {
            tally.failed.push(format!("{part}: no such kind or case"));
        }
    }
    tally
}

async fn run_kind(kind: &str, start: Start, parts: &[&String], tally: &mut Tally) {
    let shared = match start().await {
        Ok(shared) => shared,
        Err(reason) => {
            println!("SKIPPED providers/{kind}: {reason}");
            tally.skipped += 1;
            tally
                .seen
                .extend(cases::ALL.iter().map(|(case, _)| (*case).to_owned()));
            return;
        }
    };
    let before = (tally.passed, tally.failed.len(), tally.not_applicable);
    cases::CUT_POINTS.store(0, Ordering::Relaxed);
    for (case, body) in cases::ALL {
        if parts.is_empty() || parts.iter().any(|part| case.contains(part.as_str())) {
            run_case(kind, case, *body, shared.as_ref(), tally).await;
        }
    }
    for (case, body) in shared.own_cases() {
        if parts.is_empty() || parts.iter().any(|part| case.contains(part.as_str())) {
            let (begun, place) = (Instant::now(), catch_place());
            let ended = AssertUnwindSafe(body).catch_unwind().await;
            tally.note(kind, case, begun, ended, &place);
        }
    }
    let cut_points = cases::CUT_POINTS.load(Ordering::Relaxed);
    println!("        {kind}: {cut_points} cut points");
    if parts.is_empty() && tally.failed.len() == before.1 {
        let proven = Proven {
            against: shared.against().await,
            passed: tally.passed - before.0,
            not_applicable: tally.not_applicable - before.2,
            cut_points,
        };
        record::write(kind, proven);
    }
    shared.stop().await;
}

async fn run_case(kind: &str, case: &str, body: cases::Body, shared: &dyn Kind, tally: &mut Tally) {
    let begun = Instant::now();
    let target: Arc<dyn Target> = Arc::from(shared.fresh().await);
    let place = catch_place();
    let ended = AssertUnwindSafe(body(target.as_ref())).catch_unwind().await;
    target.done().await;
    tally.note(kind, case, begun, ended, &place);
}

type Said = Arc<Mutex<Vec<String>>>;

impl Tally {
    fn note(
        &mut self,
        kind: &str,
        case: &str,
        begun: Instant,
        ended: Result<Case, Box<dyn std::any::Any + Send>>,
        said: &Said,
    ) {
        self.seen.push(case.to_owned());
        let took = begun.elapsed().as_secs_f32();
        match ended {
            Ok(Case::Passed) => {
                println!("ok      {kind} {case} ({took:.1} s)");
                self.passed += 1;
            }
            Ok(Case::NotApplicable(why)) => {
                println!("skipped {kind} {case}: {why}");
                self.skipped += 1;
                self.not_applicable += 1;
            }
            Err(_) => {
                let said = said.lock().map(|said| said.join("\n  ")).unwrap_or_default();
                println!("FAILED  {kind} {case} ({took:.1} s)\n  {said}");
                self.failed.push(format!("{kind} {case}"));
            }
        }
    }
}

/// Keeps what panics say until their case is over, so that it stands under the case's name.
fn catch_place() -> Said {
    let said = Said::default();
    let keep = Arc::clone(&said);
    std::panic::set_hook(Box::new(move |info| {
        if let Ok(mut said) = keep.lock() {
            said.push(info.to_string());
        }
    }));
    said
}
