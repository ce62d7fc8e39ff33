//! End to end, as people: type, press, read. The real router, store, loop and adapters; the two vendors are stand-ins.

mod acts;
mod control;
mod extend;
mod form;
mod harness;
mod http_mode;
mod main_job;
mod outages;
mod own;
mod owners;
mod people;
mod pg;
mod postgres;
mod refusals;
mod review;
mod slack_down;
mod targets;
mod time;
mod trail;
mod turns;
mod words;
