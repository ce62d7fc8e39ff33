//! What the real servers hold, for the demo's page.

use std::sync::Arc;

use anyhow::Context;
use axum::{Json, Router, extract::Path, http::StatusCode, routing::get};

use super::Local;

/// Serves each server's state as JSON, on loopback.
pub(in crate::demo::run) struct Panels {
    origin: String,
}

impl Panels {
    pub async fn start(locals: Arc<Vec<Local>>) -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .context("a port for the panels")?;
        let origin = format!("http://{}", listener.local_addr()?);
        let app = Router::new().route(
            "/{integration}",
            get(move |Path(integration): Path<String>| state(Arc::clone(&locals), integration)),
        );
        // As long as the demo runs.
        drop(tokio::spawn(async move { axum::serve(listener, app).await }));
        Ok(Self { origin })
    }

    pub fn url(&self, local: &Local) -> String {
        format!("{}/{}", self.origin, local.integration())
    }
}

async fn state(locals: Arc<Vec<Local>>, integration: String) -> Result<Json<serde_json::Value>, StatusCode> {
    let local = locals
        .iter()
        .find(|local| local.integration() == integration)
        .ok_or(StatusCode::NOT_FOUND)?;
    local.state().await.map(Json).map_err(|error| {
        tracing::warn!(integration, %error, "its state cannot be read");
        StatusCode::BAD_GATEWAY
    })
}
