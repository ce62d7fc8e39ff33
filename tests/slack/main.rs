//! The Slack adapter against the strict Slack-compatible server: every view accepted, every delivery acknowledged in
//! time and answered, both doors, and what happens when Slack or the road to it misbehaves.

mod answers;
mod doors;
mod drawing;
mod harness;
mod people;
mod sending;
mod sockets;
