"""OpenSearch's own Python client against the simulated OpenSearch cluster.

Reads CLUSTER_URL, CLUSTER_USER, CLUSTER_PASSWORD. Prints `ok NAME` or `FAILED NAME: why` for each check.
"""
import os
import sys
import traceback

from opensearchpy import OpenSearch
from opensearchpy.exceptions import (
    AuthenticationException, AuthorizationException, NotFoundError, RequestError, TransportError,
)

URL = os.environ["CLUSTER_URL"]
ADMIN = (os.environ["CLUSTER_USER"], os.environ["CLUSTER_PASSWORD"])
SECRET = "Person-1-secret"
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def client(name, password):
    return OpenSearch(URL, http_auth=(name, password), max_retries=0)


admin = client(*ADMIN)


def refused(kind, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was expected")


def person(name, *roles, **more):
    body = {"password": SECRET, "opendistro_security_roles": list(roles), **more}
    admin.security.create_user(username=name, body=body)
    return client(name, SECRET)


def role(name, index, *actions):
    admin.security.create_role(role=name, body={
        "cluster_permissions": [], "index_permissions": [{"index_patterns": [index], "allowed_actions": list(actions)}]})


@check
def the_client_takes_it_for_opensearch():
    info = admin.info()
    assert info["version"]["distribution"] == "opensearch" and info["cluster_uuid"], info
    refused(AuthenticationException, client("admin", "wrong").info)


@check
def indices_have_the_rules_that_names_have():
    admin.indices.create(index="orders", body={"mappings": {"_meta": {"owner": "ann"}}, "aliases": {"all-orders": {}}})
    admin.indices.create(index="invoices")
    for name in ("orders", "Orders", "_orders", "a,b"):
        refused(RequestError, admin.indices.create, index=name)
    refused(NotFoundError, admin.search, index="nowhere")
    state = admin.cluster.state(metric="metadata", params={
        "filter_path": "metadata.indices.*.aliases,metadata.indices.*.mappings._doc._meta"})
    assert state["metadata"]["indices"]["orders"] == {
        "aliases": ["all-orders"], "mappings": {"_doc": {"_meta": {"owner": "ann"}}}}, state


@check
def a_role_gives_what_it_says_and_no_more():
    role("readers", "orders", "read")
    ann = person("ann", "readers")
    assert ann.search(index="orders")["hits"]["hits"] == []
    assert ann.search(index="all-orders")["hits"]["hits"] == []
    refused(AuthorizationException, ann.index, index="orders", body={})
    refused(AuthorizationException, ann.search, index="invoices")
    refused(AuthorizationException, ann.security.get_users)
    role("readers", "orders", "crud")
    ann.index(index="orders", body={"n": 1})
    admin.security.delete_role(role="readers")
    refused(AuthorizationException, ann.search, index="orders")


@check
def a_put_replaces_and_a_patch_changes():
    role("readers", "orders", "read")
    bob = person("bob", "readers", attributes={"mark": "x"}, backend_roles=["finance"])
    seen = admin.security.get_user(username="bob")["bob"]
    assert seen["hash"] == "" and seen["opendistro_security_roles"] == ["readers"], seen
    admin.security.patch_user(username="bob", body=[
        {"op": "add", "path": "/opendistro_security_roles", "value": []},
        {"op": "add", "path": "/password", "value": "Another-1-secret"}])
    refused(AuthenticationException, bob.search, index="orders")
    bob = client("bob", "Another-1-secret")
    refused(AuthorizationException, bob.search, index="orders")
    assert admin.security.get_user(username="bob")["bob"]["attributes"] == {"mark": "x"}
    admin.security.create_user(username="bob", body={"password": SECRET})
    seen = admin.security.get_user(username="bob")["bob"]
    assert seen["attributes"] == {} and seen["backend_roles"] == [], seen
    told = admin.security.patch_user(username="bob", body=[{"op": "add", "path": "/backend_roles", "value": []}])
    assert told["message"] == "No updates required", told
    refused(RequestError, admin.security.patch_user, username="bob", body=[{"op": "remove", "path": "/nothing"}])
    admin.security.delete_user(username="bob")
    refused(NotFoundError, admin.security.delete_user, username="bob")
    refused(NotFoundError, admin.security.get_user, username="bob")


@check
def mappings_give_roles_too():
    role("writers", "invoices", "crud")
    eve = person("eve", backend_roles=["finance"])
    refused(AuthorizationException, eve.search, index="invoices")
    admin.security.create_role_mapping(role="writers", body={"backend_roles": ["finance"]})
    eve.search(index="invoices")
    admin.security.create_role_mapping(role="writers", body={"users": ["somebody"]})
    refused(AuthorizationException, eve.search, index="invoices")


@check
def what_is_reserved_stays():
    refused(AuthorizationException, admin.security.create_user, username="admin", body={"password": SECRET})
    refused(AuthorizationException, admin.security.delete_user, username="admin")
    refused(AuthorizationException, admin.security.delete_role, role="all_access")
    refused(RequestError, admin.security.create_user, username="x", body={"password": "short"})
    refused(RequestError, admin.security.create_user, username="x", body={})
    refused(RequestError, admin.security.create_user, username="x", body={"password": SECRET, "roles": ["a"]})
    refused(NotFoundError, admin.security.create_user, username="x", body={
        "password": SECRET, "opendistro_security_roles": ["nowhere"]})


@check
def caches_are_flushed_by_delete_alone():
    assert admin.security.flush_cache()["status"] == "OK"
    error = refused(TransportError, admin.transport.perform_request, "GET", "/_plugins/_security/api/cache")
    assert error.status_code == 405, error


def main():
    failed = 0
    for one in CHECKS:
        name = "python opensearch-py: " + one.__name__.replace("_", " ")
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
