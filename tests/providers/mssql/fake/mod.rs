//! A model of SQL Server, reached by its own wire protocol: TDS with or without TLS, logins with passwords, batches and
//! `sp_executesql`, transactions, sessions that can be ended, and the server's error numbers. It reads Transact-SQL by itself
//! and shares nothing with the provider; what it does not know it refuses.

mod answer;
mod data;
mod ddl;
mod engine;
mod expr;
mod functions;
mod lex;
mod logins;
mod members;
pub mod model;
mod permissions;
mod rights;
mod select;
pub mod server;
mod tls;
mod value;
mod views;
mod wire;

pub use server::Server;
