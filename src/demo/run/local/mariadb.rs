//! A real MariaDB of the demo's own.

use mysql_async::{Conn, Opts, OptsBuilder, SslOpts, prelude::Queryable};

use super::{About, Local};

pub(super) const ABOUT: About = About {
    title: "MariaDB",
    script: include_str!("../../../../tests/servers/mariadb.sh"),
    integration: "billing",
    resource: "invoices",
};

/// A database with a tag that names its owner, and something in it.
const INVOICES: &str = "CREATE DATABASE invoices COMMENT 'owner=dba'; CREATE TABLE invoices.open (id int PRIMARY KEY, name text); \
                        INSERT INTO invoices.open VALUES (1, 'tea'), (2, 'coffee')";

pub(super) async fn fill(server: &Local) -> anyhow::Result<()> {
    let mut admin = connect(server, "admin", &server.admin_password).await?;
    for statement in INVOICES.split("; ") {
        admin.query_drop(statement).await?;
    }
    Ok(admin.disconnect().await?)
}

pub(super) fn config(server: &Local) -> String {
    format!(
        r#"
[[integration]]
name = "{name}"
kind = "mariadb"
hostname = "localhost"
port = {port}
tls_ca = "file:{ca}"
secret = "file:{name}.json"
discover = {{ types = ["database", "table"] }}
credential_rotation_days = 90
user_cleanup_days = 30
integration_owner = {{ people = ["joe"] }}
resource_owner = {{ key = "owner", attribute = "group" }}
settles_in = "1s"
"#,
        name = ABOUT.integration,
        port = server.port,
        ca = server.place.join("tls/ca.crt").display()
    )
}

pub(super) async fn reads(server: &Local, user: &str, password: &str) -> anyhow::Result<bool> {
    let mut conn = connect(server, user, password).await?;
    let read: Result<Vec<String>, _> = conn.query("SELECT name FROM invoices.open").await;
    let wrote = conn.query_drop("INSERT INTO invoices.open VALUES (3, 'x')").await;
    conn.disconnect().await?;
    Ok(read.is_ok_and(|rows| rows.len() == 2) && wrote.is_err())
}

pub(super) async fn state(server: &Local) -> anyhow::Result<serde_json::Value> {
    let mut admin = connect(server, "admin", &server.admin_password).await?;
    let rows: Vec<(String, bool, u64, Option<String>)> = admin
        .query(
            "SELECT u.User, JSON_VALUE(u.Priv, '$.account_locked') IS TRUE, \
             (SELECT count(*) FROM information_schema.processlist p WHERE p.USER = u.User), \
             (SELECT group_concat(g.Role SEPARATOR ' ') FROM mysql.roles_mapping r \
              JOIN mysql.roles_mapping g ON g.User = r.Role WHERE r.User = u.User) \
             FROM mysql.global_priv u WHERE u.User LIKE 'jit\\_%' ORDER BY 1",
        )
        .await?;
    admin.disconnect().await?;
    let shown = rows.into_iter().map(|(login, locked, sessions, holds)| {
        serde_json::json!({ "login": login, "locked": locked, "sessions": sessions, "holds": holds })
    });
    Ok(shown.collect())
}

/// Over loopback, to the demo's own server. Accounts that the bot makes cannot be used without TLS.
async fn connect(server: &Local, user: &str, password: &str) -> anyhow::Result<Conn> {
    let authority = server.place.join("tls/ca.crt");
    let tls = SslOpts::default()
        .with_root_certs(vec![authority.into()])
        .with_disable_built_in_roots(true);
    let options = OptsBuilder::default()
        .ip_or_hostname("localhost")
        .tcp_port(server.port)
        .prefer_socket(false)
        .ssl_opts(tls)
        .user(Some(user))
        .pass(Some(password));
    Ok(Conn::new(Opts::from(options)).await?)
}
