"""Asks our fake Snowflake through `snowflake-sql-api`, which was written for the real one."""

import os
import sys
import traceback
from datetime import datetime, timezone
from urllib.parse import urlsplit

import httpx
from snowflake_sql_api import SnowflakeClient
from snowflake_sql_api.exceptions import SnowflakeAuthError, SnowflakeProgrammingError, SnowflakeRequestError

FAKE = urlsplit(os.environ["SNOWFLAKE_FAKE"])
failed = False


class Plain(httpx.HTTPTransport):
    """The client speaks HTTPS alone; the fake stands on loopback without it."""

    def handle_request(self, request):
        request.url = request.url.copy_with(scheme="http", host=FAKE.hostname, port=FAKE.port)
        return super().handle_request(request)


def client(key="SNOWFLAKE_KEY", **more):
    return SnowflakeClient(
        account=os.environ["SNOWFLAKE_ACCOUNT"],
        user="ann",
        private_key=os.environ[key].encode(),
        http_client=httpx.Client(transport=Plain()),
        poll_interval=0.05,
        **more,
    )


def check(name):
    def run(test):
        global failed
        try:
            test()
            print(f"ok snowflake-sql-api: {name}", flush=True)
        except Exception:
            failed = True
            print(f"FAILED snowflake-sql-api: {name}: {traceback.format_exc(limit=3)!r}", flush=True)

    return run


def refused(kind, act):
    try:
        act()
    except kind as error:
        return error
    raise AssertionError("it was not refused")


@check("its token opens, with the key in the second slot")
def _():
    rows = client().query("SELECT CURRENT_USER() AS ME")
    assert rows == [{"ME": "ANN"}], rows


@check("a token signed with another key does not")
def _():
    error = refused(SnowflakeAuthError, lambda: client("SNOWFLAKE_WRONG_KEY").query("SHOW ROLES"))
    assert error.status_code == 401 and error.code == "390144", vars(error)


@check("times and NULL are what they are")
def _():
    row = client().query("SHOW USERS LIKE 'ann'")[0]
    assert row["created_on"].astimezone(timezone.utc) == datetime.fromtimestamp(1790000000, timezone.utc), row
    assert row["name"] == "ANN" and row["comment"] is None and row["expires_at_time"] is None, row


@check("all partitions of a result arrive, in order")
def _():
    rows = client().query('SHOW OBJECTS IN DATABASE "ORDERS"')
    count = int(os.environ["SNOWFLAKE_TABLES"])
    assert [row["name"] for row in rows] == [f"T{n:03}" for n in range(count)], len(rows)
    assert rows[0]["comment"] == "it's \\ \"odd\"", rows[0]


@check("what is refused has code and SQL state")
def _():
    for sql, code, state in [
        ('SHOW SCHEMAS IN DATABASE "NOWHERE"', "002003", "02000"),
        ("SHOW ROLES; DROP ROLE x", "000008", "42000"),
        ("BE SO KIND", "001003", "42000"),
    ]:
        error = refused(SnowflakeProgrammingError, lambda: client().query(sql))
        assert (error.status_code, error.code, error.sql_state) == (422, code, state), vars(error)


@check("USE is refused")
def _():
    refused(SnowflakeProgrammingError, lambda: client().query("USE ROLE SYSADMIN"))


@check("roles and users are made, given and taken")
def _():
    ann = client(role="ACCOUNTADMIN")
    ann.query("CREATE ROLE \"odd role\" COMMENT='it''s \\\\ ours'")
    assert ann.query("SHOW ROLES LIKE 'odd%'")[0]["comment"] == "it's \\ ours"
    ann.query('GRANT ROLE "odd role" TO USER ANN')
    assert "odd role" in [row["role"] for row in ann.query("SHOW GRANTS TO USER ANN")]
    refused(SnowflakeProgrammingError, lambda: ann.query('CREATE ROLE "odd role"'))
    ann.query('REVOKE ROLE "odd role" FROM USER ANN')
    ann.query('DROP ROLE IF EXISTS "odd role"')
    assert ann.query("SHOW ROLES LIKE 'odd%'") == []


@check("a statement sent ahead is asked for until it is there")
def _():
    handle = client().submit("SHOW ROLES")
    assert "SYSADMIN" in [row["name"] for row in handle.result()]
    assert handle.status() == "SUCCESS"


@check("a role that is not held is refused")
def _():
    refused((SnowflakeProgrammingError, SnowflakeRequestError), lambda: client(role="NOBODYS").query("SHOW ROLES"))


sys.exit(1 if failed else 0)
