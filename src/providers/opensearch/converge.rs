//! Makes a login as it should be: roles that go, roles that come, the login in one write, then what nodes remember.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    OpenSearch,
    calls::Prefix,
    plan::{self, Giving, Plan, Seen, to_give},
    wire::User,
};
use crate::providers::{
    Account, Change, Converged, ErrorKind, Lease, Result, Want,
    search::{call::Call, config::invalid, details, listing::Found},
};

struct Run<'a> {
    provider: &'a OpenSearch,
    prefix: Prefix,
    login: &'a str,
    change: &'a Change,
    answer: Converged,
}

pub async fn converge(
    provider: &OpenSearch,
    login: &str,
    account: &Account,
    change: &Change,
) -> Result<Converged> {
    plan::password(change)?;
    let prefix = provider.prefix().await?;
    let seen = Seen {
        user: provider.user(login).await?,
        roles: provider.roles().await?,
    };
    let plan = plan::plan(provider, prefix, login, change, &seen)?;
    let mut run = Run {
        provider,
        prefix,
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
        let roles = self.give(&mut plan).await;
        if plan.needs_credential {
            self.answer.waiting =
                Some("the account is not there any more; a new credential is needed".to_owned());
        } else {
            self.make_user(user, &roles).await?;
        }
        // Nodes are told of every write; this makes sure of those that take something away.
        let loses = user.is_some_and(|user| user.roles.difference(&roles).next().is_some());
        let shut = !matches!(self.change.want, Want::Open(_));
        if !self.answer.ran.is_empty() && (shut || loses || !plan.leaving.is_empty()) {
            self.run(&self.prefix.flush_cache()).await?;
        }
        let given: Vec<&Lease> = to_give(self.change)
            .filter(|lease| !plan.failed.contains_key(&lease.id))
            .collect();
        self.answer.details = details::of(&self.provider.client.config, self.login, &given);
        if self.provider.dashboards_role.is_some() {
            self.answer
                .details
                .notes
                .push("The same login opens OpenSearch Dashboards.".to_owned());
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

    /// All roles that the login is to have. A lease that cannot be given fails alone.
    async fn give(&mut self, plan: &mut Plan) -> BTreeSet<String> {
        let mut roles = plan.held.clone();
        let giving = std::mem::take(&mut plan.giving);
        if giving.is_empty() {
            return roles;
        }
        let found = self.provider.catalogue().await;
        for giving in giving {
            let there = match &found {
                Ok((found, _)) => self.give_one(&giving, found).await,
                Err(error) => Err(error.clone()),
            };
            match there {
                Ok(()) => {
                    roles.insert(giving.role);
                }
                Err(error) => {
                    plan.failed.insert(giving.lease, error);
                }
            }
        }
        roles
    }

    async fn give_one(&mut self, giving: &Giving, found: &BTreeMap<String, Found>) -> Result<()> {
        if !found.contains_key(&giving.index) {
            return Err(invalid(format!("there is no index {}", giving.index)));
        }
        self.run(&giving.call).await.map(drop)
    }

    async fn make_user(&mut self, user: Option<&User>, roles: &BTreeSet<String>) -> Result<()> {
        let mark = &self.provider.mark;
        let call = plan::user_call(mark, self.prefix, self.login, self.change, user, roles)?;
        if let Some(call) = call {
            self.run(&call).await?;
            self.answer.credential_set =
                matches!(self.change.want, Want::Open(_)) && self.change.credential.is_some();
        }
        Ok(())
    }
}
