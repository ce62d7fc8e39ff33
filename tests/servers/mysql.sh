#!/usr/bin/env bash
# A private MySQL for tests: mysql.sh DIR PORT
#
# The one that $LATCHKEY_TEST_MYSQL names, as mysql-install.sh leaves it (its own libraries, started by its own loader).
# Runs until its standard input closes or it is told to end, then stops the server: whoever starts it cannot leave it
# behind, not even when killed. Prints "ready" once connections are taken. Everything lies under DIR, loopback only.
# Account admin@% with $TEST_ADMIN_PASSWORD; TLS offered with the authority DIR/tls/ca.crt; every statement is in the table
# mysql.general_log. DIR/mysql is its client.
set -euo pipefail
[ $# = 2 ] || { echo "usage: mysql.sh DIR PORT" >&2; exit 2; }
. "$(dirname "$0")/lib.sh"
ROOT=$(mysql_home)/root
LIBRARIES=$ROOT/usr/lib/x86_64-linux-gnu
[ -x "$LIBRARIES/ld-linux-x86-64.so.2" ] || { echo "no MySQL here (tests/run fetches it from Debian's unstable)" >&2; exit 3; }
begin "$@"
certificates
printf "CREATE USER admin@'%%' IDENTIFIED BY '%s';\nGRANT ALL ON *.* TO admin@'%%' WITH GRANT OPTION;\n" \
  "$TEST_ADMIN_PASSWORD" >"$DIR/init.sql"
printf '#!/bin/sh\nexec %s --library-path %s %s "$@"\n' "$LIBRARIES/ld-linux-x86-64.so.2" \
  "$LIBRARIES:$ROOT/usr/lib/mysql/private" "$ROOT/usr/bin/mysql" >"$DIR/mysql"
chmod 755 "$DIR/mysql"
drop_root mysql
"${RUN[@]}" test -r "$LIBRARIES/ld-linux-x86-64.so.2" || { echo "the account that runs the server cannot read $ROOT" >&2; exit 3; }
SERVER=("${RUN[@]}" "$LIBRARIES/ld-linux-x86-64.so.2" --library-path "$LIBRARIES:$ROOT/usr/lib/mysql/private"
  "$ROOT/usr/sbin/mysqld" --no-defaults --basedir="$ROOT/usr" --datadir="$DIR/data" --lc-messages-dir="$ROOT/usr/share/mysql"
  --plugin-dir="$ROOT/usr/lib/mysql/plugin" --tmpdir="$DIR" --secure-file-priv= --innodb-redo-log-capacity=16M
  --innodb-buffer-pool-size=32M --skip-log-bin)
"${SERVER[@]}" --initialize-insecure >"$DIR/log" 2>&1 || { tail -n 20 "$DIR/log" >&2; exit 1; }
hold "${SERVER[@]}" --socket="$DIR/s.sock" --port="$PORT" --bind-address=127.0.0.1 --mysqlx=OFF --pid-file="$DIR/own.pid" \
  --init-file="$DIR/init.sql" --skip-name-resolve --innodb-flush-log-at-trx-commit=0 --skip-innodb-doublewrite \
  --general-log=1 --log-output=TABLE \
  --ssl-cert="$DIR/tls/server.crt" --ssl-key="$DIR/tls/server.key" --ssl-ca="$DIR/tls/ca.crt"
