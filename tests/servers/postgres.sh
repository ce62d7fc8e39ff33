#!/usr/bin/env bash
# A private PostgreSQL for tests: postgres.sh DIR PORT
#
# Runs until its standard input closes or it is told to end, then stops the server: whoever starts it cannot leave it
# behind, not even when killed. Prints "ready" once connections are taken. Everything lies under DIR, loopback only.
# Superuser "admin" with $TEST_ADMIN_PASSWORD; SCRAM; TLS offered with the authority DIR/tls/ca.crt; every statement is
# logged as JSON under DIR/data/log.
set -euo pipefail
[ $# = 2 ] || { echo "usage: postgres.sh DIR PORT" >&2; exit 2; }
: "${TEST_ADMIN_PASSWORD:=admin-pw-1}"
umask 022
mkdir -p "$1"; DIR=$(cd "$1" && pwd); PORT=$2
BIN=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n1) || true
[ -x "${BIN:-}/initdb" ] || BIN=$(dirname "$(command -v initdb 2>/dev/null || echo /none/initdb)")
[ -x "$BIN/initdb" ] || { echo "no initdb here (Debian: apt-get install postgresql)" >&2; exit 3; }
command -v openssl >/dev/null || { echo "no openssl here (Debian: apt-get install openssl)" >&2; exit 3; }

certificates() {
  local t=$DIR/tls; mkdir -p "$t"
  for ca in ca other-ca; do
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj "/CN=test $ca" \
      -keyout "$t/$ca.key" -out "$t/$ca.crt" -addext basicConstraints=critical,CA:TRUE 2>/dev/null
  done
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=localhost" \
    -keyout "$t/server.key" -out "$t/server.csr" 2>/dev/null
  # Good for the name localhost only: 127.0.0.1 shows what a wrong name does.
  openssl x509 -req -in "$t/server.csr" -CA "$t/ca.crt" -CAkey "$t/ca.key" -CAcreateserial -days 30 -out "$t/server.crt" \
    -extfile <(printf 'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n') 2>/dev/null
  chmod 600 "$t/server.key"
}
certificates
printf '%s' "$TEST_ADMIN_PASSWORD" >"$DIR/pw"

# The server refuses to be root.
RUN=()
if [ "$(id -u)" = 0 ]; then
  user=postgres; id "$user" >/dev/null 2>&1 || user=nobody
  chown -R "$user" "$DIR"
  RUN=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups env HOME="$DIR")
  "${RUN[@]}" test -w "$DIR" || { echo "$user cannot reach $DIR" >&2; exit 3; }
fi
"${RUN[@]}" "$BIN/initdb" -D "$DIR/data" -U admin -A scram-sha-256 --pwfile="$DIR/pw" -E UTF8 --locale=C --no-sync >"$DIR/log" 2>&1 \
  || { cat "$DIR/log" >&2; exit 1; }
(cd "$DIR" && exec setsid "${RUN[@]}" "$BIN/postgres" -D "$DIR/data" \
  -c listen_addresses=127.0.0.1 -c port="$PORT" -c unix_socket_directories= -c max_connections=60 \
  -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0 \
  -c autovacuum=off -c log_statement=all -c log_destination=jsonlog -c logging_collector=on -c log_directory=log \
  -c log_filename=server.log -c log_file_mode=0644 \
  -c ssl=on -c ssl_cert_file="$DIR/tls/server.crt" -c ssl_key_file="$DIR/tls/server.key" >>"$DIR/log" 2>&1 </dev/null) &
server=$!
# Stopped by its own id only, and gone before we are.
stop() { kill -INT "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }
trap 'stop; exit 0' TERM
trap '' INT HUP
for ((i = 0; i < 200; i++)); do
  "$BIN/pg_isready" -q -h 127.0.0.1 -p "$PORT" && break
  kill -0 "$server" 2>/dev/null || { tail -n 20 "$DIR/log" >&2; exit 1; }
  sleep 0.05
done
echo ready
cat >/dev/null || true
stop
