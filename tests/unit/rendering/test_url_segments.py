"""Any name becomes one segment of a URL, and comes back unchanged."""

import pytest
from django.urls import reverse, set_script_prefix
from hypothesis import given
from hypothesis import strategies as st

from dashboard.rendering.url_segments import SegmentConverter, address, respelled, segment, unsegment

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates too
UNRESERVED = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-~")

HOSTILE = {
    "": "~",
    ".": "~2E",
    "..": "~2E~2E",
    "...": "...",
    "a.b": "a.b",
    "/": "~2F",
    "%2F": "~252F",
    "~": "~7E",
    "~2F": "~7E2F",
    "a b\n\0": "a~20b~0A~00",
    "<script>": "~3Cscript~3E",
    "🙂": "~F0~9F~99~82",
    "\ud83d": "~ED~A0~BD",
    "\ud83d\ude42": "~ED~A0~BD~ED~B9~82",
    "public/default/documents": "public~2Fdefault~2Fdocuments",
    "?#;&": "~3F~23~3B~26",
}


@pytest.mark.parametrize(("name", "written"), HOSTILE.items(), ids=ascii)
def test_hostile_names_are_written_as_documented_and_read_back(name: str, written: str) -> None:
    assert segment(name) == written
    assert unsegment(written) == name


@given(ANY_TEXT)
def test_any_string_becomes_one_safe_segment_and_comes_back(name: str) -> None:
    written = segment(name)
    assert set(written) <= UNRESERVED
    assert written not in {"", ".", ".."}
    assert unsegment(written) == name


@given(st.text(st.sampled_from("~2EFf.a0ÿ/%7"), max_size=8))
def test_a_text_is_refused_or_is_the_one_way_to_write_its_name(written: str) -> None:
    try:
        name = unsegment(written)
    except ValueError:
        return
    assert segment(name) == written


@pytest.mark.parametrize(
    "malformed",
    ["", ".", "..", "~2", "a~", "~zz", "~2f", "~41", "~FF", "~C0~AF", "~~", "a/b", "a%2Fb", "ä", "a\n", "~2E~2E~2E"],
    ids=ascii,
)
def test_what_is_never_written_is_refused(malformed: str) -> None:
    with pytest.raises(ValueError):
        unsegment(malformed)


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/aggregates/ticket/Case%202237/", "/aggregates/ticket/Case~202237/"),
        (b"/aggregates/ticket/Case%202237", "/aggregates/ticket/Case~202237/"),
        (b"/aggregates/a%2Fb/c%25d~7Ee~f/", "/aggregates/a~2Fb/c~25d~7Ee~7Ef/"),
        (b"/aggregates/%C3%BC/x/", "/aggregates/~C3~BC/x/"),
        (b"/aggregates/%2E%2E/x/", "/aggregates/~2E~2E/x/"),
        (b"/aggregates/%00/x/", "/aggregates/~00/x/"),
        (b"/aggregates/%FF/x/", ""),
        (b"/aggregates/%E2%82/x/", ""),
        (b"/aggregates/ticket/Case~202237/", ""),
    ],
)
def test_names_that_are_percent_encoded_are_spelled_as_segments(raw: bytes, path: str) -> None:
    assert respelled(raw) == path


def test_the_url_converter_is_the_same_pair() -> None:
    converter = SegmentConverter()
    assert converter.to_url("a/b~") == "a~2Fb~7E"
    assert converter.to_python("a~2Fb~7E") == "a/b~"


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
@pytest.mark.parametrize("prefix", ["/", "/desk/"])
def test_an_address_is_what_the_url_table_says_whatever_the_name_and_wherever_the_desk_is_mounted(
    name: str, prefix: str
) -> None:
    set_script_prefix(prefix)
    try:
        assert address("event", name) == reverse("event", args=[name])
        assert address("aggregate", name, "4711") == reverse("aggregate", args=[name, "4711"])
        assert address("aggregate", "patient", name).startswith(prefix)
    finally:
        set_script_prefix("/")
