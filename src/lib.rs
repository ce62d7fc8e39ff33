//! Latchkey: just-in-time access from chat. Layers, from the inside out; imports point one way.
//!
//! `domain` decides (pure) · `store` remembers · `providers` speak to target systems · `chat` speaks to people ·
//! `directory` knows people and groups · `workflow` turns a command or click into facts · `reconcile` makes the world
//! match the facts · `http` and `cli` let others in · `demo` stands in for the two vendors.

pub mod app;
pub mod bundle;
pub mod catalogue;
pub mod chat;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod credential;
pub mod demo;
pub mod directory;
pub mod domain;
pub mod home;
pub mod http;
pub mod init;
pub mod integrations;
pub mod metrics;
pub mod notice;
pub mod providers;
pub mod reconcile;
pub mod secrets;
pub mod serve;
pub mod store;
pub mod telemetry;
pub mod workflow;

/// Installs the one rustls crypto provider of the process. Called first thing in `main` and in tests; a second call does nothing.
pub fn install_crypto() {
    // An error only says that one is installed already, which is what we want.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
}
