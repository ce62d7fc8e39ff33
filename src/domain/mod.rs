//! The pure core: values and decisions. Nothing here waits, reads a clock, or touches the world; `now` is an argument.

pub mod audit;
mod key;
mod values;

pub use key::*;
pub use values::*;
