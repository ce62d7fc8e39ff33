//! Subscriptions, their databases and tags, under `/v1/subscriptions` and `/v1/fixed/subscriptions`.

use serde_json::{Value, json};

use super::api::{Answer, Answered, Ask};
use super::show;
use super::world::{Plan, World};

impl World {
    pub(super) fn databases(&self, ask: &Ask<'_>, plan: Plan, rest: &[&str]) -> Answered {
        let account = self.options.account;
        let of_plan = || {
            self.subscriptions
                .iter()
                .filter(|subscription| subscription.plan == plan)
        };
        let not_found = || self.refusal(ask, 404, "not found");
        let Some((id, rest)) = rest.split_first() else {
            let list: Vec<Value> = of_plan().map(show::show_subscription).collect();
            return Ok(Answer::ok(json!({"accountId": account, "subscriptions": list})));
        };
        let id: i64 = id
            .parse()
            .map_err(|_| self.refusal(ask, 400, "the id is not a number"))?;
        let subscription = of_plan().find(|one| one.id == id).ok_or_else(not_found)?;
        let one = |id: &str| {
            let id: i64 = id.parse().ok()?;
            subscription.databases.iter().find(|database| database.id == id)
        };
        match rest {
            ["databases"] => {
                let (offset, limit) =
                    page(ask.query).ok_or_else(|| self.refusal(ask, 400, "offset and limit"))?;
                let found: Vec<Value> = subscription
                    .databases
                    .iter()
                    .skip(offset)
                    .take(limit)
                    .map(|database| show::show_database(plan, database))
                    .collect();
                // Past the end there is nothing, not an empty page.
                if found.is_empty() {
                    return Err(not_found());
                }
                let list =
                    json!({"subscriptionId": id, "numberOfDatabases": found.len(), "databases": found});
                let list = if plan == Plan::Pro { json!([list]) } else { list };
                Ok(Answer::ok(json!({"accountId": account, "subscription": list})))
            }
            ["databases", id] => {
                let found = one(id).ok_or_else(not_found)?;
                Ok(Answer::ok(show::show_database(plan, found)))
            }
            ["databases", id, "tags"] => {
                let found = one(id).ok_or_else(not_found)?;
                Ok(Answer::ok(
                    json!({"accountId": account, "tags": show::show_tags(found)}),
                ))
            }
            _ => Err(not_found()),
        }
    }
}

/// (offset, limit); at most 100 a page. `None` for anything else in the query.
fn page(query: Option<&str>) -> Option<(usize, usize)> {
    let (mut offset, mut limit) = (0, 100);
    for pair in query
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
    {
        match pair.split_once('=')? {
            ("offset", value) => offset = value.parse().ok()?,
            ("limit", value) => limit = value.parse().ok().filter(|limit| (1..=100).contains(limit))?,
            _ => return None,
        }
    }
    Some((offset, limit))
}
