//! What the two kinds of MongoDB Atlas share: the admin API's client, and temporary database users on a cluster.
//!
//! Sources: MongoDB's published OpenAPI document of the Atlas Administration API 2.0, and its pages on API
//! authentication, versioned resources, rate limits and error codes (<https://www.mongodb.com/docs/atlas/api/>).

mod access;
mod applied;
mod auth;
mod client;
mod cluster;
mod data;
mod listing;
mod notes;
mod preview;
mod refusal;
mod sent;
mod settings;
mod shut;
mod turn;
mod wire;
mod write;

pub(crate) use self::{
    access::{CLUSTER, data_kinds, scope},
    client::Client,
    cluster::{Connection, unavailable},
    data::{Data, Place},
    listing::{Child, children, roles as role_children},
    notes::Notes,
    preview::preview,
    sent::Sent,
    settings::{KEYS as COMMON_KEYS, SECRET_KEYS, Settings, group_id, invalid, is_cluster_name, is_id, text},
    wire::{Cluster, Group, KeyRole, OrgUser, Process},
    write::Write,
};
