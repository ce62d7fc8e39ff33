//! What the approver reads of a change to a database user. Pure.

use super::access::{self, Access};
use super::data::Place;
use super::notes::Notes;
use super::settings::Settings;
use super::turn::{Split, parse, wanted_end};
use super::write::{UserSpec, Write};
use crate::{
    providers::{Account, Change, Lease, Mark, Want},
    secrets::Secret,
};

const STAYS: &str =
    "# a connection that is open at the end may stay open, but every command on it is refused";

pub(crate) fn preview(
    mark: &Mark,
    settings: &Settings,
    place: &Place,
    account: &Account,
    change: &Change,
    split: &Split<'_>,
) -> Vec<String> {
    let login = account.name.login();
    let delete = || {
        let (group, login) = (place.group.clone(), login.to_owned());
        Write::DeleteUser { group, login }.line()
    };
    let spec = |roles, end| UserSpec {
        group: place.group.clone(),
        login: login.to_owned(),
        cluster: place.cluster.clone(),
        roles,
        password: Some(Secret::new("***")),
        delete_after: end,
        mark: mark.text.clone(),
    };
    let mut lines = match &change.want {
        Want::Open(leases) if !leases.is_empty() => {
            let end = settings.expiry.then(|| wanted_end(change, None)).flatten();
            open(mark, place, leases, split, |roles| spec(roles, end))
        }
        Want::Open(_) | Want::Disabled if !settings.expiry => {
            return vec![Write::UpdateUser(spec(vec![access::inert(mark)], None)).line()];
        }
        Want::Open(_) | Want::Disabled | Want::Deleted => vec![delete()],
    };
    let ended = !matches!(&change.want, Want::Open(leases) if !leases.is_empty());
    if let Some(name) = Notes::read(&account.memo).set.filter(|_| ended) {
        let group = place.group.clone();
        lines.push(Write::DeleteRole { group, name }.line());
    }
    lines
}

fn open(
    mark: &Mark,
    place: &Place,
    leases: &[Lease],
    split: &Split<'_>,
    spec: impl Fn(Vec<super::wire::UserRole>) -> UserSpec,
) -> Vec<String> {
    let accesses: Vec<Access> = leases
        .iter()
        .filter_map(|lease| parse(lease, split).ok())
        .map(|(access, _)| access)
        .collect();
    if accesses.is_empty() {
        return Vec::new();
    }
    let mut lines: Vec<String> = accesses
        .iter()
        .filter_map(|access| match access {
            Access::Set(set) => {
                let (group, role) = (place.group.clone(), set.content(mark));
                Some(Write::CreateRole { group, role }.line())
            }
            Access::BuiltIn(_) | Access::Own(_) => None,
        })
        .collect();
    lines.dedup();
    let mut roles: Vec<_> = accesses.iter().map(|access| access.role(mark)).collect();
    roles.sort();
    roles.dedup();
    lines.push(Write::CreateUser(spec(roles)).line());
    lines.push(STAYS.to_owned());
    lines
}
