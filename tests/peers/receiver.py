"""An app in HTTP mode made of slack_sdk's SignatureVerifier: checks what our server signs.

Usage: receiver.py PORT. Reads SLACK_URL and SLACK_SIGNING_SECRET; acts through SLACK_URL's control routes.
"""
import json
import os
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from slack_sdk.signature import SignatureVerifier

URL = os.environ["SLACK_URL"]
verifier = SignatureVerifier(os.environ["SLACK_SIGNING_SECRET"])
SEEN = []


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        valid = verifier.is_valid_request(body, dict(self.headers))
        SEEN.append((valid, body, self.headers))
        answer = b""
        if valid and self.headers["content-type"].startswith("application/json"):
            answer = json.loads(body).get("challenge", "").encode()
        elif valid and "command=" in body:
            answer = b'{"text": "over HTTP"}'
        self.send_response(200 if valid else 401)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def demo(path, **body):
    request = urllib.request.Request(
        f"{URL}/_demo/{path}", json.dumps(body).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def command(fault=None):
    if fault is not None:
        demo("fault", what="delivery", fault=fault)
    status, answer = demo("type", user="ann", line="/access redis-cloud prod 2h")
    return status, answer, SEEN.pop()


def commands_are_signed():
    status, answer, (valid, body, headers) = command()
    assert valid and (status, answer["reply"]) == (200, "over HTTP")
    fields = urllib.parse.parse_qs(body)
    assert fields["command"] == ["/access"] and fields["text"] == ["redis-cloud prod 2h"]


def events_are_signed():
    demo("home", user="ann")
    valid, body, _ = SEEN.pop()
    assert valid and json.loads(body)["event"]["type"] == "app_home_opened"


def shortcuts_come_as_a_payload_field():
    demo("shortcut", user="ann", callback_id="request_access")
    valid, body, _ = SEEN.pop()
    assert valid and json.loads(urllib.parse.parse_qs(body)["payload"][0])["type"] == "shortcut"


def forged_tampered_and_old_ones_are_refused():
    for fault in ("forged", "tampered", {"old": 360}):
        status, answer, (valid, _, _) = command(fault)
        assert not valid and status == 502 and "401" in answer["error"], (fault, status, answer)


def a_replay_bears_the_same_signature():
    _, _, second = command("duplicate")
    first = SEEN.pop()
    assert first[0] and second[0] and first[1] == second[1]
    assert first[2]["X-Slack-Signature"] == second[2]["X-Slack-Signature"]


CHECKS = [commands_are_signed, events_are_signed, shortcuts_come_as_a_payload_field,
          forged_tampered_and_old_ones_are_refused, a_replay_bears_the_same_signature]


def main():
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    failed = 0
    for one in CHECKS:
        name = "python, signed: " + one.__name__.replace("_", " ")
        try:
            one()
            print(f"ok {name}", flush=True)
        except Exception as error:  # noqa: BLE001
            failed += 1
            print(f"FAILED {name}: {type(error).__name__} {error}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
