# Counts what a suite's log says (sourced by tests/run).

# note_exit SUITE CODE WHAT: a run that ended badly must not pass for want of a line that says so.
note_exit() {
  local log=$LOGS/$1.log
  [ "$2" = 0 ] && return 0
  if [ "$2" = 124 ] || [ "$2" = 137 ]; then
    echo "CHECK failed $1: \`$3\` was still running after $LIMIT s" >>"$log"
  elif ! grep -qE '^test result: FAILED|^([A-Za-z]+: )?[0-9]+ passed, [1-9][0-9]* failed' "$log"; then
    echo "CHECK failed $1: \`$3\` ended with exit code $2" >>"$log"
  fi
}

# check SUITE NAME COMMAND…: one check that is a command, its output in the log.
check() {
  local suite=$1 name=$2 code=0
  shift 2
  echo "-- $name: $*" >>"$LOGS/$suite.log"
  "$@" >>"$LOGS/$suite.log" 2>&1 </dev/null || code=$?
  if [ "$code" = 0 ]; then
    echo "CHECK passed $suite/$name" >>"$LOGS/$suite.log"
  else
    echo "CHECK failed $suite/$name: exit code $code" >>"$LOGS/$suite.log"
  fi
}

# close_suite SUITE SECONDS: the skips with their reasons, the failures, and the closing line.
#
# Three kinds of report are added up: the standard harness's `test result:` lines (where a test that prints SKIPPED and
# returns has "passed", which is taken back), the plain line of our own runners, and the checks above.
close_suite() {
  local suite=$1 took=$2 log=$LOGS/$1.log line counts passed failed skipped
  counts=$(awk '
    match($0, /^test result: [A-Za-z]+\. [0-9]+ passed; [0-9]+ failed; [0-9]+ ignored/) {
      standard = 1; passed += $4; failed += $6; skipped += $8; next
    }
    /^([A-Za-z]+: )?[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$/ {
      sub(/^[A-Za-z]+: /, ""); passed += $1; failed += $3; skipped += $5; next
    }
    /^CHECK passed / { passed++; next }
    /^CHECK failed / { failed++; next }
    /^CHECK skipped / { skipped++; next }
    /SKIPPED .+: / { said++ }
    END {
      if (standard) { passed -= said; skipped += said }
      printf "%d %d %d\n", passed < 0 ? 0 : passed, failed, skipped
    }' "$log")
  read -r passed failed skipped <<<"$counts"
  skip_lines "$log"
  if [ "$failed" != 0 ]; then
    BAD=1
    echo "-- the end of $log:"
    tail -n "${LATCHKEY_TEST_TAIL:-150}" "$log"
  elif [ "$passed" = 0 ]; then
    BAD=1
    echo "FAILED $suite: nothing was executed"
    tail -n 20 "$log"
    failed=1
  fi
  line="$suite: $passed passed, $failed failed, $skipped skipped"
  echo "$line"
  echo "   ($suite took $took s)"
  CLOSING+=("$line")
}

# Every skip by name, with its reason, however its runner put it.
skip_lines() {
  sed -nE \
    -e 's/^CHECK (skipped .*)$/   \1/p' \
    -e 's/^.*SKIPPED (.+: .*)$/   skipped \1/p' \
    -e 's/^skipped +(.+: .*)$/   skipped \1/p' \
    -e 's/^test (.*) \.\.\. ignored(, (.*))?$/   skipped \1: \3/p' "$1" | sort -u
}
