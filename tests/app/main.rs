//! End to end, as people: type, press, read. The real router, store, loop and adapters; the two vendors are stand-ins.

mod acts;
mod control;
mod extend;
mod form;
mod harness;
mod http_mode;
mod main_job;
mod own;
mod owners;
mod people;
mod refusals;
mod review;
mod slack_down;
mod trail;
mod turns;
mod words;
