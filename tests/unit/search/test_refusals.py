"""What a filter may not be: each refusal at once, with its place and what to do; and whatever it is, it ends."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventstore.search import InvalidFilter, Verdict, limits, parse_filter
from tests.examples import examples
from tests.unit.search.search_events import event, pointer_to, unreadable

SECRET = "hush4711"


def refused(text: str) -> str:
    with pytest.raises(InvalidFilter) as caught:
        parse_filter(text)
    return str(caught.value)


MISTAKES = {
    "an open quote": ('type:a "b', 8, "never closed"),
    "a quote inside a word": ('a b"c', 4, "never closed"),
    "quotes in the middle of a path without a comparison": ('data."a"', 1, "quotes around the whole"),
    "an open parenthesis": ("a (b or c", 3, "never closed"),
    "a parenthesis too many": ("a) b", 2, "closes nothing"),
    "empty parentheses": ("a ()", 4, "a term is missing"),
    "nothing behind or": ("a or", 5, "a term is missing"),
    "nothing before and": ("and a", 1, "a term is missing"),
    "two ors": ("a or or b", 6, "a term is missing"),
    "not alone": ("not", 4, "a term is missing"),
    "a field without a value": ("type:", 6, "a value is missing"),
    "a value in front": (":a", 1, "a field has to stand before"),
    "an unknown field": ("a typ:x", 3, "no such field"),
    "a web address": ("https://example.org", 1, 'needs quotes: "a:b"'),
    "a path behind a field that has none": ("type.x:y", 1, "no such field"),
    "data without a path": ("data:x", 1, "name a value in the payload"),
    "property without a name": ("property:x", 1, "name a property"),
    "a number in a property's name": ("property[0]:x", 1, "name a property"),
    "an empty part": ("data.a..b:x", 1, "expected a path"),
    "an open bracket": ("data.a[0:x", 1, "expected a path"),
    "a negative place": ("data.a[-1]:x", 1, "expected a path"),
    "a star in a path": ("data.*.a:x", 1, "it takes no *"),
    "text compared": ("text=a", 1, "looked for, not compared"),
    "no text": ('""', 1, "no text to look for"),
    "a star for a text": ("*", 1, "no text to look for"),
    "a type that is larger": ("type>a", 1, "compares numbers and times"),
    "larger than a word": ("data.a>many", 1, "compares numbers"),
    "no time": ("time>yesterday", 1, "time>=2024-05-01"),
    "a day that is none": ("time>2024-02-30", 1, "time>=2024-05-01"),
    "a month": ("time:2024-05", 1, "time>=2024-05-01"),
    "a time with a star": ("time:2024-05-*", 1, "time>=2024-05-01"),
    "a time by expression": ("time~2024", 1, "time>=2024-05-01"),
    "the year 0": ("time>0000-01-01", 1, "time>=2024-05-01"),
    "the last year": ("time>9999-12-31", 1, "time>=2024-05-01"),
    "a pattern that would be none": ("type!=Doc*", 1, "write : for a pattern"),
    "a broken expression": ('a type~"("', 3, "RE2"),
    "a back reference": (r'type~"(a)\1"', 1, "RE2"),
    "a look ahead": ('type~"(?=a)"', 1, "RE2"),
    "half of a surrogate pair": ("a\ud800", 1, "surrogate"),
}


@pytest.mark.parametrize(("text", "column", "said"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_told_with_its_place(text: str, column: int, said: str) -> None:
    message = refused(text)
    assert f"at character {column}:" in message
    assert said in message


@pytest.mark.parametrize(
    "text", [f'"{SECRET}', f"data.{SECRET}..x:1", f"{SECRET}:x", f"data.a>{SECRET}", f'type~"({SECRET}"', f"type={SECRET}*"]
)
def test_no_message_repeats_what_was_asked_for(text: str) -> None:
    assert SECRET not in refused(text)


BEYOND = {
    "a megabyte": "a" * 1_000_000,
    "one character too many": "a" * (limits.MOST_CHARACTERS + 1),
    "deep parentheses": "(" * 2_000 + "a" + ")" * 2_000,
    "one too deep": "(" * (limits.DEEPEST + 1) + "a" + ")" * (limits.DEEPEST + 1),
    "many nots": "not " * 1_000 + "a",
    "nots and parentheses": "not (" * limits.DEEPEST + "a" + ")" * limits.DEEPEST,
    "terms without end": "a " * 2_000,
    "one term too many": "a " * (limits.MOST_TERMS + 1),
    "alternatives without end": " or ".join("a" * 800),
    "a long path": "data" + ".a" * (limits.MOST_PATH_PARTS + 1) + ":1",
    "a far place": "data.a[12345678]:1",
    "a number of thousands of digits": "data.a>" + "9" * 4_000,
    "an enormous number": "data.a>1e999999",
    "an enormous exponent": "data.a>1e" + "9" * 30,
    "many expressions": 'type~"a" ' * (limits.MOST_EXPRESSIONS + 1),
    "a long expression": f'type~"{"a" * (limits.MOST_EXPRESSION_CHARACTERS + 1)}"',
    "repetitions of repetitions": 'type~"((a{100}){100}){100}"',
    "a large expression": 'type~"(?:.{0,30}a){30}"',
    "an expression of alternatives": r'type~"(?i)(\pL|\pN){90}"',
}


@pytest.mark.parametrize("text", BEYOND.values(), ids=BEYOND.keys())
def test_what_is_beyond_the_limits_is_refused(text: str) -> None:
    assert len(refused(text)) < 400


@pytest.mark.parametrize(
    "text",
    [
        "a" * limits.MOST_CHARACTERS,
        "(" * limits.DEEPEST + "a" + ")" * limits.DEEPEST,
        "not " * limits.DEEPEST + "a",
        "a " * limits.MOST_TERMS,
        "(a) " * limits.MOST_TERMS,
        "data" + ".a" * limits.MOST_PATH_PARTS + ":1",
        "data.a>" + "9" * limits.MOST_NUMBER_CHARACTERS,
        "data.a=" + "9" * 4_000,
        "data.a=1e999999",
        'type~"a" ' * limits.MOST_EXPRESSIONS,
        'type~"' + "(" * 240 + ")" * 240 + '"',
        "type:" + "*a" * 1_000,
    ],
)
def test_what_is_within_the_limits_is_taken_and_answers(text: str) -> None:
    assert parse_filter(text).judge(event({"a": 1})) in Verdict


LETTERS = f"{random.Random(4711).getrandbits(990_000):0990000b}".translate({ord("0"): "a", ord("1"): "b"})
HOSTILE_PAYLOADS = {
    "letters": f'{{"x": "{LETTERS}"}}'.encode(),
    "folding letters": ('{"x": "' + "ß\u0130" * 240_000 + '"}').encode(),
    "numbers of thousands of digits": b'{"x":[' + b",".join([b"9" * 4_000] * 240) + b"]}",
    "a number of a megabyte": b'{"x":' + b"9" * 990_000 + b"}",
    "many numbers": b'{"x":[' + b",".join([b"1"] * 490_000) + b"]}",
    "many texts": b'{"x":[' + b",".join([b'"ababab"'] * 100_000) + b"]}",
    "escapes": b'{"x":"' + rb"\u0061" * 160_000 + b'"}',
    "deep": b'{"x":' * 160_000,
    "deep lists": b"[" * 990_000,
}
HOSTILE_FILTERS = {
    "an expression that outgrows its memory": 'text~"[ab]*a[ab]{900}c" or data.x~"[ab]*a[ab]{900}c"',
    "optional repetitions": 'data.x~"(?:a?){300}a{300}c" or text~"(?:a?|b?){300}c"',
    "ten expressions": " or ".join(f'text~"[ab]*a[ab]{{{400 + n}}}c"' for n in range(10)),
    "the classic": 'text~"(a+)+$" or text~"(a|a)*c" or data.x~"(.*)*c"',
    "a hundred texts": " or ".join(f'"{"ab" * 12}{n}"' for n in range(100)),
    "a hundred patterns": " or ".join(f"data.x:{'*a*b' * 4}*{n}c" for n in range(100)),
    "a hundred numbers": " or ".join(f"data.x<{-n - 1}" for n in range(100)),
    "a hundred values": " or ".join(f"data.x:c{n}" for n in range(100)),
}


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", HOSTILE_FILTERS.values(), ids=HOSTILE_FILTERS.keys())
@pytest.mark.parametrize("payload", HOSTILE_PAYLOADS.values(), ids=HOSTILE_PAYLOADS.keys())
def test_a_hostile_filter_ends_on_a_hostile_payload(text: str, payload: bytes) -> None:
    filter = parse_filter(text)
    assert filter.judge(event(payload)) in (Verdict.NO, Verdict.UNKNOWN)


def test_what_expressions_may_cost_is_shared_among_them() -> None:
    """Steps times bytes are bounded for the whole filter, so that ten expressions see a tenth each."""
    payload = event(b"a" * 300_000 + b"needle")
    one, ten = 'text~"needle"', " or ".join(['text~"needle"'] * 10)
    assert parse_filter(one).judge(payload) is Verdict.MATCH
    assert parse_filter(ten).judge(payload) is Verdict.UNKNOWN


def test_a_match_that_ends_where_an_expression_stops_looking_is_not_believed() -> None:
    for size in (limits.EXPRESSION_BYTES + 1, limits.PAYLOAD_BYTES, 5 * limits.PAYLOAD_BYTES):
        payload = event(b"x" * size)
        assert parse_filter('text~"x$"').judge(payload) is Verdict.UNKNOWN
        assert parse_filter('text~"^xx"').judge(payload) is Verdict.MATCH
    assert parse_filter('text~"x$"').judge(event(b"x" * limits.EXPRESSION_BYTES)) is Verdict.MATCH


WORDS = [
    *(
        "type",
        "data.a",
        "data.a[0]",
        "property.x",
        "time",
        "text",
        "aggregate",
        ":",
        "=",
        "!=",
        "<",
        "~",
        "(",
        ")",
        "and",
        "or",
    ),
    *("not", '"', "a", "*", "a*b", "2024-05-01", "100", "1e5", "\\", ".", " ", "ü", "\ud800", "\0", '"a b"', "[", "{2}"),
]
ANY_EVENT = st.one_of(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        max_leaves=10,
    ).map(lambda value: event({"a": value})),
    st.binary(max_size=40).map(event),
    st.binary(max_size=40).map(unreadable),
)


@settings(max_examples=examples(400), deadline=None, print_blob=True)
@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(WORDS), max_size=14).map("".join)), ANY_EVENT)
def test_any_text_is_either_refused_or_a_filter_that_answers(text: str, asked: object) -> None:
    assert isinstance(asked, type(event()))
    try:
        filter = parse_filter(text)
    except InvalidFilter as problem:
        assert "at character" in str(problem)
        return
    verdict = filter.judge(asked)
    assert filter.matches(asked) is (verdict is Verdict.MATCH)
    assert filter.matches_pointer(pointer_to(asked)) in ((verdict is Verdict.MATCH), None)
    assert parse_filter(filter.text).judge(asked) is verdict


OPPOSITE = {Verdict.MATCH: Verdict.NO, Verdict.NO: Verdict.MATCH, Verdict.UNKNOWN: Verdict.UNKNOWN}
TERM = st.sampled_from(
    ["type:PatientRegistered", "type:x", "data.a:1", "data.a>0", "1", "data.a:*", "id:e-1", "key:y", "data.b=x"]
)
TREE = st.recursive(
    TERM,
    lambda inner: st.one_of(
        inner.map("not {}".format),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({' '.join(parts)})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({' or '.join(parts)})"),
    ),
    max_leaves=8,
)


@settings(max_examples=examples(200), deadline=None, print_blob=True)
@given(TREE, TREE, ANY_EVENT)
def test_and_or_and_not_are_logic(one: str, other: str, asked: object) -> None:
    assert isinstance(asked, type(event()))

    def judged(text: str) -> Verdict:
        return parse_filter(text).judge(asked)

    assert judged(f"not ({one})") is OPPOSITE[judged(one)]
    assert judged(f"not (({one}) or ({other}))") is judged(f"not ({one}) and not ({other})")
    assert judged(f"({one}) {other}") is judged(f"{other} AND ({one})")


@settings(max_examples=examples(300), deadline=None, print_blob=True)
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
def test_every_value_can_be_asked_for_in_quotes(value: str) -> None:
    quoted = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    name = "a" * len(value) + "b"  # another than the value, whatever that is
    asked = event({name: value, value: "v"}, key=value, properties={value: "p"}, type=value)
    for text in (
        f"type={quoted}",
        f"type:{quoted}",
        f"data.{name}={quoted}",
        f"key:{quoted}",
        f"data.{quoted}:v",
        f"property.{quoted}:p",
        quoted,
    ):
        assert parse_filter(text).judge(asked) is Verdict.MATCH, text
