//! End to end, as people: type, press, read. The real router, store, loop and adapters; the two vendors are stand-ins.

mod harness;
mod main_job;
