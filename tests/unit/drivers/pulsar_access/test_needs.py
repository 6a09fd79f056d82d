"""Which permission each request needs, as the broker's refusals and the page of the documentation name it."""

import re
from collections.abc import Mapping, Sequence

import httpx
import pytest

from eventstore.drivers.pulsar.access import needs
from eventstore.drivers.pulsar.access.answers import is_about_permissions
from eventstore.drivers.pulsar.access.needs import Deed, need_of, publishing
from tests.shared_data import ROOT

DOCUMENTED: Mapping[str, Sequence[Deed]] = {
    "list the topics of a namespace": [needs.LIST],
    "look at a topic": [needs.LOOK],
    "read events": [needs.READ],
    "find events by time": [needs.PEEK],
    "reset or skip cursors": [needs.SUBSCRIBE],
    "publish": [needs.PUBLISH],
    "create a topic": [needs.CREATE],
    "look at the policies of a topic": [needs.POLICIES],
    "look at functions": [needs.RUN_FUNCTIONS],
    "find namespaces by a pattern": [needs.NAMESPACES],
    "find tenants by a pattern": [needs.TENANTS],
}
WORDS = {
    needs.CONSUME: "`consume` on the namespace",
    needs.PRODUCE: "`produce` on the namespace",
    needs.EITHER: "`consume` or `produce` on the namespace",
    needs.FUNCTIONS: "`functions` on the namespace",
    needs.TENANT: "the role of an admin of the tenant",
    needs.SUPERUSER: "the role of a superuser",
}
T = "v2/persistent/shop/orders/docs"


def test_the_page_names_the_permission_of_each_thing_that_the_desk_does() -> None:
    page = (ROOT / "docs" / "point-at-your-pulsar.md").read_text(encoding="utf-8")
    table = page.partition("| To … | the broker wants |\n|---|---|\n")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", table, re.MULTILINE)
    assert len(rows) == len(DOCUMENTED)
    for (does, wants), (begins, deeds) in zip(rows, DOCUMENTED.items(), strict=True):
        assert does.startswith(begins)
        assert {WORDS[deed.permission] for deed in deeds} == {wants}
    assert {deed for deeds in DOCUMENTED.values() for deed in deeds} == set(needs.DEEDS)


@pytest.mark.parametrize(
    ("method", "path", "deed", "where"),
    [
        ("GET", "v2/persistent/shop/orders", needs.LIST, "shop/orders"),
        ("GET", "v2/persistent/shop/orders/partitioned", needs.LIST, "shop/orders"),
        ("GET", f"{T}/partitions", needs.LOOK, "shop/orders/docs"),
        ("GET", f"{T}/stats", needs.LOOK, "shop/orders/docs"),
        ("GET", f"{T}/partitioned-internalStats", needs.LOOK, "shop/orders/docs"),
        ("GET", f"{T}/internal-info", needs.LOOK, "shop/orders/docs"),
        ("GET", f"{T}/lastMessageId", needs.PEEK, "shop/orders/docs"),
        ("GET", f"{T}/messageid/17", needs.PEEK, "shop/orders/docs"),
        ("GET", f"{T}/ledger/1/entry/2", needs.PEEK, "shop/orders/docs"),
        ("GET", f"{T}/retention", needs.POLICIES, "shop/orders/docs"),
        ("PUT", T, needs.CREATE, "shop/orders/docs"),
        ("PUT", f"{T}/partitions", needs.CREATE, "shop/orders/docs"),
        ("PUT", f"{T}/subscription/a%2Fb/properties", needs.SUBSCRIBE, "shop/orders/docs"),
        ("POST", f"{T}/subscription/s/resetcursor", needs.SUBSCRIBE, "shop/orders/docs"),
        ("DELETE", f"{T}/subscription/s", needs.SUBSCRIBE, "shop/orders/docs"),
        ("GET", "v2/schemas/shop/orders/docs/schema/3", needs.LOOK, "shop/orders/docs"),
        ("GET", "v3/functions/shop/orders/one/status", needs.RUN_FUNCTIONS, "shop/orders"),
        ("GET", "v2/namespaces/shop", needs.NAMESPACES, "shop"),
        ("GET", "v2/tenants", needs.TENANTS, "tenants"),
        ("GET", "v2/persistent/shop/orders/a%20b%2Ec/stats", needs.LOOK, "shop/orders/a b.c"),
    ],
)
def test_a_request_is_known_by_its_path(method: str, path: str, deed: Deed, where: str) -> None:
    assert (need_of(method, path).deed, need_of(method, path).where) == (deed, where)


@pytest.mark.parametrize("path", ["", "v2/", "v2/persistent", "v9/x", "v2/brokers/version", "../..", "v2/persistent/a"])
def test_a_request_that_is_none_of_them_is_told_without_a_permission(path: str) -> None:
    assert need_of("GET", path) is needs.UNKNOWN
    assert "more permissions than it has" in str(need_of("GET", path).missing())


def test_the_sentence_names_role_topic_and_namespace() -> None:
    assert str(publishing("shop/orders/docs").missing(" (desk)")) == (
        "The broker does not let Eventdesk (desk) publish to shop/orders/docs: it needs the permission produce on the "
        "namespace shop/orders. It works as soon as that is granted."
    )


@pytest.mark.parametrize("braces", ["{namespace}", "{0}", "{where.__class__}", "{"])
def test_a_topic_with_braces_in_its_name_is_named_as_it_is(braces: str) -> None:
    assert f"publish to a/b/{braces}:" in str(publishing(f"a/b/{braces}").missing())


@pytest.mark.parametrize(
    ("answer", "about_permissions"),
    [
        (httpx.Response(401, json={"reason": "Unauthorized to validateTopicOperation"}), True),
        (httpx.Response(403, json={"reason": "Unauthorized"}), True),
        (httpx.Response(403, text="<html>a proxy's"), True),
        (httpx.Response(401, text="<html><title>Error 401 Authentication required"), False),
        (httpx.Response(401, json={}), False),
        (httpx.Response(401, json=["reason"]), False),
        (httpx.Response(401), False),
    ],
)
def test_who_is_not_let_in_is_told_apart_from_what_is_not_permitted(answer: httpx.Response, about_permissions: bool) -> None:
    assert is_about_permissions(answer) is about_permissions
