//! What the simulated Elasticsearch and OpenSearch share: HTTP, indices and documents; and a line that can be cut, before
//! a simulator or a real cluster.

pub mod cluster;
pub mod data;
pub mod front;
pub mod line;
pub mod wish;
