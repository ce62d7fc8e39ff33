//! Redis Cloud beyond the common suite: what only this vendor does, the simulated account itself, its published
//! description, and its rules on a real Redis server.

#[path = "../providers/contract.rs"]
#[expect(dead_code, reason = "the suite `providers` uses the rest")]
mod contract;
mod described;
mod discovery;
mod faults;
mod flow;
mod rig;
mod rules;
mod simulator;
