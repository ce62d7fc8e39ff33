//! Everything a provider could change on a server, one line each, read from the catalogue by the administrator.

use std::collections::BTreeSet;

use super::admin::{Admin, quoted};

const SERVER: [&str; 4] = [
    "SELECT N'login', name, type, sid, is_disabled FROM sys.server_principals WHERE principal_id > 2 AND is_fixed_role = 0",
    "SELECT N'member', r.name, m.name FROM sys.server_role_members e JOIN sys.server_principals r \
     ON r.principal_id = e.role_principal_id JOIN sys.server_principals m ON m.principal_id = e.member_principal_id",
    "SELECT N'permission', g.name, p.permission_name, p.state FROM sys.server_permissions p \
     JOIN sys.server_principals g ON g.principal_id = p.grantee_principal_id",
    "SELECT N'database', name, state_desc, owner_sid FROM sys.databases",
];

/// `{db}` is the database.
const WITHIN: [&str; 6] = [
    "SELECT N'user', name, sid FROM {db}.sys.database_principals WHERE type = 'S'",
    "SELECT N'role', r.name, o.name FROM {db}.sys.database_principals r LEFT JOIN {db}.sys.database_principals o \
     ON o.principal_id = r.owning_principal_id WHERE r.type = 'R'",
    "SELECT N'member', r.name, m.name FROM {db}.sys.database_role_members e JOIN {db}.sys.database_principals r \
     ON r.principal_id = e.role_principal_id JOIN {db}.sys.database_principals m ON m.principal_id = e.member_principal_id",
    "SELECT N'permission', g.name, p.permission_name, p.state, p.class, s.name, o.name, r.name FROM {db}.sys.database_permissions p \
     JOIN {db}.sys.database_principals g ON g.principal_id = p.grantee_principal_id \
     LEFT JOIN {db}.sys.database_principals r ON r.principal_id = p.grantor_principal_id \
     LEFT JOIN {db}.sys.schemas s ON p.class = 3 AND s.schema_id = p.major_id \
     LEFT JOIN {db}.sys.objects o ON p.class = 1 AND o.object_id = p.major_id \
     WHERE p.major_id >= 0 AND p.permission_name <> 'CONNECT'",
    "SELECT N'schema', s.name, p.name FROM {db}.sys.schemas s JOIN {db}.sys.database_principals p \
     ON p.principal_id = s.principal_id WHERE s.schema_id < 16384",
    "SELECT N'object', s.name, o.name, o.type, p.name FROM {db}.sys.objects o JOIN {db}.sys.schemas s \
     ON s.schema_id = o.schema_id LEFT JOIN {db}.sys.database_principals p ON p.principal_id = o.principal_id \
     WHERE o.is_ms_shipped = 0",
];

pub async fn take(admin: &Admin) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for sql in SERVER {
        lines.extend(admin.rows(sql).await.iter().map(|row| row.join(" | ")));
    }
    for database in databases(admin).await {
        for sql in WITHIN {
            let sql = sql.replace("{db}", &quoted(&database));
            let rows = admin.rows(&sql).await;
            lines.extend(rows.iter().map(|row| format!("{database}: {}", row.join(" | "))));
        }
    }
    lines
}

/// Databases of people's that are online.
pub async fn databases(admin: &Admin) -> Vec<String> {
    let sql = "SELECT name FROM sys.databases WHERE state_desc = 'ONLINE' \
               AND name NOT IN ('master', 'model', 'msdb', 'tempdb')";
    admin
        .rows(sql)
        .await
        .into_iter()
        .map(|row| row.join(""))
        .collect()
}
