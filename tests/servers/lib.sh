# What the scripts that start private servers share (sourced, not run).
: "${TEST_ADMIN_PASSWORD:=admin-pw-1}"
umask 022

begin() { # DIR PORT
  mkdir -p "$1"
  DIR=$(cd "$1" && pwd)
  PORT=$2
}

# Where mysql-install.sh puts MySQL: as root in a folder that is open to the account which runs the server.
mysql_home() {
  if [ -n "${LATCHKEY_TEST_MYSQL:-}" ]; then
    echo "$LATCHKEY_TEST_MYSQL"
  elif [ "$(id -u)" = 0 ]; then
    echo /var/cache/latchkey-tests/mysql
  else
    echo "${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/latchkey-tests/mysql"
  fi
}

find_tool() { # PATH NAME
  if [ -x "$1" ]; then echo "$1"; else command -v "$2"; fi
}

# Two authorities, and a certificate of the first for the name localhost only: 127.0.0.1 shows what a wrong name does.
certificates() {
  command -v openssl >/dev/null || { echo "no openssl here (Debian: apt-get install openssl)" >&2; exit 3; }
  local t=$DIR/tls ca
  mkdir -p "$t"
  for ca in ca other-ca; do
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj "/CN=test $ca" \
      -keyout "$t/$ca.key" -out "$t/$ca.crt" -addext basicConstraints=critical,CA:TRUE 2>/dev/null
  done
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=localhost" \
    -keyout "$t/server.key" -out "$t/server.csr" 2>/dev/null
  openssl x509 -req -in "$t/server.csr" -CA "$t/ca.crt" -CAkey "$t/ca.key" -CAcreateserial -days 30 -out "$t/server.crt" \
    -extfile <(printf 'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n') 2>/dev/null
  chmod 600 "$t/server.key"
}

# As root, gives DIR to USER (nobody, if there is no such user) and sets RUN to what runs a command as it.
RUN=()
drop_root() { # USER
  [ "$(id -u)" = 0 ] || return 0
  local user=$1
  id "$user" >/dev/null 2>&1 || user=nobody
  chown -R "$user" "$DIR"
  RUN=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups env HOME="$DIR")
  "${RUN[@]}" test -w "$DIR" || { echo "$user cannot reach $DIR" >&2; exit 3; }
}

# Runs the server until nobody holds our input open any more. It is stopped by its own id only, and gone before we are.
hold() { # COMMAND…
  (cd "$DIR" && exec setsid "$@" >>"$DIR/log" 2>&1 </dev/null) &
  SERVER_PID=$!
  stop() { kill -TERM "$SERVER_PID" 2>/dev/null || true; wait "$SERVER_PID" 2>/dev/null || true; }
  trap 'stop; exit 0' TERM
  trap '' INT HUP
  local i
  for ((i = 0; i < 1200; i++)); do
    (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null && break
    kill -0 "$SERVER_PID" 2>/dev/null || { tail -n 20 "$DIR/log" >&2; exit 1; }
    sleep 0.05
  done
  echo ready
  cat >/dev/null || true
  stop
}
