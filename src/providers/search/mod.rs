//! What Elasticsearch and OpenSearch share: the way there, names of indices, what can be asked for, and what people are told.
//!
//! They were one program once. Their data APIs, errors and names are alike; users and roles are not, and live with each kind.

pub mod call;
pub mod client;
pub mod config;
pub mod details;
pub mod error;
pub mod listing;
pub mod place;
