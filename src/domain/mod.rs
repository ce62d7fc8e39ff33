//! The pure core: values and decisions. Nothing here waits, reads a clock, or touches the world; `now` is an argument.

mod values;

pub use values::*;
