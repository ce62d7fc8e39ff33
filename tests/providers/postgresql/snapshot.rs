//! Everything a provider could change on a server, one line each, read from the catalogues by the administrator.

use std::collections::BTreeSet;

use super::server::Server;

const ROLES: &str = "SELECT concat_ws(' ', 'role', r.rolname, 'login', r.rolcanlogin, 'super', r.rolsuper, 'make', \
     r.rolcreaterole, r.rolcreatedb, r.rolreplication, r.rolbypassrls, r.rolinherit, r.rolconnlimit, 'until', r.rolvaliduntil, \
     'password', r.rolpassword IS NOT NULL, 'comment', \
     regexp_replace(shobj_description(r.oid, 'pg_authid'), ' fence=[0-9.]+', '')) FROM pg_authid r WHERE r.rolname !~ '^pg_'";
const EDGES: &str = "SELECT concat_ws(' ', 'member', g.rolname, '<-', m.rolname, e.admin_option) \
     FROM pg_auth_members e JOIN pg_roles g ON g.oid = e.roleid JOIN pg_roles m ON m.oid = e.member";
const DATABASES: &str = "SELECT concat_ws(' ', 'database', d.datname, d.datallowconn, pg_get_userbyid(d.datdba), \
     x.privilege_type, x.grantee::regrole, x.grantor::regrole) FROM pg_database d, \
     aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x";
/// Nothing is there by default and in the catalogue both: what was given and taken back leaves a written-out default.
const WITHIN: &[&str] = &[
    "SELECT concat_ws(' ', 'schema', n.nspname, pg_get_userbyid(n.nspowner), x.privilege_type, x.grantee::regrole) \
     FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) x WHERE n.nspname !~ '^pg_(toast|temp)'",
    "SELECT concat_ws(' ', 'relation', n.nspname, c.relname, c.relkind, pg_get_userbyid(c.relowner), x.privilege_type, x.grantee::regrole) \
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, \
     aclexplode(coalesce(c.relacl, acldefault((CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END)::\"char\", c.relowner))) x \
     WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'",
    "SELECT concat_ws(' ', 'routine', n.nspname, p.proname, pg_get_userbyid(p.proowner), x.privilege_type, x.grantee::regrole) \
     FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x \
     WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'",
    "SELECT concat_ws(' ', 'default', a.defaclrole::regrole, n.nspname, a.defaclobjtype, x.privilege_type, x.grantee::regrole) \
     FROM pg_default_acl a LEFT JOIN pg_namespace n ON n.oid = a.defaclnamespace, aclexplode(a.defaclacl) x",
];

pub async fn take(server: &Server) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for sql in [ROLES, EDGES, DATABASES] {
        lines.extend(
            server
                .rows("postgres", sql)
                .await
                .iter()
                .map(|row| row.get::<_, String>(0)),
        );
    }
    for row in server
        .rows(
            "postgres",
            "SELECT datname::text FROM pg_database WHERE NOT datistemplate",
        )
        .await
    {
        let database: String = row.get(0);
        for sql in WITHIN {
            let rows = server.rows(&database, sql).await;
            lines.extend(
                rows.iter()
                    .map(|row| format!("{database}: {}", row.get::<_, String>(0))),
            );
        }
    }
    lines
}
