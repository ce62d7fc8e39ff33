//! When a job runs: a cron expression of five fields in a time zone, with every trap of such expressions closed.

/// A checked expression.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// As written: `*/30 * * * *`.
    pub text: String,
}
