//! The pure core: values and decisions. Nothing here waits, reads a clock, or touches the world; `now` is an argument.

mod account;
pub mod audit;
mod card;
pub mod clock;
pub mod command;
pub mod cron;
pub mod desired;
mod integration;
mod key;
mod lease;
pub mod name;
mod person;
pub mod policy;
pub mod refusal;
mod request;
pub mod route;
#[cfg(test)]
mod samples;
pub mod span;
mod values;
pub mod vote;

pub use account::*;
pub use card::*;
pub use integration::*;
pub use key::*;
pub use lease::*;
pub use person::*;
pub use request::*;
pub use values::*;
