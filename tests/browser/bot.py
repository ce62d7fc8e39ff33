"""A scripted little app, to see and test the chat page without Latchkey: one request, approved, shown, finished.

Reads SLACK_URL, SLACK_BOT_TOKEN, SLACK_APP_TOKEN; serves the panel's JSON on the port given as its argument.
"""
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from slack_sdk import WebClient
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.response import SocketModeResponse

API = os.environ["SLACK_URL"] + "/api/"
web = WebClient(token=os.environ["SLACK_BOT_TOKEN"], base_url=API)
TARGET = {
    "databases": [{"id": 51, "name": "prod", "status": "active", "publicEndpoint": "redis-1234.example.com:16380"}],
    "users": [{"id": 1, "name": "app-orders", "role": "orders-rw", "status": "active"}],
    "sessions": [], "tasks": [],
}
CARDS = {}


class Panel(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(TARGET).encode())

    def log_message(self, *_):
        pass


def plain(text):
    return {"type": "plain_text", "text": text}


def says(text):
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def button(action, text, **more):
    return {"type": "button", "action_id": action, "text": plain(text), "value": "r7k3f", **more}


def value(name, text):
    pre = {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": text}]}
    return [says(f"*{name}*"), {"type": "rich_text", "elements": [pre]}]


def approver_card():
    at = int(time.time())
    return [
        {"type": "header", "text": plain("Access request R7K3F")},
        {"type": "section", "fields": [plain("ann"), plain("read-write"), plain("redis-cloud / prod"), plain("1 min")]},
        says(f"About <!date^{at}^{{time}}|now> to <!date^{at + 60}^{{time}}|then> (your time)"),
        {"type": "section", "text": plain("cache misses <b>&</b> `code` <!channel>")},
        {"type": "context", "elements": [plain(
            "You, because tag owner=dba on prod names group dba (bob, eve). 0 of 1 votes. Revoking tested 20 s ago.")]},
        {"type": "actions", "elements": [
            button("approve", "Approve 1 min", style="primary"), button("deny", "Deny…", style="danger"),
            button("preview", "What will run")]},
    ]


def card(key, channel, text, blocks):
    if key in CARDS:
        web.chat_update(**CARDS[key], text=text, blocks=blocks)
    else:
        sent = web.chat_postMessage(channel=channel, text=text, blocks=blocks)
        CARDS[key] = {"channel": sent["channel"], "ts": sent["ts"]}


def mine(line, *buttons):
    blocks = [{"type": "header", "text": plain("redis-cloud / prod · read-write")}, says(line)]
    return blocks + ([{"type": "actions", "elements": list(buttons)}] if buttons else [])


def granted():
    card("approver", "U0BOB", "approved", approver_card()[:-1] + [says("Approved by bob 14:41.")])
    card("requester", "U0ANN", "granting", mine("bob approved. Making your account.", button("cancel", "Cancel")))
    time.sleep(1)
    TARGET["users"].append({"id": 2, "name": "jit_7c1e_ann_3f9c21ab", "role": "jitr_rw_prod", "status": "active"})
    card("requester", "U0ANN", "active", mine(
        "Ready until 16:41.", button("show", "Show credential", style="primary"),
        button("finish", "Finish now", confirm={"title": plain("Finish now?"), "text": plain("Sessions end."),
                                                "confirm": plain("Finish"), "deny": plain("Keep")})))
    web.chat_postMessage(channel="U0ANN", text="Ready: *redis-cloud / prod*")


def show(trigger):
    view = {"type": "modal", "title": plain("Your credential"), "close": plain("Close"),
            "blocks": [says("Setting a password…")]}
    opened = web.views_open(trigger_id=trigger, view=view)["view"]
    time.sleep(0.5)
    view["blocks"] = (value("Host", "redis-1234.example.com:16380 (TLS)") + value("User", "jit_7c1e_ann_3f9c21ab")
                      + value("Password", "Ab3dEf6hJk9mNp2rSt5vWx8z")
                      + [{"type": "context", "elements": [plain("Shown once. Blanked in 5 min.")]}])
    web.views_update(view_id=opened["id"], hash=opened["hash"], view=view)
    TARGET["sessions"].append({"id": "c1", "user": "jit_7c1e_ann_3f9c21ab", "age": "2 s"})


def finish():
    TARGET["users"][:] = TARGET["users"][:1]
    TARGET["sessions"].clear()
    card("requester", "U0ANN", "over", mine("Over 16:41:07. Checked: login disabled, 0 sessions.", button("again", "Ask again")))


FORM = {
    "type": "modal", "callback_id": "form", "title": plain("Request access"), "submit": plain("Ask"),
    "close": plain("Cancel"), "blocks": [
        {"type": "input", "block_id": "where", "label": plain("Resource"),
         "element": {"type": "external_select", "action_id": "resource", "min_query_length": 0}},
        {"type": "input", "block_id": "long", "label": plain("Duration"), "element": {
            "type": "static_select", "action_id": "duration",
            "options": [{"text": plain("1 min"), "value": "1m"}, {"text": plain("2 h"), "value": "2h"}]}},
        {"type": "input", "block_id": "why", "optional": True, "label": plain("Reason"), "hint": plain("The approver reads it."),
         "element": {"type": "plain_text_input", "action_id": "reason", "multiline": True}},
    ],
}


def act(request):
    payload = request.payload
    if request.type == "slash_commands" and not payload["text"]:
        web.views_open(trigger_id=payload["trigger_id"], view=FORM)
    elif request.type == "slash_commands" or payload.get("type") == "view_submission":
        CARDS.clear()
        card("approver", "U0BOB", "ann asks", approver_card())
        card("requester", "U0ANN", "pending", mine("Waiting for bob or eve (group dba).", button("cancel", "Cancel")))
    elif request.type == "events_api":
        user = payload["event"]["user"]
        web.views_publish(user_id=user, view={"type": "home", "blocks": [
            {"type": "actions", "elements": [button("form", "Request access", style="primary")]},
            {"type": "header", "text": plain("Waiting for you (0)")}, says("Nothing waits for you.")]})
    elif payload["type"] == "block_actions":
        name = payload["actions"][0]["action_id"]
        {"approve": granted, "finish": finish, "show": lambda: show(payload["trigger_id"]),
         "form": lambda: web.views_open(trigger_id=payload["trigger_id"], view=FORM)}.get(name, lambda: None)()


def take(client, request):
    answer = None
    if request.type == "slash_commands" and request.payload["text"]:
        answer = {"text": "Asked bob and eve. R7K3F, in your messages."}
    if request.payload.get("type") == "block_suggestion":
        answer = {"options": [{"text": plain("redis-cloud / prod"), "value": "prod", "description": plain("tag owner=dba")},
                              {"text": plain("redis-cloud / cache"), "value": "cache"}]}
    client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id, payload=answer))
    threading.Thread(target=act, args=(request,)).start()


def main():
    client = SocketModeClient(app_token=os.environ["SLACK_APP_TOKEN"], web_client=WebClient(token=os.environ["SLACK_BOT_TOKEN"], base_url=API))
    client.socket_mode_request_listeners.append(take)
    client.connect()
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Panel).serve_forever()


if __name__ == "__main__":
    main()
