"""Requests signed by slack_sdk's SignatureVerifier against an endpoint of ours in HTTP mode.

Usage: sender.py URL [TEAM]. Reads SLACK_SIGNING_SECRET. Good ones are accepted; tampered, forged, old, future and
unsigned ones get 401; one that is too large gets 413 (or 401), soon. A replay is sent as `sender.py` ends, and its
command id printed as `replayed TRIGGER_ID`, for the caller to see that it acted once.
"""
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from slack_sdk.signature import SignatureVerifier

ENDPOINT = sys.argv[1]
TEAM = sys.argv[2] if len(sys.argv) > 2 else "T0TEAM"
verifier = SignatureVerifier(os.environ["SLACK_SIGNING_SECRET"])
FORM = "application/x-www-form-urlencoded"


def command(text="help", user="U0ANN", trigger="1.2.peer"):
    return urllib.parse.urlencode({
        "token": "unused", "team_id": TEAM, "team_domain": "example", "channel_id": "D0000ANN",
        "channel_name": "directmessage", "user_id": user, "user_name": "ann", "command": "/access", "text": text,
        "api_app_id": "A0LATCHKEY", "is_enterprise_install": "false",
        "response_url": "http://127.0.0.1:9/nowhere", "trigger_id": trigger,
    })


def post(body, timestamp=None, signature=None, kind=FORM, signed=True):
    timestamp = str(int(time.time()) if timestamp is None else timestamp)
    signature = signature or verifier.generate_signature(timestamp=timestamp, body=body)
    headers = {"content-type": kind}
    if signed:
        headers |= {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": signature}
    request = urllib.request.Request(ENDPOINT, body.encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except (urllib.error.URLError, ConnectionError):
        return 0


def a_good_one_is_accepted():
    assert post(command()) == 200


def a_tampered_body_is_refused():
    now = int(time.time())
    good = verifier.generate_signature(timestamp=str(now), body=command())
    assert post(command(text="redis-cloud prod 2h"), now, good) == 401


def another_secret_is_refused():
    now = int(time.time())
    forged = SignatureVerifier("another secret").generate_signature(timestamp=str(now), body=command())
    assert post(command(), now, forged) == 401


def six_minutes_old_is_refused():
    assert post(command(), int(time.time()) - 360) == 401


def six_minutes_ahead_is_refused():
    assert post(command(), int(time.time()) + 360) == 401


def a_moved_timestamp_is_refused():
    now = int(time.time())
    signature = verifier.generate_signature(timestamp=str(now - 360), body=command())
    assert post(command(), now, signature) == 401


def unsigned_is_refused():
    assert post(command(), signed=False) == 401


def garbage_for_a_signature_is_refused():
    for garbage in ("v0=", "v0=zz", "v1=00", "=", "v0=" + "0" * 64):
        assert post(command(), signature=garbage) == 401, garbage
    assert post(command(), timestamp="soon", signature="v0=00") == 401


def five_megabytes_are_refused_soon():
    begun = time.monotonic()
    assert post("x=" + "y" * 5_000_000) in (413, 401, 0)
    assert time.monotonic() - begun < 5
    assert post(command(trigger="1.3.peer")) == 200


def the_url_is_verified_by_its_challenge():
    body = json.dumps({"token": "unused", "challenge": "c0ffee", "type": "url_verification"})
    assert post(body, kind="application/json") == 200


CHECKS = [a_good_one_is_accepted, a_tampered_body_is_refused, another_secret_is_refused, six_minutes_old_is_refused,
          six_minutes_ahead_is_refused, a_moved_timestamp_is_refused, unsigned_is_refused,
          garbage_for_a_signature_is_refused, five_megabytes_are_refused_soon]
if os.environ.get("SLACK_EVENTS_HERE"):
    CHECKS.append(the_url_is_verified_by_its_challenge)


def main():
    failed = 0
    for one in CHECKS:
        name = "python, to us: " + one.__name__.replace("_", " ")
        try:
            one()
            print(f"ok {name}", flush=True)
        except Exception as error:  # noqa: BLE001
            failed += 1
            print(f"FAILED {name}: {type(error).__name__} {error}", flush=True)
    now = int(time.time())
    trigger = f"replay.{now}"
    body = command(trigger=trigger)
    signature = verifier.generate_signature(timestamp=str(now), body=body)
    post(body, now, signature)
    post(body, now, signature)
    print(f"replayed {trigger}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
