//! Everything a provider could change on a server, one line each, read from its tables by the administrator.
//!
//! Not whether accounts must use TLS: that follows the line to the server, which cuts need without (a case of its own looks).

use std::collections::BTreeSet;

use super::{Engine, server::Server, server::text};

const MARIADB: &[&str] = &[
    "SELECT CONCAT_WS(' ', 'account', User, Host, 'locked', COALESCE(JSON_VALUE(Priv, '$.account_locked'), 0), 'role', \
     JSON_VALUE(Priv, '$.is_role') IS NOT NULL, 'default', COALESCE(JSON_VALUE(Priv, '$.default_role'), ''), 'rights', \
     JSON_VALUE(Priv, '$.access'), 'connections', COALESCE(JSON_VALUE(Priv, '$.max_user_connections'), 0), 'password', \
     COALESCE(JSON_VALUE(Priv, '$.authentication_string'), '') <> '', 'expires', COALESCE(JSON_VALUE(Priv, '$.password_lifetime'), -1)) \
     FROM mysql.global_priv",
    "SELECT CONCAT_WS(' ', 'member', Role, '<-', User, Host, Admin_option) FROM mysql.roles_mapping",
];
const MYSQL: &[&str] = &[
    "SELECT CONCAT_WS(' ', 'account', User, Host, 'locked', account_locked, 'connections', max_user_connections, 'password', \
     authentication_string <> '', 'expires', COALESCE(password_lifetime, -1), password_expired, 'attributes', \
     COALESCE(JSON_REMOVE(User_attributes, '$.metadata.fence'), '')) FROM mysql.user",
    "SELECT CONCAT_WS(' ', 'member', FROM_USER, FROM_HOST, '<-', TO_USER, TO_HOST, WITH_ADMIN_OPTION) FROM mysql.role_edges",
    "SELECT CONCAT_WS(' ', 'default', USER, HOST, DEFAULT_ROLE_USER, DEFAULT_ROLE_HOST) FROM mysql.default_roles",
];
const BOTH: &[&str] = &[
    "SELECT CONCAT_WS(' ', 'global', GRANTEE, PRIVILEGE_TYPE, IS_GRANTABLE) FROM information_schema.USER_PRIVILEGES",
    "SELECT CONCAT_WS(' ', 'database', GRANTEE, TABLE_SCHEMA, PRIVILEGE_TYPE, IS_GRANTABLE) FROM information_schema.SCHEMA_PRIVILEGES",
    "SELECT CONCAT_WS(' ', 'table', GRANTEE, TABLE_SCHEMA, TABLE_NAME, PRIVILEGE_TYPE, IS_GRANTABLE) FROM information_schema.TABLE_PRIVILEGES",
    "SELECT CONCAT_WS(' ', 'column', GRANTEE, TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, PRIVILEGE_TYPE) FROM information_schema.COLUMN_PRIVILEGES",
    "SELECT CONCAT_WS(' ', 'routine', User, Host, Db, Routine_name, Proc_priv) FROM mysql.procs_priv",
    "SELECT CONCAT_WS(' ', 'relation', TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, TABLE_COMMENT) FROM information_schema.TABLES \
     WHERE TABLE_SCHEMA NOT IN ('mysql', 'sys', 'performance_schema', 'information_schema')",
    "SELECT CONCAT_WS(' ', 'index', TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, COLUMN_NAME) FROM information_schema.STATISTICS \
     WHERE TABLE_SCHEMA NOT IN ('mysql', 'sys', 'performance_schema', 'information_schema')",
    "SELECT CONCAT_WS(' ', 'view', TABLE_SCHEMA, TABLE_NAME, DEFINER) FROM information_schema.VIEWS WHERE TABLE_SCHEMA <> 'sys'",
    "SELECT CONCAT_WS(' ', 'code', ROUTINE_SCHEMA, ROUTINE_NAME, DEFINER) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA <> 'sys'",
    "SELECT CONCAT_WS(' ', 'schema', SCHEMA_NAME) FROM information_schema.SCHEMATA",
];

pub async fn take(server: &Server, engine: Engine) -> BTreeSet<String> {
    let own = match engine {
        Engine::MariaDb => MARIADB,
        Engine::MySql => MYSQL,
    };
    let mut lines = BTreeSet::new();
    // One question: it is asked after every cut.
    let sql = own.iter().chain(BOTH).copied().collect::<Vec<_>>();
    for part in sql {
        lines.extend(server.rows(part).await.iter().filter_map(|row| text(row, 0)));
    }
    lines
}
