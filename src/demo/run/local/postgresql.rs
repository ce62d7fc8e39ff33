//! A real PostgreSQL of the demo's own.

use tokio_postgres::{Client, NoTls};

use super::{About, Local};

pub(super) const ABOUT: About = About {
    title: "PostgreSQL",
    script: include_str!("../../../../tests/servers/postgres.sh"),
    integration: "orders-pg",
    resource: "shop",
};

/// A database with a tag that names its owner, and something in it.
const SHOP: &str = "CREATE SCHEMA sales; CREATE TABLE sales.items (id serial PRIMARY KEY, name text); \
                    INSERT INTO sales.items (name) VALUES ('tea'), ('coffee')";

pub(super) async fn fill(server: &Local) -> anyhow::Result<()> {
    let admin = connect(server, "postgres", "admin", &server.admin_password).await?;
    admin.batch_execute("CREATE DATABASE shop").await?;
    admin
        .batch_execute("COMMENT ON DATABASE shop IS 'owner=dba'; REVOKE CONNECT ON DATABASE shop FROM PUBLIC")
        .await?;
    let shop = connect(server, "shop", "admin", &server.admin_password).await?;
    Ok(shop.batch_execute(SHOP).await?)
}

pub(super) fn config(server: &Local) -> String {
    format!(
        r#"
[[integration]]
name = "{name}"
kind = "postgresql"
hostname = "localhost"
port = {port}
tls_ca = "file:{ca}"
secret = "file:{name}.json"
discover = {{ types = ["database", "schema", "table"] }}
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
    let client = connect(server, "shop", user, password).await?;
    let read = client.query("SELECT name FROM sales.items", &[]).await;
    let wrote = client
        .execute("INSERT INTO sales.items (name) VALUES ('x')", &[])
        .await;
    Ok(read.is_ok_and(|rows| rows.len() == 2) && wrote.is_err())
}

pub(super) async fn state(server: &Local) -> anyhow::Result<serde_json::Value> {
    let admin = connect(server, "postgres", "admin", &server.admin_password).await?;
    let rows = admin
        .query(
            "SELECT rolname::text, rolcanlogin, to_char(rolvaliduntil, 'HH24:MI:SS'), \
             (SELECT count(*) FROM pg_stat_activity WHERE usename = rolname), \
             (SELECT coalesce(string_agg(g.rolname::text, ' '), '') FROM pg_auth_members m \
              JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid) \
             FROM pg_roles r WHERE rolname LIKE 'jit\\_%' ORDER BY 1",
            &[],
        )
        .await?;
    let shown = rows.iter().map(|row| {
        serde_json::json!({
            "login": row.get::<_, String>(0),
            "may log in": row.get::<_, bool>(1),
            "valid until": row.get::<_, Option<String>>(2),
            "sessions": row.get::<_, i64>(3),
            "holds": row.get::<_, String>(4),
        })
    });
    Ok(shown.collect())
}

/// Over loopback, to the demo's own server.
async fn connect(server: &Local, database: &str, user: &str, password: &str) -> anyhow::Result<Client> {
    let mut config = tokio_postgres::Config::new();
    config
        .host("127.0.0.1")
        .port(server.port)
        .user(user)
        .password(password)
        .dbname(database);
    let (client, connection) = config.connect(NoTls).await?;
    // It ends with the client; what it says then is of no use to anybody.
    drop(tokio::spawn(connection));
    Ok(client)
}
