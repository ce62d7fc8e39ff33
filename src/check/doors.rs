//! The outside world, as `check` reaches it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{
    chat::{
        Chat, ChatError,
        slack::{Clock, SlackChat, SlackSettings},
    },
    config::SlackConfig,
    providers::{self, Registration},
    secrets::{Environment, ProcessEnvironment, Secret},
};

/// What `check` opens to look outside.
#[async_trait]
pub trait Doors: Send + Sync {
    fn environment(&self) -> &dyn Environment;

    fn kinds(&self) -> &[Registration];

    /// Calls nobody yet.
    fn slack(&self, settings: &SlackConfig, bot_token: Secret) -> Result<Arc<dyn Chat>, ChatError>;

    /// Asks for a socket with an app-level token, and leaves it unopened. The error is what Slack said.
    async fn socket(&self, settings: &SlackConfig, app_token: &Secret) -> Result<(), String>;
}

/// The real ones.
pub struct RealDoors<E = ProcessEnvironment> {
    pub environment: E,
    pub clock: Clock,
}

#[async_trait]
impl<E: Environment> Doors for RealDoors<E> {
    fn environment(&self) -> &dyn Environment {
        &self.environment
    }

    fn kinds(&self) -> &[Registration] {
        providers::ALL
    }

    fn slack(&self, settings: &SlackConfig, bot_token: Secret) -> Result<Arc<dyn Chat>, ChatError> {
        let mut with = SlackSettings::new(settings.team.clone(), bot_token, self.clock.clone());
        with.api_url.clone_from(&settings.api_url);
        with.command.clone_from(&settings.command);
        let chat: Arc<dyn Chat> = SlackChat::new(with)?;
        Ok(chat)
    }

    async fn socket(&self, settings: &SlackConfig, app_token: &Secret) -> Result<(), String> {
        let unreachable = |e: reqwest::Error| format!("Slack cannot be reached: {}", e.without_url());
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .build()
            .map_err(unreachable)?;
        let url = format!("{}/apps.connections.open", settings.api_url);
        let answer = client
            .post(url)
            .bearer_auth(app_token.expose())
            .header("content-type", "application/x-www-form-urlencoded")
            .send()
            .await
            .map_err(unreachable)?;
        let said: serde_json::Value = answer.json().await.map_err(unreachable)?;
        // The rest of the answer is a ticket for a socket: a secret.
        match (said["ok"].as_bool(), said["error"].as_str()) {
            (Some(true), _) => Ok(()),
            (_, Some(error)) => Err(error.to_owned()),
            (_, None) => Err("Slack's answer cannot be understood".into()),
        }
    }
}
