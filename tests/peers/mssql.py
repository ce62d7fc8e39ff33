"""python-tds, an independent client of SQL Server, against our model of it: what it accepts is TDS.

Arguments: port, folder with ca.crt. Prints `ok NAME` or `FAILED NAME: why` for each check.
"""
import sys
import time
import traceback

import pytds

PORT, CA = int(sys.argv[1]), f"{sys.argv[2]}/ca.crt"
ADMIN = dict(user="sa", password="Admin-pw-7391")


def connect(user, password, database="master", tls=True):
    more = dict(cafile=CA, validate_host=True) if tls else {}
    return pytds.connect(dsn="localhost", port=PORT, user=user, password=password, database=database, autocommit=True,
                         login_timeout=3, timeout=10, **more)


def rows(connection, sql, params=()):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return [tuple(row) for row in cursor.fetchall()]


def run(connection, sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)


def number(connection, sql):
    try:
        run(connection, sql)
    except pytds.Error as error:
        return error.number
    return None


def logs_in_with_and_without_tls():
    for tls in (True, False):
        with connect(**ADMIN, tls=tls) as connection:
            assert rows(connection, "SELECT SUSER_SNAME(), DB_NAME()") == [("sa", "master")]


def refuses_a_wrong_password_by_number():
    for user, password in (("sa", "wrong"), ("nobody", "wrong"), ("sa", "")):
        try:
            connect(user, password)
        except pytds.Error as error:
            assert "Login failed" in str(error), error
            assert getattr(error, "number", 18456) == 18456, error.number
        else:
            raise AssertionError("let in")


def refuses_a_database_that_is_not_there():
    try:
        connect(**ADMIN, database="nowhere")
    except (pytds.Error, TimeoutError) as error:
        # It tries again for a while: a database may be starting.
        seen = f"{error} {error.__cause__}"
        assert "Cannot open database" in seen or "Login failed" in seen, seen
    else:
        raise AssertionError("let in")


def values_have_their_types():
    with connect(**ADMIN) as connection:
        found = rows(connection, "SELECT principal_id, name, is_disabled, sid FROM sys.server_principals WHERE name = 'sa'")
        assert found == [(1, "sa", False, b"\x01")], found
        found = rows(connection, "SELECT source_database_id FROM sys.databases WHERE name = 'master'")
        assert found == [(None,)], found
        with connection.cursor() as cursor:
            cursor.execute("SELECT name, database_id FROM sys.databases WHERE database_id < 3 ORDER BY name")
            assert [column[0] for column in cursor.description] == ["name", "database_id"]
            assert cursor.fetchall() == [("master", 1), ("tempdb", 2)]


def parameters_stay_values():
    with connect(**ADMIN) as connection:
        for name, found in (("msdb", 1), ("x' OR 1 = 1 --", 0), ("ünï 🦀", 0)):
            assert len(rows(connection, "SELECT name FROM sys.databases WHERE name = %s", (name,))) == found, name
        assert rows(connection, "SELECT name FROM sys.databases WHERE database_id = %s", (4,)) == [("msdb",)]


def errors_have_the_servers_numbers():
    with connect(**ADMIN) as connection:
        run(connection, "CREATE LOGIN [twice] WITH PASSWORD = N'Some-pw-12', CHECK_POLICY = ON")
        for expected, sql in (
            (15025, "CREATE LOGIN [twice] WITH PASSWORD = N'Some-pw-12', CHECK_POLICY = ON"),
            (15118, "CREATE LOGIN [weak] WITH PASSWORD = N'weak', CHECK_POLICY = ON"),
            (15151, "DROP LOGIN [nobody]"),
            (911, "EXEC [nowhere].sys.sp_executesql N'SELECT 1'"),
            (208, "SELECT * FROM [dbo].[nothing]"),
            (102, "GIVE ME ALL"),
            (6106, "KILL 32000"),
        ):
            assert number(connection, sql) == expected, (sql, number(connection, sql))
        # It goes on after each of them.
        assert rows(connection, "SELECT 1") == [(1,)]
        run(connection, "DROP LOGIN [twice]")


def what_is_rolled_back_never_was():
    with connect(**ADMIN) as connection:
        exists = "SELECT COUNT(*) FROM sys.server_principals WHERE name = 'maybe'"
        for end, count in (("ROLLBACK", 0), ("COMMIT", 1)):
            run(connection, "BEGIN TRANSACTION")
            run(connection, "CREATE LOGIN [maybe] WITH PASSWORD = N'Some-pw-12'")
            run(connection, f"{end} TRANSACTION")
            assert rows(connection, exists) == [(count,)], end
        run(connection, "DROP LOGIN [maybe]")


def a_session_that_is_killed_ends():
    with connect(**ADMIN) as connection:
        other = connect(**ADMIN)
        spid = rows(other, "SELECT @@SPID")[0][0]
        listed = f"SELECT COUNT(*) FROM sys.dm_exec_sessions WHERE session_id = {spid}"
        assert rows(connection, listed) == [(1,)]
        run(connection, f"KILL {spid}")
        for _ in range(50):
            if rows(connection, listed) == [(0,)]:
                break
            time.sleep(0.05)
        assert rows(connection, listed) == [(0,)]
        try:
            rows(other, "SELECT 1")
        except Exception:  # whatever the client makes of a line that is closed
            return
        raise AssertionError("still alive")


failed = False
for check in (
    logs_in_with_and_without_tls,
    refuses_a_wrong_password_by_number,
    refuses_a_database_that_is_not_there,
    values_have_their_types,
    parameters_stay_values,
    errors_have_the_servers_numbers,
    what_is_rolled_back_never_was,
    a_session_that_is_killed_ends,
):
    name = "python-tds " + check.__name__.replace("_", " ")
    try:
        check()
        print(f"ok {name}", flush=True)
    except Exception as error:
        failed = True
        traceback.print_exc()
        print(f"FAILED {name}: {error!r}", flush=True)
sys.exit(1 if failed else 0)
