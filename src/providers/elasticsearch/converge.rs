//! Makes a login as it should be: roles that go, roles that come, the login with its whole list, then what it minted.

use std::collections::BTreeSet;

use super::{
    Elasticsearch, calls,
    calls::Realm,
    plan::{self, Giving, Plan, Seen, to_give},
    wire::{Authenticated, Invalidated, User},
};
use crate::providers::{
    Account, Change, Converged, ErrorKind, Lease, ProviderError, Result, Want,
    search::{call::Call, client::As, config::invalid, details, error},
};

/// The realm of our logins, in the memo.
const REALM: &str = "realm";

struct Run<'a> {
    provider: &'a Elasticsearch,
    login: &'a str,
    change: &'a Change,
    answer: Converged,
}

pub async fn converge(
    provider: &Elasticsearch,
    login: &str,
    account: &Account,
    change: &Change,
) -> Result<Converged> {
    plan::password(change)?;
    let seen = Seen {
        user: provider.user(login).await?,
        roles: provider.roles().await?,
    };
    let plan = plan::plan(provider, login, change, &seen)?;
    let mut run = Run {
        provider,
        login,
        change,
        answer: Converged {
            memo: account.memo.clone(),
            ..Converged::default()
        },
    };
    run.all(plan, seen.user.as_ref()).await?;
    Ok(run.answer)
}

impl Run<'_> {
    async fn all(&mut self, mut plan: Plan, user: Option<&User>) -> Result<()> {
        self.take(&mut plan).await?;
        let mut roles = plan.held.clone();
        for giving in std::mem::take(&mut plan.giving) {
            match self.give(&giving).await {
                Ok(()) => {
                    roles.insert(giving.role);
                }
                Err(error) => {
                    plan.failed.insert(giving.lease, error);
                }
            }
        }
        if plan.needs_credential {
            self.answer.waiting =
                Some("the account is not there any more; a new credential is needed".to_owned());
        } else {
            self.make_user(user, &roles).await?;
        }
        if plan::ends_keys(self.change, &plan, user, &roles) {
            self.end_keys(user.is_some()).await?;
        }
        let given: Vec<&Lease> = to_give(self.change)
            .filter(|lease| !plan.failed.contains_key(&lease.id))
            .collect();
        self.answer.details = details::of(&self.provider.client.config, self.login, &given);
        if given.iter().any(|lease| super::may_leave_things(lease)) {
            self.answer.details.notes.push(super::LEAVES.to_owned());
        }
        self.answer.failed = plan.failed.into_iter().collect();
        Ok(())
    }

    async fn run(&mut self, call: &Call) -> Result<serde_json::Value> {
        self.provider.client.run(call, &mut self.answer.ran).await
    }

    async fn take(&mut self, plan: &mut Plan) -> Result<()> {
        for leaving in &plan.leaving {
            match (self.run(&leaving.call).await, &leaving.lease) {
                (Ok(_), _) => {}
                (Err(error), _) if matches!(error.kind, ErrorKind::Transient | ErrorKind::Denied) => {
                    return Err(error);
                }
                (Err(error), Some(lease)) => {
                    plan.failed.insert(lease.clone(), error);
                }
                (Err(error), None) => self.answer.remarks.push(error.message),
            }
        }
        Ok(())
    }

    async fn give(&mut self, giving: &Giving) -> Result<()> {
        let client = &self.provider.client;
        let index = &giving.index;
        let found: Option<serde_json::Value> = client.find(&calls::exists(index)).await?;
        if found.is_none() {
            return Err(invalid(format!("there is no index {index}")));
        }
        self.run(&giving.call).await.map(drop)
    }

    async fn make_user(&mut self, user: Option<&User>, roles: &BTreeSet<String>) -> Result<()> {
        let mark = &self.provider.mark;
        let Some(call) = plan::user_call(mark, self.login, self.change, user, roles)? else {
            return Ok(());
        };
        self.run(&call).await?;
        match (&self.change.want, plan::password(self.change)?) {
            (Want::Open(_), Some(password)) => {
                self.answer.credential_set = true;
                let login = self.login;
                let realm = self.realm_of(As::Person { login, password }).await?;
                self.answer.memo.insert(REALM.to_owned(), realm);
            }
            (Want::Open(_), None) => {}
            (Want::Disabled | Want::Deleted, _) => self.forget_password().await?,
        }
        Ok(())
    }

    /// Logs in as the person once: another realm that comes first and knows the name would make our login useless.
    async fn realm_of(&self, person: As<'_>) -> Result<String> {
        let client = &self.provider.client;
        let call = calls::authenticate();
        let reply = client.exchange(&call, person).await?;
        if reply.status == reqwest::StatusCode::UNAUTHORIZED {
            let text = "Elasticsearch does not let the new login in yet";
            return Err(ProviderError::new(ErrorKind::Transient, text));
        }
        let who: Authenticated =
            serde_json::from_value(client.accept(&call, &reply)?).map_err(|_| unreadable())?;
        let realm = who.authentication_realm;
        if realm.kind != "native" {
            return Err(invalid(format!(
                "another realm ({}, {}) knows a user of this name and comes before the native one",
                realm.name, realm.kind
            )));
        }
        Ok(realm.name)
    }

    async fn forget_password(&mut self) -> Result<()> {
        let known = self.answer.memo.get(REALM).cloned();
        let realm = known.as_deref().map_or(Realm::Any, Realm::Named);
        let call = calls::clear_cache(&realm, self.login);
        self.run(&call).await.map(drop)
    }

    /// After the door is shut, so that none is made meanwhile.
    async fn end_keys(&mut self, exists: bool) -> Result<()> {
        let mut ended = Vec::new();
        for (what, call) in [
            ("tokens", calls::invalidate_tokens(self.login)),
            ("API keys", calls::invalidate_keys(self.login)),
        ] {
            let Some(found) = self.invalidate(&call).await? else {
                continue;
            };
            if found.error_count > 0 {
                return Err(ProviderError::new(
                    ErrorKind::Transient,
                    format!(
                        "{} {what} of the login could not be invalidated",
                        found.error_count
                    ),
                ));
            }
            let count = found.invalidated_tokens + found.invalidated_api_keys.len() as u64;
            if count > 0 {
                ended.push(format!("{count} {what} that the login had made were invalidated"));
            }
        }
        if !exists && !ended.is_empty() {
            ended.push("they had outlived the login".to_owned());
        }
        self.answer.remarks.append(&mut ended);
        Ok(())
    }

    /// `None` where the cluster has no such credentials: switched off, or not in its licence. Then it takes none either.
    async fn invalidate(&mut self, call: &Call) -> Result<Option<Invalidated>> {
        let client = &self.provider.client;
        let reply = client.exchange(call, As::Connector).await?;
        if !reply.status.is_success() && has_none(&reply.told()) {
            return Ok(None);
        }
        let value = client.accept(call, &reply)?;
        self.answer.ran.push(call.line());
        serde_json::from_value(value).map(Some).map_err(|_| unreadable())
    }
}

fn has_none(told: &error::Told) -> bool {
    let reason = told.reason.as_str();
    let off =
        (reason.contains("tokens") || reason.contains("api keys")) && reason.contains("are not enabled");
    off || reason.contains("is non-compliant for [security tokens]")
}

fn unreadable() -> ProviderError {
    ProviderError::new(
        ErrorKind::Transient,
        "Elasticsearch sent an answer we cannot read",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_without_tokens_has_none_to_end() {
        for (reason, none) in [
            ("security tokens are not enabled", true),
            ("api keys are not enabled", true),
            ("current license is non-compliant for [security tokens]", true),
            (
                "action [cluster:admin/xpack/security/token/invalidate] is unauthorized",
                false,
            ),
            ("", false),
        ] {
            let told = error::Told {
                kind: String::new(),
                reason: reason.to_owned(),
            };
            assert_eq!(has_none(&told), none, "{reason}");
        }
    }
}
