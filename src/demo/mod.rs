//! Stand-ins for the two vendors, used by `latchkey demo` and by every end-to-end test.

pub mod redis_cloud;
pub mod slack;

mod run;
pub use run::{DemoArgs, With, run};
