#!/usr/bin/env bash
# A private RabbitMQ with its management API for tests: rabbitmq.sh DIR HTTP AMQP DIST EPMD  (four ports)
#
# Runs until its standard input closes or it is told to end, then stops the broker: whoever starts it cannot leave it
# behind, not even when killed. Prints "ready" once both ports answer. Everything lies under DIR, loopback only.
# User "admin" (tag administrator) with $TEST_ADMIN_PASSWORD.
set -euo pipefail
[ $# = 5 ] || { echo "usage: rabbitmq.sh DIR HTTP AMQP DIST EPMD" >&2; exit 2; }
: "${TEST_ADMIN_PASSWORD:=admin-pw-1}"
umask 022
mkdir -p "$1"; DIR=$(cd "$1" && pwd); HTTP=$2 AMQP=$3 DIST=$4 EPMD=$5
BROKER=/usr/lib/rabbitmq/bin/rabbitmq-server
[ -x "$BROKER" ] || { echo "no rabbitmq-server here (Debian: apt-get install rabbitmq-server)" >&2; exit 3; }
NAMES=$(command -v epmd) || { echo "no epmd here (Debian: apt-get install erlang-base)" >&2; exit 3; }

cat >"$DIR/rabbitmq.conf" <<CONF
listeners.tcp.1 = 127.0.0.1:$AMQP
management.tcp.ip = 127.0.0.1
management.tcp.port = $HTTP
default_user = admin
default_pass = $TEST_ADMIN_PASSWORD
default_user_tags.administrator = true
log.console = true
log.file = false
CONF
echo '[rabbitmq_management].' >"$DIR/enabled_plugins"

# Debian's account for it, where we are root.
RUN=()
if [ "$(id -u)" = 0 ]; then
  user=rabbitmq; id "$user" >/dev/null 2>&1 || user=nobody
  chown -R "$user" "$DIR"
  RUN=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups)
  "${RUN[@]}" test -w "$DIR" || { echo "$user cannot reach $DIR" >&2; exit 3; }
fi
# Nothing of the machine's own broker is read or joined: not its configuration, cookie or name service.
RUN+=(env -i PATH="$PATH" HOME="$DIR" LANG=C.UTF-8 ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT="$EPMD"
  RABBITMQ_NODENAME="latchkey$HTTP@localhost" RABBITMQ_DIST_PORT="$DIST" RABBITMQ_CONF_ENV_FILE=/dev/null
  RABBITMQ_CONFIG_FILE="$DIR/rabbitmq.conf" RABBITMQ_ENABLED_PLUGINS_FILE="$DIR/enabled_plugins"
  RABBITMQ_MNESIA_BASE="$DIR/mnesia" RABBITMQ_LOG_BASE="$DIR/logs" RABBITMQ_PID_FILE="$DIR/beam.pid"
  RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none')
cd "$DIR"
setsid "${RUN[@]}" "$NAMES" >>"$DIR/log" 2>&1 </dev/null &
names=$!
setsid "${RUN[@]}" "$BROKER" >>"$DIR/log" 2>&1 </dev/null &
server=$!
# Stopped by their own ids only, and gone before we are. The broker is a child of the script that starts it.
stop() {
  local beam; beam=$(cat "$DIR/beam.pid" 2>/dev/null || true)
  for pid in $beam "$server"; do kill -TERM "$pid" 2>/dev/null || true; done
  for ((i = 0; i < 100; i++)); do kill -0 "$server" 2>/dev/null || break; sleep 0.1; done
  for pid in $beam "$server"; do kill -KILL "$pid" 2>/dev/null || true; done
  wait "$server" 2>/dev/null || true
  kill -TERM "$names" 2>/dev/null || true; wait "$names" 2>/dev/null || true
}
trap 'stop; exit 0' TERM
trap '' INT HUP
answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
for ((i = 0; i < 900; i++)); do
  answers "$HTTP" && answers "$AMQP" && break
  kill -0 "$server" 2>/dev/null || { tail -n 20 "$DIR/log" >&2; stop; exit 1; }
  sleep 0.1
done
answers "$HTTP" && answers "$AMQP" || { tail -n 20 "$DIR/log" >&2; stop; exit 1; }
echo ready
cat >/dev/null || true
stop
