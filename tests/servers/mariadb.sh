#!/usr/bin/env bash
# A private MariaDB for tests: mariadb.sh DIR PORT
#
# Runs until its standard input closes or it is told to end, then stops the server: whoever starts it cannot leave it
# behind, not even when killed. Prints "ready" once connections are taken. Everything lies under DIR, loopback only.
# Account admin@% with $TEST_ADMIN_PASSWORD; TLS offered with the authority DIR/tls/ca.crt; every statement is in the table
# mysql.general_log.
set -euo pipefail
[ $# = 2 ] || { echo "usage: mariadb.sh DIR PORT" >&2; exit 2; }
. "$(dirname "$0")/lib.sh"
begin "$@"
SERVER=$(find_tool /usr/sbin/mariadbd mariadbd) || { echo "no mariadbd here (Debian: apt-get install mariadb-server-core)" >&2; exit 3; }
INSTALL=$(find_tool /usr/bin/mariadb-install-db mariadb-install-db) || { echo "no mariadb-install-db here" >&2; exit 3; }
certificates
printf "CREATE OR REPLACE USER admin@'%%' IDENTIFIED BY '%s';\nGRANT ALL ON *.* TO admin@'%%' WITH GRANT OPTION;\n" \
  "$TEST_ADMIN_PASSWORD" >"$DIR/init.sql"
drop_root mysql
"${RUN[@]}" "$INSTALL" --no-defaults --datadir="$DIR/data" --auth-root-authentication-method=normal --skip-test-db \
  >"$DIR/log" 2>&1 || { cat "$DIR/log" >&2; exit 1; }
hold "${RUN[@]}" "$SERVER" --no-defaults --datadir="$DIR/data" --socket="$DIR/s.sock" --port="$PORT" --bind-address=127.0.0.1 \
  --pid-file="$DIR/own.pid" --init-file="$DIR/init.sql" --skip-name-resolve --performance-schema=OFF \
  --innodb-flush-log-at-trx-commit=0 --innodb-buffer-pool-size=32M --innodb-log-file-size=8M --general-log=1 --log-output=TABLE \
  --ssl-cert="$DIR/tls/server.crt" --ssl-key="$DIR/tls/server.key" --ssl-ca="$DIR/tls/ca.crt"
