"""The places on the left of every page: each page belongs to one of them, which is marked."""

import re

import pytest
from django.urls import get_resolver, reverse

from dashboard.web.template_context import _BELOW, place_above
from tests.web.desk import Desk

WITHOUT = ("dashboard.accounts", "dashboard.demo", "dashboard.observing", "dashboard.signin", "dashboard.views.health")
"""Pages of one's own account, those that a login needs, and those for machines."""
LOGIN = "dashboard.views.login"
MARKED = re.compile(r'<a href="([^"]*)" aria-current="(?:page|true)">')


def _views() -> set[str]:
    return {pattern.callback.__module__ for pattern in get_resolver().url_patterns}


def test_every_page_belongs_to_a_place_unless_it_is_about_oneself_or_for_machines() -> None:
    without = {module for module in _views() if not place_above(module)}
    assert {module for module in without if not module.startswith((*WITHOUT, LOGIN))} == set()


def test_no_place_is_said_of_pages_that_are_not_there() -> None:
    assert [room for room in _BELOW if not any(f"{view}.".startswith(f"{room}.") for view in _views())] == []


@pytest.mark.parametrize(
    ("name", "arguments", "place"),
    [
        ("job", ["no-such"], "jobs"),
        ("dead_letters", ["no-such", "no-such"], "subscriptions"),
        ("cursor_moves", ["no-such", "no-such"], "subscriptions"),
        ("replay_new", [], "projections"),
        ("anomalies", [], "overview"),
    ],
)
def test_a_page_below_a_place_marks_it(desk: Desk, name: str, arguments: list[str], place: str) -> None:
    answer = desk.get(reverse(name, args=arguments))
    assert MARKED.findall(answer.content.decode()) == [reverse(place)]
