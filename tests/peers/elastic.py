"""Elastic's own Python client against the simulated Elasticsearch cluster.

Reads CLUSTER_URL, CLUSTER_USER, CLUSTER_PASSWORD. Prints `ok NAME` or `FAILED NAME: why` for each check.
"""
import os
import sys
import traceback

from elasticsearch import (
    AuthenticationException, AuthorizationException, BadRequestError, Elasticsearch, NotFoundError,
)

URL = os.environ["CLUSTER_URL"]
ADMIN = (os.environ["CLUSTER_USER"], os.environ["CLUSTER_PASSWORD"])
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def client(**credential):
    return Elasticsearch(URL, max_retries=0, retry_on_timeout=False, **credential)


admin = client(basic_auth=ADMIN)


def refused(kind, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was expected")


def person(name, *roles):
    admin.security.put_user(username=name, password="Person-1-secret", roles=list(roles), refresh="wait_for")
    return client(basic_auth=(name, "Person-1-secret"))


@check
def the_client_takes_it_for_elasticsearch():
    info = admin.info()
    assert info["tagline"] == "You Know, for Search" and info["cluster_uuid"], info
    assert admin.security.authenticate()["authentication_realm"]["type"] == "native"


@check
def strangers_get_nowhere():
    refused(AuthenticationException, client(basic_auth=("elastic", "wrong")).info)
    refused(AuthenticationException, client().info)
    refused(AuthenticationException, client(api_key="bm9ib2R5OmtleQ==").info)


@check
def indices_have_the_rules_that_names_have():
    admin.indices.create(index="orders", mappings={"_meta": {"owner": "ann"}}, aliases={"all-orders": {}})
    refused(BadRequestError, admin.indices.create, index="orders")
    refused(BadRequestError, admin.indices.create, index="Orders")
    refused(BadRequestError, admin.indices.create, index="_orders")
    refused(NotFoundError, admin.search, index="nowhere")
    assert [one["index"] for one in admin.cat.indices(format="json", h="index")] == ["orders"]
    found = admin.indices.resolve_index(name="*")
    assert found["aliases"] == [{"name": "all-orders", "indices": ["orders"]}], found
    meta = admin.indices.get_mapping(index="*", filter_path="*.mappings._meta")
    assert meta.body == {"orders": {"mappings": {"_meta": {"owner": "ann"}}}}, meta.body


@check
def data_streams_keep_their_documents_out_of_sight():
    admin.indices.put_index_template(name="events", index_patterns=["events*"], data_stream={}, priority=500)
    admin.indices.create_data_stream(name="events-app")
    refused(BadRequestError, admin.index, index="events-app", document={"note": "no time"})
    admin.index(index="events-app", document={"@timestamp": "2026-11-22T12:00:00Z"})
    assert admin.search(index="events-app")["hits"]["total"]["value"] == 1
    names = [one["name"] for one in admin.indices.resolve_index(name="*")["data_streams"]]
    assert names == ["events-app"], names


@check
def a_role_gives_what_it_says_and_no_more():
    ann = person("ann", "readers")
    refused(AuthorizationException, ann.search, index="orders")
    admin.security.put_role(name="readers", indices=[{"names": ["orders"], "privileges": ["read"]}])
    assert ann.search(index="orders")["hits"]["hits"] == []
    refused(AuthorizationException, ann.index, index="orders", document={})
    refused(AuthorizationException, ann.search, index="events-app")
    refused(AuthorizationException, ann.search, index="all-orders")
    refused(AuthorizationException, ann.security.get_user)
    admin.security.put_role(name="readers", indices=[{"names": ["orders"], "privileges": ["read", "write"]}])
    ann.index(index="orders", document={"n": 1})
    admin.security.delete_role(name="readers")
    refused(AuthorizationException, ann.search, index="orders")


@check
def users_can_be_disabled_changed_and_removed():
    bob = person("bob")
    admin.security.disable_user(username="bob")
    refused(AuthenticationException, bob.security.authenticate)
    admin.security.enable_user(username="bob")
    assert bob.security.authenticate()["username"] == "bob"
    admin.security.put_user(username="bob", roles=[], enabled=False, metadata={"mark": "x"})
    refused(AuthenticationException, bob.security.authenticate)
    seen = admin.security.get_user(username="bob")["bob"]
    assert seen["enabled"] is False and seen["metadata"] == {"mark": "x"}, seen
    admin.security.change_password(username="bob", password="Another-1-secret")
    assert admin.security.delete_user(username="bob")["found"] is True
    refused(NotFoundError, admin.security.delete_user, username="bob")
    refused(NotFoundError, admin.security.get_user, username="bob")


@check
def what_is_reserved_stays():
    refused(BadRequestError, admin.security.put_user, username="elastic", roles=[])
    refused(BadRequestError, admin.security.delete_user, username="kibana_system")
    refused(BadRequestError, admin.security.put_role, name="superuser", cluster=["all"])
    refused(BadRequestError, admin.security.put_user, username="x", roles=[], password="short")
    refused(BadRequestError, admin.security.put_user, username="new", roles=[])
    refused(BadRequestError, admin.security.put_user, username="x", roles=[], password="long enough",
            metadata={"_x": 1})
    refused(BadRequestError, admin.security.put_role, name="x", cluster=["no_such_privilege"])


@check
def a_key_keeps_what_its_maker_could():
    admin.security.put_role(name="minters", cluster=["manage_own_api_key"],
                            indices=[{"names": ["orders"], "privileges": ["read"]}])
    eve = person("eve", "minters")
    key = client(api_key=eve.security.create_api_key(name="mine")["encoded"])
    key.search(index="orders")
    admin.security.delete_role(name="minters")
    refused(AuthorizationException, eve.search, index="orders")
    key.search(index="orders")
    admin.security.delete_user(username="eve")
    key.search(index="orders")
    refused(BadRequestError, admin.security.invalidate_api_key)
    gone = admin.security.invalidate_api_key(username="eve")
    assert len(gone["invalidated_api_keys"]) == 1 and gone["error_count"] == 0, gone
    refused(AuthenticationException, key.search, index="orders")


@check
def tokens_die_when_told():
    admin.security.put_role(name="tokens", cluster=["manage_token", "monitor"])
    joe = person("joe", "tokens")
    bearer = client(bearer_auth=joe.security.get_token(grant_type="client_credentials")["access_token"])
    assert bearer.security.authenticate()["username"] == "joe"
    admin.security.disable_user(username="joe")
    assert bearer.security.authenticate()["username"] == "joe"
    assert admin.security.invalidate_token(username="joe")["invalidated_tokens"] == 1
    refused(AuthenticationException, bearer.security.authenticate)


@check
def privileges_are_told():
    admin.security.put_role(name="watchers", cluster=["monitor"],
                            indices=[{"names": ["*"], "privileges": ["monitor"]}])
    eva = person("eva", "watchers")
    told = eva.security.has_privileges(cluster=["monitor", "manage_security"], index=[
        {"names": ["*"], "privileges": ["monitor", "view_index_metadata"]}])
    assert told["cluster"] == {"monitor": True, "manage_security": False}, told
    assert told["index"] == {"*": {"monitor": True, "view_index_metadata": False}}, told
    assert told["has_all_requested"] is False
    admin.security.clear_cached_realms(realms="default_native", usernames=["eva"])


def main():
    failed = 0
    for one in CHECKS:
        name = "python elasticsearch: " + one.__name__.replace("_", " ")
        try:
            one()
            print(f"ok {name}", flush=True)
        except Exception as error:  # noqa: BLE001 - every failure of a check is reported by its name
            failed += 1
            print(f"FAILED {name}: {type(error).__name__} {error}".replace("\n", " | "), flush=True)
            traceback.print_exc()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
