"""Vertica's own client against our fake Vertica. One line a check: `ok NAME` or `FAILED NAME: why`."""

import os
import sys
import time
import traceback
import warnings

import vertica_python
from vertica_python import errors

PORT = int(os.environ["VERTICA_SHA512_PORT"])
MD5_PORT = int(os.environ["VERTICA_MD5_PORT"])
CERTIFICATES = os.environ["VERTICA_CERTIFICATES"]
ADMIN = {
    "host": "127.0.0.1",
    "port": PORT,
    "database": os.environ["VERTICA_DATABASE"],
    "user": "dbadmin",
    "password": os.environ["VERTICA_PASSWORD"],
    "autocommit": True,
    "connection_timeout": 10,
    "tlsmode": "disable",
}


def connect(**changes):
    return vertica_python.connect(**{**ADMIN, **changes})


def rows(connection, sql):
    cursor = connection.cursor()
    cursor.execute(sql)
    return cursor.fetchall()


def run(connection, *statements):
    for statement in statements:
        rows(connection, statement)


def refused(kind, call, *words):
    try:
        call()
    except kind as error:
        text = str(error)
        for word in words:
            assert word in text, f"{word!r} is not in {text!r}"
        return error
    raise AssertionError(f"no {kind.__name__}")


def login_by_sha512():
    with connect() as connection:
        assert not connection.ssl()
        assert rows(connection, "SELECT CURRENT_USER()") == [["dbadmin"]]
    refused(errors.ConnectionError, lambda: connect(password="wrong"), "28000")
    refused(errors.ConnectionError, lambda: connect(user="nobody"), "28000")
    refused(errors.ConnectionError, lambda: connect(database="elsewhere"), "3D000")


def login_by_md5():
    with connect(port=MD5_PORT) as connection:
        assert rows(connection, "SELECT 1") == [["1"]]
    refused(errors.ConnectionError, lambda: connect(port=MD5_PORT, password="wrong"), "28000")
    with connect(port=MD5_PORT) as connection:
        run(connection, "CREATE USER \"Ünï'x\" IDENTIFIED BY 'pässwörd'")
    with connect(port=MD5_PORT, user="Ünï'x", password="pässwörd") as connection:
        assert rows(connection, "SELECT CURRENT_USER()") == [["Ünï'x"]]


def tls():
    ours = os.path.join(CERTIFICATES, "ca.crt")
    other = os.path.join(CERTIFICATES, "other-ca.crt")
    for mode, host, ca in [
        ("require", "127.0.0.1", None),
        ("prefer", "127.0.0.1", None),
        ("verify-ca", "127.0.0.1", ours),
        ("verify-full", "localhost", ours),
    ]:
        with connect(host=host, tlsmode=mode, tls_cafile=ca) as connection:
            assert connection.ssl(), mode
            assert rows(connection, "SELECT 1") == [["1"]]
    for mode, host, ca in [("verify-ca", "localhost", other), ("verify-full", "127.0.0.1", ours)]:
        refused(errors.ConnectionError, lambda: connect(host=host, tlsmode=mode, tls_cafile=ca))
    # The other one has no TLS, and says so.
    with connect(port=MD5_PORT, tlsmode="prefer") as connection:
        assert not connection.ssl()
    refused(errors.SSLNotSupported, lambda: connect(port=MD5_PORT, tlsmode="require"))


def rows_and_nulls():
    with connect() as connection:
        run(
            connection,
            "CREATE SCHEMA peers",
            'CREATE TABLE peers."a ""b" (id INT, "Näme" VARCHAR(80))',
            "INSERT INTO peers.\"a \"\"b\" VALUES (1, 'it''s 🦀')",
            'INSERT INTO peers."a ""b" VALUES (2, NULL)',
            "INSERT INTO peers.\"a \"\"b\" VALUES (3, '')",
        )
        cursor = connection.cursor()
        cursor.execute('SELECT * FROM peers."a ""b"')
        found = cursor.fetchall()
        assert [column.name for column in cursor.description] == ["id", "Näme"], cursor.description
        assert found == [["1", "it's 🦀"], ["2", None], ["3", ""]], found
        cursor.execute("SELECT id FROM peers.\"a \"\"b\" WHERE id = '9'")
        assert cursor.fetchall() == []
        cursor.execute("SELECT 'x\\' FROM v_catalog.databases")
        assert cursor.fetchall() == [["x\\"]], "a backslash is an ordinary character"


def complex_types():
    # With them each column tells its parent; without them it does not.
    for asked in (True, False):
        with connect(request_complex_types=asked) as connection:
            assert connection.complex_types_enabled == asked
            found = rows(connection, "SELECT user_name, is_locked FROM v_catalog.users WHERE user_name = 'dbadmin'")
            assert found == [["dbadmin", "f"]], found


def several_statements():
    with connect() as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT 1; SELECT 2, NULL; SET STANDARD_CONFORMING_STRINGS TO ON; SELECT 3")
        found = [cursor.fetchall()]
        while cursor.nextset():
            found.append(cursor.fetchall())
        assert [["1"]] == found[0] and [["2", None]] == found[1] and [["3"]] == found[-1], found
        refused(errors.QueryError, lambda: rows(connection, "SELECT 1; SELECT * FROM peers.gone; SELECT 2") and cursor.nextset())
    with connect() as connection:
        assert rows(connection, "SELECT 4") == [["4"]]


def settings():
    with connect(autocommit=False) as connection:
        assert not connection.autocommit
        connection.autocommit = True
        assert connection.autocommit
        assert connection.parameters["standard_conforming_strings"] == "on"
        assert connection.parameters["protocol_version"] == 3 << 16 | 16


def errors_have_their_kind():
    with connect() as connection:
        for kind, sql in [
            (errors.MissingRelation, "SELECT * FROM peers.gone"),
            (errors.MissingSchema, "SELECT * FROM gone.gone"),
            (errors.MissingColumn, "SELECT gone FROM v_catalog.users"),
            (errors.DuplicateObject, "CREATE SCHEMA peers"),
            (errors.VerticaSyntaxError, "SELEC 1"),
        ]:
            refused(kind, lambda: rows(connection, sql))
            # The session goes on.
            assert rows(connection, "SELECT 1") == [["1"]]
        missing = refused(errors.QueryError, lambda: rows(connection, 'DROP ROLE "gone"'))
        assert missing.sqlstate == "42704", missing.sqlstate


def access_comes_and_goes():
    with connect() as admin:
        run(
            admin,
            "CREATE SCHEMA access",
            "CREATE TABLE access.things (id INT)",
            "CREATE ROLE \"jitg_x\"",
            "GRANT USAGE, SELECT ON SCHEMA access TO \"jitg_x\"",
            "GRANT SELECT ON ALL TABLES IN SCHEMA access TO \"jitg_x\"",
            "CREATE USER \"jit_x\" IDENTIFIED BY 'pw-1', MAXCONNECTIONS 10 ON DATABASE, IDLESESSIONTIMEOUT '1 hour'",
            "GRANT \"jitg_x\" TO \"jit_x\"",
        )
        person = {"user": "jit_x", "password": "pw-1"}
        with connect(**person) as connection:
            refused(errors.PermissionDenied, lambda: rows(connection, "SELECT * FROM access.things"))
        run(admin, 'ALTER USER "jit_x" DEFAULT ROLE "jitg_x"')
        connection = connect(**person)
        assert rows(connection, "SELECT * FROM access.things") == []
        refused(errors.PermissionDenied, lambda: rows(connection, "INSERT INTO access.things VALUES (1)"))
        refused(errors.PermissionDenied, lambda: rows(connection, "DROP USER \"jit_x\""))
        open_now = "SELECT session_id FROM v_monitor.sessions WHERE user_name = 'jit_x'"
        assert len(rows(admin, open_now)) == 1
        run(admin, 'REVOKE "jitg_x" FROM "jit_x"', 'DROP ROLE "jitg_x" CASCADE')
        refused(errors.PermissionDenied, lambda: rows(connection, "SELECT * FROM access.things"))
        run(admin, 'ALTER USER "jit_x" ACCOUNT LOCK', "SELECT CLOSE_USER_SESSIONS('jit_x')")
        deadline = time.monotonic() + 5
        while rows(admin, open_now):
            assert time.monotonic() < deadline, "the session never ended"
            time.sleep(0.02)
        refused(errors.ConnectionError, lambda: rows(connection, "SELECT 1"))
        refused(errors.ConnectionError, lambda: connect(**person), "locked")


def an_expired_password():
    with connect() as admin:
        run(admin, "CREATE USER old IDENTIFIED BY 'pw-2'", "ALTER USER old PASSWORD EXPIRE")
    refused(errors.ConnectionError, lambda: connect(user="old", password="pw-2"), "expired")


def main():
    warnings.simplefilter("ignore")
    failed = 0
    for check in (
        login_by_sha512,
        login_by_md5,
        tls,
        rows_and_nulls,
        complex_types,
        several_statements,
        settings,
        errors_have_their_kind,
        access_comes_and_goes,
        an_expired_password,
    ):
        name = "vertica-python " + check.__name__
        try:
            check()
            print(f"ok {name}", flush=True)
        except Exception as error:  # a check that fails is told, and the next one runs
            failed += 1
            traceback.print_exc()
            print(f"FAILED {name}: {error!r}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
