//! MariaDB 10.5 and later. The code is the MySQL family's (`providers::mysql`); what differs is named there by `Engine`.
//!
//! MariaDB makes one role active, so each login has one of its own (`jitu_…`) and leases' roles are held by that one. Its
//! accounts keep no text: the login's own role, made before the login and dropped after it, is what marks it as ours.

use super::{
    Guide, Registration,
    mysql::{self, Engine, Family},
};

pub const REGISTRATION: Registration = Registration {
    kind: "mariadb",
    title: "MariaDB",
    supports: mysql::SUPPORTS,
    at_once: 2,
    settles_in: mysql::SETTLES_IN,
    per_minute: None,
    keys: mysql::KEYS,
    secret_keys: mysql::SECRET_KEYS,
    example: mysql::EXAMPLE_MARIADB,
    kinds: mysql::kinds,
    guide: GUIDE,
    build: |setup| Ok(Box::new(Family::new(Engine::MariaDb, &setup)?)),
};

const GUIDE: Guide = Guide {
    connector: "An account made by `CREATE USER latchkey@'%' IDENTIFIED BY '…' REQUIRE SSL`, with \
`GRANT CREATE USER, PROCESS, CONNECTION ADMIN ON *.* TO latchkey@'%'`, `GRANT UPDATE ON mysql.* TO latchkey@'%'` (default roles of \
others take it), and what people may get: to read `GRANT SELECT ON *.* TO latchkey@'%' WITH GRANT OPTION`; to write also INSERT, \
UPDATE, DELETE, EXECUTE and CREATE TEMPORARY TABLES; as admin also CREATE, ALTER, DROP, INDEX, TRIGGER, CREATE VIEW, CREATE ROUTINE \
and ALTER ROUTINE. A role of yours can be asked for after `GRANT readers TO latchkey@'%' WITH ADMIN OPTION`. `latchkey check` names \
each right that is missing, and which levels are not offered without it. The secret's `username` is that account's name, to the letter.",
    granted: "Each person has one account per server, `jit_…@%`, with a role of its own, `jitu_…`, that its sessions have from the \
start; each lease is a role, `jitg_…`, that holds exactly what the lease gives and is given to that one. `_` and `%` in a \
database's name are escaped, so that `sa_es` does not open `sales`. The whole instance is one grant for each database but the \
server's own; new databases follow within 15 minutes. The server gets the password's hash, never the password: MariaDB would write it \
into its logs. Taking it back drops the role and ends sessions: all of them (`KILL HARD USER`) where the lease could write or was the \
last, else those whose current database the lease gave, since the server would let them go on there. Without a lease the account is \
locked. People who have an account of their own (`person.login`: `ann`, or `ann@10.0.%` where there are several) keep it: only roles \
come and go.",
    limits: &[
        "The server ends no account by itself: if we are down, access ends when we are back.",
        "An account that is the definer of a view, routine, trigger or event stays locked and is not deleted; the card names what holds it.",
        "Somebody's own account that has a default role keeps it: they type `SET ROLE jitu_…` to use what they were given, and the card says so.",
        "Where a plugin judges passwords and `strict_password_validation` is on, the hash is refused and the password itself is sent.",
        "With Galera accounts reach all nodes, but only sessions on the configured one are ended.",
        "On somebody's own account sessions are told apart by their number: those from before the first lease stay.",
        "Accounts keep no text: nothing refuses a run that was overtaken, beyond the lock that each run takes.",
    ],
};
