# Finds or installs what the suites need (sourced by tests/run). Whatever cannot be had is said, not hidden: the tests
# that need it then skip or fail by name.

# Tools are built once for the machine, not once for each clone.
TOOLS=${LATCHKEY_TEST_TOOLS:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/latchkey-tests}
CARGO_DENY_VERSION=0.20.2

missing() { echo "   missing: $*"; }

has_deb() { dpkg -s "$1" 2>/dev/null | grep -q '^Status: install ok installed'; }

# need_debs PACKAGE…: only what is not there, and none of their services is started.
need_debs() {
  local package absent=() kept=1 code=0
  for package; do
    case $package in
      postgresql) compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || absent+=("$package") ;;
      redis-server | chromium | npm | gcc) command -v "$package" >/dev/null || absent+=("$package") ;;
      nodejs) command -v node >/dev/null || absent+=("$package") ;;
      python3-venv) python3 -c 'import ensurepip, venv' 2>/dev/null || absent+=("$package") ;;
      *) has_deb "$package" || absent+=("$package") ;;
    esac
  done
  [ ${#absent[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    missing "${absent[*]} (as root on Debian this installs them: apt-get install ${absent[*]})"
    return 0
  fi
  echo "   installing ${absent[*]}"
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    kept=0
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
  fi
  apt-get -q -o DPkg::Lock::Timeout=300 update >/dev/null 2>&1
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 \
    install "${absent[@]}" >"$LOGS/apt.log" 2>&1 </dev/null || code=$?
  [ "$kept" = 1 ] || rm -f /usr/sbin/policy-rc.d
  [ "$code" = 0 ] || { tail -n 5 "$LOGS/apt.log"; missing "${absent[*]}: apt-get did not install them"; }
}

need_cc() { command -v cc >/dev/null || need_debs gcc libc6-dev; }

need_rust_component() { # NAME COMMAND
  cargo "$2" --version >/dev/null 2>&1 && return 0
  command -v rustup >/dev/null && rustup component add "$1" >/dev/null 2>&1 && return 0
  missing "cargo $2 (rustup component add $1)"
  return 1
}

# Sets DENY to a cargo-deny; without one, to nothing.
need_deny() {
  local begun=$SECONDS
  DENY=$(command -v cargo-deny) && return 0
  DENY=$TOOLS/cargo-deny/bin/cargo-deny
  if [ "$("$DENY" --version 2>/dev/null)" != "cargo-deny $CARGO_DENY_VERSION" ]; then
    echo "   installing cargo-deny $CARGO_DENY_VERSION (once)"
    # A debug build: it compiles in half the time and checks this tree in seconds all the same.
    if ! timeout 1200 cargo install --quiet --locked --debug --root "$TOOLS/cargo-deny" \
      "cargo-deny@$CARGO_DENY_VERSION" >"$LOGS/cargo-deny.log" 2>&1 </dev/null; then
      missing "cargo-deny: cargo install failed"
      DENY=
      return 0
    fi
    echo "   installed in $((SECONDS - begun)) s"
  fi
}

# Slack's own clients, at the versions that tests/peers pins, kept by the digest of those pins.
need_peers() {
  local python=$TOOLS/python node=$TOOLS/node want
  if [ -e tests/peers/requirements.txt ]; then
    want=$(sha256sum <tests/peers/requirements.txt)
    if [ "$(cat "$python/.want" 2>/dev/null)" != "$want" ]; then
      rm -rf "$python"
      # shellcheck disable=SC2015
      python3 -m venv "$python" >>"$LOGS/peers-install.log" 2>&1 &&
        "$python/bin/pip" install -q --disable-pip-version-check -r tests/peers/requirements.txt \
          >>"$LOGS/peers-install.log" 2>&1 </dev/null && echo "$want" >"$python/.want" ||
        missing "the Python packages of tests/peers/requirements.txt: $(tail -n 1 "$LOGS/peers-install.log")"
    fi
    [ ! -e "$python/.want" ] || export LATCHKEY_TEST_PYTHON=$python/bin/python
  fi
  if [ -e tests/peers/package.json ]; then
    want=$(sha256sum <tests/peers/package.json)
    if [ "$(cat "$node/.want" 2>/dev/null)" != "$want" ]; then
      rm -rf "$node"
      mkdir -p "$node"
      cp tests/peers/package*.json "$node/"
      # shellcheck disable=SC2015
      (cd "$node" && npm install --silent --ignore-scripts --no-audit --no-fund) \
        >>"$LOGS/peers-install.log" 2>&1 </dev/null && echo "$want" >"$node/.want" ||
        missing "the Node packages of tests/peers/package.json: $(tail -n 1 "$LOGS/peers-install.log")"
    fi
    [ ! -e "$node/.want" ] || export LATCHKEY_TEST_NODE=$node
  fi
}

# A real MySQL, unpacked and not installed.
need_mysql() {
  local said
  # shellcheck source=/dev/null
  LATCHKEY_TEST_MYSQL=$(. tests/servers/lib.sh && mysql_home)
  export LATCHKEY_TEST_MYSQL
  [ ! -s "$LATCHKEY_TEST_MYSQL/complete" ] || return 0
  echo "   fetching MySQL (once)"
  said=$(tests/servers/mysql-install.sh "$LATCHKEY_TEST_MYSQL" 2>&1 </dev/null) || missing "MySQL: $said"
}

need_chromium() {
  local name
  [ -z "${LATCHKEY_TEST_CHROMIUM:-}" ] || return 0
  for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then
      LATCHKEY_TEST_CHROMIUM=$(command -v "$name")
      export LATCHKEY_TEST_CHROMIUM
      return 0
    fi
  done
}
