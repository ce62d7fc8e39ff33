"""Talks to our Atlas-compatible organization as anybody's program would: with the digests of Python's own library."""

import base64
import json
import os
import sys
import traceback
import urllib.error
import urllib.request

URL = os.environ["ATLAS_URL"]
ORG = os.environ["ATLAS_ORG"]
GROUP = os.environ["ATLAS_GROUP"]
API = URL + "/api/atlas/v2"


def opener(public="pubowner", private="0wner-private-key-1"):
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, URL, public, private)
    # No proxy of the machine's stands between us and loopback.
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPDigestAuthHandler(passwords)
    )


def call(path, date="2023-01-01", method="GET", body=None, through=None, headers=None):
    media = f"application/vnd.atlas.{date}+json"
    request = urllib.request.Request(API + path, method=method)
    request.add_header("Accept", media)
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", media)
    for name, value in (headers or {}).items():
        request.add_header(name, value)
    try:
        with (through or opener()).open(request, timeout=10) as response:
            text = response.read()
            return response.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        text = error.read()
        return error.code, json.loads(text) if text else None


def digests_are_accepted():
    status, group = call(f"/groups/{GROUP}")
    assert (status, group["name"]) == (200, "shop"), (status, group)


def worn_out_nonces_are_replaced():
    one = opener()
    for _ in range(10):
        status, _ = call(f"/groups/{GROUP}", through=one)
        assert status == 200, status


def wrong_keys_are_refused():
    # The library gives up with an error of its own after several refusals.
    for public, private in (("pubowner", "wrong"), ("nobody", "0wner-private-key-1")):
        try:
            status, _ = call(f"/groups/{GROUP}", through=opener(public, private))
            assert status == 401, status
        except (ValueError, urllib.error.URLError):
            pass


def pages_have_links_to_the_next():
    names, number = [], 1
    while True:
        status, page = call(f"/groups/{GROUP}/clusters?pageNum={number}&itemsPerPage=100", "2024-08-05")
        assert status == 200, status
        names += [cluster["name"] for cluster in page["results"]]
        if not any(link["rel"] == "next" for link in page["links"]):
            break
        number += 1
    assert names == ["cluster0", "idle"], names
    assert page["totalCount"] == 2


def versions_are_asked_for():
    status, body = call(f"/groups/{GROUP}/clusters", "2023-01-01")
    assert (status, body["errorCode"]) == (406, "INVALID_VERSION_DATE"), (status, body)


def users_come_and_go():
    user = {
        "databaseName": "admin",
        "groupId": GROUP,
        "username": "from-python",
        "password": "from-python-1",
        "roles": [{"roleName": "read", "databaseName": "shop"}],
        "scopes": [{"name": "cluster0", "type": "CLUSTER"}],
    }
    path = f"/groups/{GROUP}/databaseUsers"
    assert call(path, method="POST", body=user)[0] == 201
    status, body = call(path, method="POST", body=user)
    assert (status, body["errorCode"]) == (409, "USER_ALREADY_EXISTS"), (status, body)
    status, seen = call(f"{path}/admin/from-python")
    assert status == 200 and "password" not in seen, seen
    assert call(f"/groups/{GROUP}/clusters/cluster0/status")[1]["changeStatus"] == "PENDING"
    assert call(f"{path}/admin/from-python", method="DELETE")[0] == 204
    assert call(f"{path}/admin/from-python")[0] == 404


def what_is_unknown_is_refused():
    assert call("/groups/" + GROUP + "/everything")[0] == 404
    assert call(f"/groups/{GROUP}?pretty=true")[0] == 400
    status, body = call(f"/groups/{GROUP}/databaseUsers", method="POST", body={"name": "x"})
    assert (status, body["error"]) == (400, 400), (status, body)


def tokens_are_granted():
    secret = "mdb_sa_id_0123456789abcdef01234567:mdb_sa_sk_s3cret-of-the-account"
    request = urllib.request.Request(URL + "/api/oauth/token", data=b"grant_type=client_credentials")
    request.add_header("Authorization", "Basic " + base64.b64encode(secret.encode()).decode())
    bare = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with bare.open(request, timeout=10) as response:
        token = json.load(response)["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert call(f"/orgs/{ORG}", through=bare, headers=bearer)[0] == 200
    assert call(f"/orgs/{ORG}", through=bare, headers={"Authorization": "Bearer made-up"})[0] == 401


def main():
    failed = 0
    for check in (
        digests_are_accepted,
        worn_out_nonces_are_replaced,
        wrong_keys_are_refused,
        pages_have_links_to_the_next,
        versions_are_asked_for,
        users_come_and_go,
        what_is_unknown_is_refused,
        tokens_are_granted,
    ):
        name = "python urllib on Atlas: " + check.__name__
        try:
            check()
            print(f"ok {name}", flush=True)
        except Exception as error:  # a check that fails is told, and the next one runs
            failed += 1
            traceback.print_exc()
            print(f"FAILED {name}: {error!r}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
