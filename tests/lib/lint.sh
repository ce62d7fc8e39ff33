# The suite `lint` (sourced by tests/run).

run_lint() {
  if need_rust_component rustfmt fmt; then
    check lint fmt cargo fmt --check
  else
    echo "CHECK failed lint/fmt: no rustfmt here" >>"$LOGS/lint.log"
  fi
  if need_rust_component clippy clippy; then
    check lint clippy cargo clippy --quiet --all-targets -- -D warnings
  else
    echo "CHECK failed lint/clippy: no clippy here" >>"$LOGS/lint.log"
  fi
  need_deny
  local what
  for what in bans licenses sources; do
    if [ -n "$DENY" ]; then
      check lint "$what" "$DENY" --log-level warn check "$what"
    else
      echo "CHECK skipped lint/$what: no cargo-deny, and it could not be installed" >>"$LOGS/lint.log"
    fi
  done
  lint_advisories
}

# Known holes and abandoned crates. Their database is a git repository that not every machine reaches.
lint_advisories() {
  local said=$LOGS/advisories.log code=0
  if [ -z "$DENY" ]; then
    echo "CHECK skipped lint/advisories: no cargo-deny, and it could not be installed" >>"$LOGS/lint.log"
    return 0
  fi
  timeout 120 "$DENY" --log-level warn check advisories >"$said" 2>&1 </dev/null || code=$?
  cat "$said" >>"$LOGS/lint.log"
  if [ "$code" = 0 ]; then
    echo "CHECK passed lint/advisories" >>"$LOGS/lint.log"
  elif [ "$code" = 124 ] || grep -qiE 'failed to (fetch|clone|load|open).*(advisory|database)|advisory.database' "$said"; then
    echo "CHECK skipped lint/advisories: not run, the advisory database cannot be fetched here" >>"$LOGS/lint.log"
  else
    echo "CHECK failed lint/advisories: exit code $code" >>"$LOGS/lint.log"
  fi
}
