//! A line to the database that is cut at one call.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use latchkey::{
    providers::oracle::exec::{Connect, Fault, OracleExec, Row},
    secrets::Secret,
};

use crate::target::Cut;

/// A connection whose line is cut at the n-th call: opening, a look or a change. After that nobody answers.
struct Counting {
    inner: Arc<dyn Connect>,
    line: Arc<Line>,
}

pub struct Line {
    nth: u32,
    cut: Cut,
    calls: AtomicU32,
    is_cut: AtomicBool,
}

struct Counted {
    exec: Box<dyn OracleExec>,
    line: Arc<Line>,
}

fn dead() -> Fault {
    Fault::Line("the database or network closed the connection".to_owned())
}

impl Line {
    /// Cut at the `nth` call from 1 on.
    pub fn new(nth: u32, cut: Cut) -> Arc<Self> {
        Arc::new(Self {
            nth,
            cut,
            calls: AtomicU32::new(0),
            is_cut: AtomicBool::new(false),
        })
    }

    pub fn cut_already() -> Arc<Self> {
        let line = Self::new(1, Cut::Before);
        line.is_cut.store(true, Ordering::SeqCst);
        line
    }

    pub fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::SeqCst)
    }

    pub fn around(self: &Arc<Self>, inner: Arc<dyn Connect>) -> Arc<dyn Connect> {
        Arc::new(Counting {
            inner,
            line: Arc::clone(self),
        })
    }

    /// A look whose answer is lost is the same to the database as the next call that never comes: after the call, only
    /// changes are worth a cut.
    fn call<T>(&self, is_change: bool, call: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
        if self.is_cut() {
            return Err(dead());
        }
        let counts = self.cut == Cut::Before || is_change;
        let now = counts && self.calls.fetch_add(1, Ordering::SeqCst) + 1 == self.nth;
        if now {
            self.is_cut.store(true, Ordering::SeqCst);
            if self.cut == Cut::After {
                drop(call());
            }
            return Err(dead());
        }
        call()
    }
}

impl Connect for Counting {
    fn open(&self, user: &str, password: &Secret) -> Result<Box<dyn OracleExec>, Fault> {
        let exec = self.line.call(false, || self.inner.open(user, password))?;
        Ok(Box::new(Counted {
            exec,
            line: Arc::clone(&self.line),
        }))
    }
}

impl OracleExec for Counted {
    fn run(&mut self, sql: &str, values: &[&str]) -> Result<Vec<Row>, Fault> {
        let is_change = !sql.starts_with("SELECT");
        self.line.call(is_change, || self.exec.run(sql, values))
    }
}
