//! What a server holds: principals and their rights, databases with schemas, objects and properties.

use super::value::{Outcome, fault, same};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Login,
    User,
    Role,
}

impl Kind {
    pub fn letter(self) -> &'static str {
        match self {
            Self::Login | Self::User => "S",
            Self::Role => "R",
        }
    }
}

#[derive(Debug, Clone)]
pub struct Principal {
    pub id: i32,
    pub name: String,
    pub kind: Kind,
    pub sid: Vec<u8>,
    pub fixed: bool,
    pub owner: Option<i32>,
    pub password: Option<String>,
    pub disabled: bool,
    pub expires: bool,
}

/// class 100 server, 0 database, 1 object, 3 schema; state G grant, D deny.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    pub class: u8,
    pub major: i32,
    pub name: String,
    pub state: char,
    pub grantee: i32,
    pub grantor: i32,
}

/// Principals with what they belong to and may do: of the server, or of one database.
#[derive(Debug, Clone, Default)]
pub struct Rights {
    pub principals: Vec<Principal>,
    /// (role, member)
    pub members: Vec<(i32, i32)>,
    pub permissions: Vec<Permission>,
}

impl Rights {
    pub fn find(&self, name: &str) -> Option<&Principal> {
        self.principals.iter().find(|found| same(&found.name, name))
    }

    pub fn find_mut(&mut self, name: &str) -> Option<&mut Principal> {
        self.principals.iter_mut().find(|found| same(&found.name, name))
    }

    pub fn by_id(&self, id: i32) -> Option<&Principal> {
        self.principals.iter().find(|found| found.id == id)
    }

    pub fn role(&self, name: &str) -> Outcome<&Principal> {
        match self.find(name) {
            Some(found) if found.kind == Kind::Role => Ok(found),
            _ => no_principal("role", name),
        }
    }

    /// Itself, everybody (`public`), and every role it is in, by whatever way.
    pub fn closure(&self, id: i32, public: i32) -> Vec<i32> {
        let mut all = vec![id, public];
        let mut at = 0;
        while at < all.len() {
            let member = all[at];
            for (role, _) in self.members.iter().filter(|(_, found)| *found == member) {
                if !all.contains(role) {
                    all.push(*role);
                }
            }
            at += 1;
        }
        all
    }

    pub fn drop_principal(&mut self, id: i32) {
        self.principals.retain(|found| found.id != id);
        self.members.retain(|(role, member)| *role != id && *member != id);
        self.permissions.retain(|found| found.grantee != id);
    }
}

pub fn no_principal<T>(what: &str, name: &str) -> Outcome<T> {
    fault(
        15151,
        format!("Cannot find the {what} '{name}', because it does not exist or you do not have permission."),
    )
}

#[derive(Debug, Clone)]
pub struct Schema {
    pub id: i32,
    pub name: String,
    pub owner: i32,
}

#[derive(Debug, Clone)]
pub struct Object {
    pub id: i32,
    pub name: String,
    pub schema: i32,
    pub view: bool,
    pub owner: Option<i32>,
    pub rows: Vec<i64>,
}

#[derive(Debug, Clone)]
pub struct Database {
    pub id: i32,
    pub name: String,
    pub owner: Vec<u8>,
    pub online: bool,
    pub read_only: bool,
    pub rights: Rights,
    pub schemas: Vec<Schema>,
    pub objects: Vec<Object>,
    /// (class, major, name, value)
    pub properties: Vec<(u8, i32, String, String)>,
}

pub const DBO: i32 = 1;
pub const GUEST: i32 = 2;
const FIXED_ROLES: [&str; 9] = [
    "db_owner",
    "db_accessadmin",
    "db_securityadmin",
    "db_ddladmin",
    "db_backupoperator",
    "db_datareader",
    "db_datawriter",
    "db_denydatareader",
    "db_denydatawriter",
];
const SERVER_ROLES: [&str; 8] = [
    "sysadmin",
    "securityadmin",
    "serveradmin",
    "setupadmin",
    "processadmin",
    "diskadmin",
    "dbcreator",
    "bulkadmin",
];

pub fn principal(id: i32, name: &str, kind: Kind, sid: Vec<u8>) -> Principal {
    Principal {
        id,
        name: name.to_owned(),
        kind,
        sid,
        fixed: false,
        owner: None,
        password: None,
        disabled: false,
        expires: false,
    }
}

impl Database {
    pub fn new(id: i32, name: &str, owner: Vec<u8>) -> Self {
        let mut rights = Rights::default();
        for (id, name, sid) in [
            (DBO, "dbo", owner.clone()),
            (GUEST, "guest", vec![0]),
            (3, "INFORMATION_SCHEMA", vec![]),
            (4, "sys", vec![]),
        ] {
            rights.principals.push(principal(id, name, Kind::User, sid));
        }
        let mut public = principal(0, "public", Kind::Role, vec![1]);
        public.owner = Some(DBO);
        rights.principals.push(public);
        let mut schemas: Vec<Schema> = ["dbo", "guest", "INFORMATION_SCHEMA", "sys"]
            .iter()
            .zip(1..)
            .map(|(name, id)| Schema {
                id,
                name: (*name).to_owned(),
                owner: id,
            })
            .collect();
        for (name, id) in FIXED_ROLES.iter().zip(16_384..) {
            let mut role = principal(id, name, Kind::Role, id.to_le_bytes().to_vec());
            (role.fixed, role.owner) = (true, Some(DBO));
            rights.principals.push(role);
            schemas.push(Schema {
                id,
                name: (*name).to_owned(),
                owner: id,
            });
        }
        Self {
            id,
            name: name.to_owned(),
            owner,
            online: true,
            read_only: false,
            rights,
            schemas,
            objects: Vec::new(),
            properties: Vec::new(),
        }
    }

    pub fn schema(&self, name: &str) -> Option<&Schema> {
        self.schemas.iter().find(|schema| same(&schema.name, name))
    }

    pub fn object(&self, schema: &str, name: &str) -> Option<&Object> {
        let schema = self.schema(schema)?.id;
        self.objects
            .iter()
            .find(|object| object.schema == schema && same(&object.name, name))
    }
}

#[derive(Debug, Clone)]
pub struct Model {
    pub server: Rights,
    pub databases: Vec<Database>,
    pub next: i32,
    /// `SERVERPROPERTY('EngineEdition')`
    pub edition: i64,
}

impl Model {
    /// A server as it is installed, with one administrator.
    pub fn new(admin: &str, password: &str) -> Self {
        let mut server = Rights::default();
        let mut sa = principal(1, admin, Kind::Login, vec![1]);
        sa.password = Some(password.to_owned());
        server.principals.push(sa);
        let mut public = principal(2, "public", Kind::Role, vec![2]);
        public.fixed = true;
        server.principals.push(public);
        for (name, id) in SERVER_ROLES.iter().zip(3..) {
            let mut role = principal(id, name, Kind::Role, vec![id as u8]);
            role.fixed = true;
            server.principals.push(role);
        }
        server.members.push((3, 1));
        let databases = ["master", "tempdb", "model", "msdb"]
            .iter()
            .zip(1..)
            .map(|(name, id)| Database::new(id, name, vec![1]))
            .collect();
        Self {
            server,
            databases,
            next: 300,
            edition: 3,
        }
    }

    pub fn id(&mut self) -> i32 {
        self.next += 1;
        self.next
    }

    pub fn find(&self, name: &str) -> Option<&Database> {
        self.databases.iter().find(|found| same(&found.name, name))
    }

    /// A database that can be worked in.
    pub fn database(&self, name: &str) -> Outcome<&Database> {
        match self.find(name) {
            None => fault(
                911,
                format!("Database '{name}' does not exist. Make sure that the name is entered correctly."),
            ),
            Some(found) if !found.online => fault(
                942,
                format!("Database '{name}' cannot be opened because it is offline."),
            ),
            Some(found) => Ok(found),
        }
    }

    pub fn database_mut(&mut self, name: &str) -> Outcome<&mut Database> {
        self.database(name)?;
        match self.databases.iter_mut().find(|found| same(&found.name, name)) {
            Some(found) if found.read_only => fault(
                3906,
                format!("Failed to update database \"{name}\" because the database is read-only."),
            ),
            Some(found) => Ok(found),
            None => fault(911, "no such database"),
        }
    }
}
