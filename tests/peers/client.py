"""Slack's own Python client against our Slack-compatible server: Web API and Socket Mode.

Reads SLACK_URL, SLACK_BOT_TOKEN, SLACK_APP_TOKEN. Prints `ok NAME` or `FAILED NAME: why` for each check.
"""
import http.client
import json
import os
import queue
import sys
import threading
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.models.blocks import (
    ActionsBlock, ButtonElement, ConfirmObject, ContextBlock, DividerBlock, ExternalDataSelectElement, HeaderBlock,
    InputBlock, MarkdownTextObject, Option, PlainTextInputElement, PlainTextObject, RichTextBlock, SectionBlock,
    StaticSelectElement,
)
from slack_sdk.models.views import View
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.webhook import WebhookClient

URL = os.environ["SLACK_URL"]
API = f"{URL}/api/"
BOT = os.environ["SLACK_BOT_TOKEN"]
APP = os.environ["SLACK_APP_TOKEN"]
web = WebClient(token=BOT, base_url=API)
CHECKS = []


def check(f):
    CHECKS.append(f)
    return f


def refused(code, call, **arguments):
    """The call answers ok: false with this code; the answer is returned."""
    try:
        call(**arguments)
    except SlackApiError as error:
        assert error.response["error"] == code, f"{error.response['error']} instead of {code}"
        return error.response
    raise AssertionError(f"accepted, not refused with {code}")


def demo(path, **body):
    """Acts as a person; answers (status, JSON)."""
    request = urllib.request.Request(
        f"{URL}/_demo/{path}", json.dumps(body).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def screen(user):
    with urllib.request.urlopen(f"{URL}/_demo/screen?user={user}", timeout=20) as answer:
        return answer.read().decode()


def until(what, seconds=5.0):
    end = time.monotonic() + seconds
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


class App:
    """A small app on a socket: takes what comes, answers as the running check says."""

    def __init__(self, **options):
        self.seen = queue.Queue()
        self.answer = lambda request: None
        self.acks = lambda request: True
        self.client = SocketModeClient(
            app_token=APP, web_client=WebClient(token=BOT, base_url=API), ping_interval=2, **options)
        self.client.socket_mode_request_listeners.append(self.take)

    def take(self, client, request):
        self.seen.put(request)
        if self.acks(request):
            client.send_socket_mode_response(
                SocketModeResponse(envelope_id=request.envelope_id, payload=self.answer(request)))

    def next(self, seconds=5):
        return self.seen.get(timeout=seconds)

    def __enter__(self):
        self.client.connect()
        until(self.client.is_connected)
        return self

    def __exit__(self, *_):
        self.client.close()


CARD = [
    HeaderBlock(text="Access request R7K3F"),
    SectionBlock(text=MarkdownTextObject(text="*ann* asks <!date^1700000000^{time}|22:13>")),
    SectionBlock(fields=[PlainTextObject(text="what"), PlainTextObject(text="prod")]),
    DividerBlock(),
    RichTextBlock(elements=[{"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "GET x"}]}]),
    ContextBlock(elements=[PlainTextObject(text="You, because of the tag.")]),
    ActionsBlock(elements=[
        ButtonElement(text="Approve 2 h", action_id="approve", value="r7k3f", style="primary",
                      confirm=ConfirmObject(title="Sure?", text="Really", confirm="Yes", deny="No")),
        ButtonElement(text="Deny…", action_id="deny", value="r7k3f", style="danger"),
    ]),
]

FORM = View(
    type="modal", callback_id="form", title="Request access", submit="Ask", close="Cancel", private_metadata="m",
    blocks=[
        InputBlock(block_id="where", label="Resource",
                   element=ExternalDataSelectElement(action_id="resource", placeholder="Find", min_query_length=0)),
        InputBlock(block_id="long", label="Duration", element=StaticSelectElement(
            action_id="duration", options=[Option(text="1 h", value="1h"), Option(text="2 h", value="2h")])),
        InputBlock(block_id="why", label="Reason", optional=True,
                   element=PlainTextInputElement(action_id="reason", multiline=True, max_length=124)),
    ])


@check
def auth_knows_the_token():
    me = web.auth_test()
    assert me["team_id"] == "T0TEAM" and me["bot_id"].startswith("B") and me["user_id"].startswith("U")
    refused("invalid_auth", WebClient(token="xoxb-other", base_url=API).auth_test)
    refused("not_allowed_token_type", WebClient(token=APP, base_url=API).auth_test)
    refused("not_allowed_token_type", web.apps_connections_open, app_token=BOT)
    refused("not_authed", WebClient(base_url=API).auth_test)


@check
def posting_to_a_person_opens_the_direct_message():
    sent = web.chat_postMessage(channel="U0ANN", text="hello", blocks=CARD)
    assert sent["channel"].startswith("D") and sent["message"]["bot_id"]
    assert web.conversations_open(users="U0ANN")["channel"]["id"] == sent["channel"]
    refused("channel_not_found", web.chat_postMessage, channel="U0GONE", text="hello")
    refused("user_disabled", web.conversations_open, users="U0GONE")


@check
def models_of_the_client_pass_both_checks():
    for block in CARD:
        block.validate_json()
    FORM.validate_json()
    web.chat_postMessage(channel="C0DBA", text="card", blocks=CARD)


@check
def limits_hold():
    def post(blocks, **more):
        return refused("invalid_blocks", web.chat_postMessage, channel="C0DBA", text="x", blocks=blocks, **more)

    section = {"type": "section", "text": {"type": "mrkdwn", "text": "x"}}
    button = {"type": "button", "action_id": "a", "text": {"type": "plain_text", "text": "x"}}
    answer = post([{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}])
    assert "/blocks/0/text/text" in answer["response_metadata"]["messages"][0]
    post([section] * 51)
    post([{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}])
    post([{"type": "section", "text": {"type": "mrkdwn", "text": ""}}])
    post([{"type": "section", "fields": [{"type": "mrkdwn", "text": "x"}] * 11}])
    post([{"type": "actions", "elements": [button, button]}])
    post([{"type": "actions", "elements": [{**button, "value": "v" * 2001}]}])
    post([{"type": "actions", "elements": [{**button, "colour": "red"}]}])
    post([{"type": "actions", "elements": [{**button, "text": {"type": "mrkdwn", "text": "x"}}]}])
    post([{"type": "no_such_block"}])
    post([{**section, "block_id": "b"}, {**section, "block_id": "b"}])
    refused("msg_blocks_too_long", web.chat_postMessage, channel="C0DBA", text="x",
            blocks=[{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2900}}] * 5)
    refused("msg_too_long", web.chat_postMessage, channel="C0DBA", text="x" * 40001)
    refused("no_text", web.chat_postMessage, channel="C0DBA", text="")


@check
def only_own_messages_are_edited():
    sent = web.chat_postMessage(channel="C0DBA", text="first", blocks=CARD)
    here = {"channel": sent["channel"], "ts": sent["ts"]}
    kept = web.chat_update(**here, text="second")
    assert kept["message"]["blocks"][0]["type"] == "header", "absent blocks must stay"
    gone = web.chat_update(**here, text="third", blocks=[])
    assert "blocks" not in gone["message"] and gone["message"]["edited"]
    refused("message_not_found", web.chat_update, channel="C0DBA", ts="1.000001", text="x")
    refused("channel_not_found", web.chat_update, channel="U0ANN", ts=here["ts"], text="x")
    ephemeral = web.chat_postEphemeral(channel="C0DBA", user="U0ANN", text="psst")
    refused("message_not_found", web.chat_update, channel="C0DBA", ts=ephemeral["message_ts"], text="x")
    refused("user_not_in_channel", web.chat_postEphemeral, channel="C0DBA", user="U0JOE", text="psst")
    web.chat_delete(**here)
    refused("message_not_found", web.chat_delete, **here)


@check
def channels_the_app_is_not_in_are_closed():
    refused("not_in_channel", web.chat_postMessage, channel="C0OPEN", text="x")
    refused("channel_not_found", web.chat_postMessage, channel="C0SECRET", text="x")
    refused("channel_not_found", web.conversations_info, channel="C0SECRET")
    assert web.conversations_info(channel="C0SHARED")["channel"]["is_ext_shared"] is True
    names = {c["name"] for page in web.conversations_list(limit=1) for c in page["channels"]}
    assert {"dba", "open", "shared"} <= names, names


@check
def people_and_groups_are_found():
    ann = web.users_lookupByEmail(email="ann@example.com")["user"]
    assert ann["id"] == "U0ANN" and ann["profile"]["email"] == "ann@example.com" and ann["is_restricted"] is False
    refused("users_not_found", web.users_lookupByEmail, email="nobody@example.com")
    refused("users_not_found", web.users_lookupByEmail, email="unsure@example.com")
    guest = web.users_info(user="U0GUEST")["user"]
    assert guest["is_restricted"] and guest["is_ultra_restricted"]
    assert web.users_info(user="U0GONE")["user"]["deleted"] is True
    refused("user_not_found", web.users_info, user="U0NOBODY")
    assert web.usergroups_users_list(usergroup="S0ENG")["users"] == ["U0ANN", "U0BOB"]
    refused("no_such_subteam", web.usergroups_users_list, usergroup="S0NONE")


@check
def rate_limits_carry_retry_after():
    demo("fault", what="call", method="chat.postMessage", fault={"rate_limited": 1}, times=1)
    answer = refused("ratelimited", web.chat_postMessage, channel="C0DBA", text="x")
    assert answer.status_code == 429 and answer.headers["retry-after"] == "1"
    demo("fault", what="call", method="chat.postMessage", fault={"rate_limited": 1}, times=1)
    patient = WebClient(token=BOT, base_url=API, retry_handlers=[RateLimitErrorRetryHandler(max_retry_count=1)])
    begun = time.monotonic()
    patient.chat_postMessage(channel="C0DBA", text="x")
    assert time.monotonic() - begun >= 1


@check
def commands_are_acknowledged_with_an_answer():
    with App() as app:
        app.answer = lambda request: {"response_type": "ephemeral", "text": "Asked bob &amp; eve."}
        status, answer = demo("type", user="ann", line="/access redis-cloud prod 2h for @bob")
        assert (status, answer["reply"]) == (200, "Asked bob & eve.")
        request = app.next()
        assert request.type == "slash_commands" and request.accepts_response_payload
        assert request.payload["text"] == "redis-cloud prod 2h for <@U0BOB|bob>"
        assert "Asked bob" in screen("ann") and "Asked bob" not in screen("bob")


@check
def triggers_open_one_modal():
    with App() as app:
        demo("type", user="ann", line="/access")
        trigger = app.next().payload["trigger_id"]
        refused("invalid_arguments", web.views_open, trigger_id=trigger, view={"type": "modal", "blocks": []})
        view = web.views_open(trigger_id=trigger, view=FORM)["view"]
        refused("exchanged_trigger_id", web.views_open, trigger_id=trigger, view=FORM)
        refused("invalid_trigger_id", web.views_open, trigger_id="1.2.3", view=FORM)
        refused("hash_conflict", web.views_update, view_id=view["id"], hash="1.2", view=FORM)
        again = web.views_update(view_id=view["id"], hash=view["hash"], view=FORM)["view"]
        assert again["hash"] != view["hash"] and "Request access" in screen("ann")
        demo("close", user="ann")
        refused("not_found", web.views_update, view_id=view["id"], view=FORM)


@check
def triggers_die_after_three_seconds():
    with App() as app:
        demo("type", user="ann", line="/access")
        trigger = app.next().payload["trigger_id"]
        time.sleep(3.1)
        refused("expired_trigger_id", web.views_open, trigger_id=trigger, view=FORM)


@check
def forms_load_options_show_errors_and_close():
    def answer(request):
        if request.payload.get("type") == "block_suggestion":
            return {"options": [Option(text=f"prod {request.payload['value']}", value="db-1").to_dict()]}
        if request.payload.get("type") == "view_submission":
            reason = request.payload["view"]["state"]["values"]["why"]["reason"]["value"]
            return None if reason else {"response_action": "errors", "errors": {"why": "This flow needs a reason."}}
        return None

    with App() as app:
        app.answer = answer
        demo("type", user="ann", line="/access")
        web.views_open(trigger_id=app.next().payload["trigger_id"], view=FORM)
        assert demo("submit", user="ann")[0] == 422, "required inputs are checked before the app is asked"
        _, offered = demo("options", user="ann", what="resource", value="pr")
        assert offered["options"][0]["text"]["text"] == "prod pr"
        suggestion = app.next()
        assert suggestion.type == "interactive" and suggestion.payload["container"]["type"] == "view"
        _, outcome = demo("submit", user="ann", values={"resource": "db-1", "duration": "2h"})
        assert outcome["errors"] == {"why": "This flow needs a reason."}, outcome
        values = app.next().payload["view"]["state"]["values"]
        assert values["where"]["resource"]["selected_option"]["value"] == "db-1"
        assert values["long"]["duration"]["selected_option"]["value"] == "2h"
        _, outcome = demo("submit", user="ann", values={"reason": "queue <stuck>"})
        assert outcome == {"outcome": "closed"}
        assert app.next().payload["view"]["state"]["values"]["why"]["reason"]["value"] == "queue <stuck>"
        assert "(modal)" not in screen("ann")


@check
def clicks_carry_message_and_response_url():
    with App() as app:
        sent = web.chat_postMessage(channel="C0DBA", text="card", blocks=CARD)
        demo("click", user="bob", what="Approve 2 h")
        payload = app.next().payload
        action = payload["actions"][0]
        assert (action["action_id"], action["value"], action["type"]) == ("approve", "r7k3f", "button")
        assert payload["container"]["message_ts"] == sent["ts"] == payload["message"]["ts"]
        assert payload["user"]["id"] == "U0BOB" and payload["team"]["id"] == "T0TEAM"
        hook = WebhookClient(payload["response_url"])
        for n in range(5):
            assert hook.send(text=f"late {n}", response_type="ephemeral", replace_original=False).status_code == 200
        assert hook.send(text="late 6").status_code == 404, "five uses and no more"
        assert "late 4" in screen("bob") and "late 4" not in screen("eve")


@check
def the_home_tab_is_published():
    with App() as app:
        threading.Thread(target=demo, args=("home",), kwargs={"user": "ann"}).start()
        event = app.next()
        assert event.type == "events_api" and event.payload["event"]["type"] == "app_home_opened"
        home = View(type="home", blocks=[SectionBlock(text="Nothing waits for you.")])
        first = web.views_publish(user_id="U0ANN", view=home)["view"]
        web.views_publish(user_id="U0ANN", view=home, hash=first["hash"])
        refused("hash_conflict", web.views_publish, user_id="U0ANN", view=home, hash=first["hash"])
        assert "Nothing waits for you." in screen("ann")


@check
def silence_is_told_to_the_person_and_events_come_again():
    with App() as app:
        app.acks = lambda request: False
        begun = time.monotonic()
        status, answer = demo("type", user="ann", line="/access x")
        assert status == 502 and "in time" in answer["error"], answer
        assert 2.5 < time.monotonic() - begun < 5 and "operation_timeout" in screen("ann")
        app.next()
        demo("home", user="ann")
        first = app.next()
        app.acks = lambda request: True
        second = app.next()
        assert second.retry_attempt == 1 and second.retry_reason == "timeout"
        assert second.payload["event_id"] == first.payload["event_id"]


@check
def deliveries_come_twice_and_out_of_order_on_demand():
    with App() as app:
        demo("fault", what="delivery", fault="duplicate")
        demo("type", user="ann", line="/access twice")
        first, second = app.next(), app.next()
        assert first.payload == second.payload and first.envelope_id != second.envelope_id
        demo("fault", what="delivery", fault="hold_until_next")
        held = threading.Thread(target=demo, args=("type",), kwargs={"user": "ann", "line": "/access first"})
        held.start()
        time.sleep(0.2)
        demo("type", user="ann", line="/access second")
        held.join()
        assert [app.next().payload["text"], app.next().payload["text"]] == ["second", "first"]
        demo("fault", what="delivery", fault="team_null")
        web.chat_postMessage(channel="C0DBA", text="card", blocks=CARD)
        demo("click", user="bob", what="deny")
        assert app.next().payload["team"] is None


@check
def the_client_reconnects_when_told_and_when_cut():
    with App() as app:
        for how in ("refresh", "cut"):
            before = app.client.current_session.session_id
            demo("fault", what="sockets", how=how)
            until(lambda: app.client.is_connected() and app.client.current_session.session_id != before, 15)
            until(lambda: demo("type", user="ann", line=f"/access after {how}")[0] == 200, 10)
            until(lambda: app.next().payload["text"] == f"after {how}")


@check
def tickets_open_one_socket():
    url = urllib.parse.urlsplit(web.apps_connections_open(app_token=APP)["url"])
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}

    def status():
        connection = http.client.HTTPConnection(url.netloc, timeout=5)
        connection.request("GET", f"{url.path}?{url.query}", headers=headers)
        found = connection.getresponse().status
        connection.close()
        return found

    assert status() == 101
    assert status() == 401


@check
def a_dead_slack_refuses_and_comes_back():
    demo("fault", what="down")
    try:
        web.auth_test()
        raise AssertionError("answered while down")
    except SlackApiError as error:
        assert error.response.status_code == 503
    finally:
        demo("fault", what="up")
    web.auth_test()


def main():
    failed = 0
    for one in CHECKS:
        name = "python: " + one.__name__.replace("_", " ")
        try:
            one()
            print(f"ok {name}", flush=True)
        except Exception as error:  # noqa: BLE001 - every failure of a check is reported by its name
            failed += 1
            print(f"FAILED {name}: {type(error).__name__} {error}".replace("\n", " | "), flush=True)
            traceback.print_exc()
        finally:
            demo("fault", what="clear")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
