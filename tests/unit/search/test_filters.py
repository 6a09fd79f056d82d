"""What filters match: fields, operators, and the three answers."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from eventstore.model.events import NO_TIME, Event
from eventstore.search import Verdict, eval_context, parse_filter
from tests.unit.search.search_events import event, pointer_to, unreadable

EVENT = event(
    {
        "email": "Max.Müller@example.org",
        "amount": 100,
        "price": 1.1,
        "code": "007",
        "shown": "1.10",
        "paid": True,
        "gone": None,
        "blank": "",
        "at": "2024-05-01T10:00+02:00",
        "tags": ["Red", "green", 7],
        "user": {"name": "Ann Lee", "ids": [{"id": "a"}, {"id": "b"}]},
        "odd name": {"a.b": "x"},
        "big": 12345678901234567890123,
        "path": "C:\\new",
    },
    id="E-17",
    key="patient_4711",
    ordering_key="order-7",
    properties={"ce_source": "/patients", "tries": "3", "a.b": "dotted", "odd name": "y"},
    source="/patients",
    subject="patient/4711",
    correlation_id="c-1",
)

MATCHING = """
type:PatientRegistered | type:patientregistered | TYPE:Patient* | type:*reg*ed | type:* | type=PatientRegistered
type!=patientregistered | type:"PatientRegistered" | type~"^Pat" | type~"(?i)REG" | type : PatientRegistered
aggregate:4711 | aggregate:patient/4711 | aggregate:Patient/* | aggregate:47* | aggregate!=4712 | aggregate~"^patient/"
ordering_key:ORDER-* | ordering_key=order-7 | order-7 | text:ORDER*7
id:e-17 | id=E-17 | key:PATIENT_* | key~"_\\d+$" | source:/patients | subject:"patient/4711" | correlation:c-1 | correlation:*
causation:"" | not causation:* | causation!=x
property.ce_source:/PATIENTS | property.tries>2 | property.tries=3 | property.a.b:dotted | property."odd name":y
property.nothing!=x | not property.nothing:*
data.email:max.müller@EXAMPLE.org | data.email:*@example.org | data.email~"^Max" | data.email:*
data.amount:100 | data.amount=100 | data.amount=100.0 | data.amount:1* | data.amount>99.5 | data.amount<=100 | data.amount!=99
data.amount>=1e2 | data.amount<1e308 | data.price=1.10 | data.price<1.2 | data.code:007 | data.code!=7 | data.shown>=1.1
data.big=12345678901234567890123 | data.big>12345678901234567890122 | data.big:1234567890*
data.paid:true | data.paid=true | data.gone:null | data.gone!=x | not data.gone:* | not data.blank:* | data.blank=""
data.at<2024-05-01T08:01 | data.at>=2024-05-01 | data.at>2024-04-30 | data.at=2024-05-01T10:00+02:00
data.tags:red | data.tags=green | data.tags:7 | data.tags>6 | data.tags:* | data.tags~"^R" | data.tags[1]:green
data.user:* | data.user.name:"Ann Lee" | data.user.name:Ann* | data.user.ids[1].id:b | data."odd name"."a.b":x
data.path:C:\\new | data.path:"c:\\new" | data.path="C:\\\\new"
time:2024-05-01 | time>=2024-05-01T12:30 | time>2024-04-30 | time<=2024-05-01 | time<2024-05-01T14:30:16+02:00
time=2024-05-01T12:30 | time!=2024-05-02 | time:2024-05-01T14:30:15+0200 | time:"2024-05-01 12:30:15"
müller | MÜLLER | "ann lee" | text:"ann lee" | text:org*ann | text~"Ann" | text:patient_4711 | red green | "and" or x
type:x or type:* | not type:x | not (type:x or id:y) | (type:* id:*) | not not id:e-17 | type:* and not id:x
id:x or type:* key:* | type:x id:y or key:* | a | NOT type:x AND id:* OR id:x
"""

NOT_MATCHING = """
type:Patient | type=patientregistered | type!=PatientRegistered | type:"Patient*" | type="Pat*" | type~"^reg" | type:*x*
aggregate:patient | aggregate:471 | aggregate:doctor/4711 | id=e-17 | key:4711 | causation:* | correlation:""
ordering_key:order | key:order-7
property.ce_sourc:* | property.tries>3 | property.ce_source>1 | property.nothing:"" | property.nothing~".*"
data.email:max | data.email~"^max" | data.nothing:* | data.nothing="" | data.email.x:* | data.email[0]:* | data.user:Ann*
data.amount:10 | data.amount>100 | data.amount=0x64 | data.code=7 | data.paid:1 | data.paid>0 | data.gone<1 | data.email<5
data.big=12345678901234567890124 | data.at<2024-05-01 | data.tags:blue | data.tags[9]:* | data.tags[3]:* | data.user.ids:a
time<2024-05-01 | time>2024-05-01 | time:2024-05-01T12:31 | time!=2024-05-01 | time>2024-05-01T12:30
nobody | "lee ann" | text:ann*org | text~"^Ann" | not müller | type:x or type:y | type:* id:x | not (type:* or id:x)
type:x (id:* or key:*) | id:x type:* or key:x
"""


def terms(table: str) -> list[str]:
    return [text.strip() for text in table.strip().replace("\n", " | ").split(" | ")]


@pytest.mark.parametrize("text", terms(MATCHING))
def test_it_matches(text: str) -> None:
    assert parse_filter(text).judge(EVENT) is Verdict.MATCH
    assert parse_filter(text).matches(EVENT)


@pytest.mark.parametrize("text", terms(NOT_MATCHING))
def test_it_does_not_match(text: str) -> None:
    assert parse_filter(text).judge(EVENT) is Verdict.NO
    assert not parse_filter(text).matches(EVENT)


@pytest.mark.parametrize("text", terms(MATCHING) + terms(NOT_MATCHING))
def test_the_index_never_contradicts_the_event(text: str) -> None:
    filter = parse_filter(text)
    said = filter.matches_pointer(pointer_to(EVENT))
    assert said in (filter.matches(EVENT), None)
    assert filter.reads_payload or said is not None


@pytest.mark.parametrize("text", ["", "  \n\t "])
def test_an_empty_filter_matches_everything(text: str) -> None:
    filter = parse_filter(text)
    assert filter.empty
    assert (filter.text, filter.reads_payload, filter.since, filter.until) == ("", False, None, None)
    assert filter.matches(EVENT)
    assert filter.matches(unreadable())
    assert filter.matches_pointer(pointer_to(EVENT)) is True


def test_the_text_is_kept_as_it_was_given() -> None:
    filter = parse_filter("  Type:A   or (b) ")
    assert filter.text == "Type:A   or (b)"
    assert not filter.empty


@pytest.mark.parametrize(
    "text", ["type:a", "aggregate:a/1", "id:x", "correlation:x", "causation:x", "time>2024-01-01", "not type:a"]
)
def test_the_index_alone_answers_for(text: str) -> None:
    assert not parse_filter(text).reads_payload


@pytest.mark.parametrize("text", ["a", "data.a:1", "key:a", "property.a:b", "source:a", "subject:a", "text~a", "type:a or b"])
def test_the_message_is_needed_for(text: str) -> None:
    assert parse_filter(text).reads_payload


def test_a_pointer_decides_where_it_can_and_leaves_the_rest_to_the_message() -> None:
    pointer = pointer_to(EVENT)
    assert parse_filter("type:x müller").matches_pointer(pointer) is False
    assert parse_filter("type:PatientRegistered müller").matches_pointer(pointer) is None
    assert parse_filter("type:PatientRegistered or müller").matches_pointer(pointer) is True
    assert parse_filter("not müller").matches_pointer(pointer) is None


def test_a_copy_whose_aggregate_the_index_does_not_know_is_left_to_the_message() -> None:
    copy = pointer_to(EVENT, derived=True, version=None, aggregate_type="", aggregate_id="")
    assert parse_filter("aggregate:4711").matches_pointer(copy) is None
    assert parse_filter("not aggregate:4711").matches_pointer(copy) is None
    assert parse_filter("aggregate:4711 type:x").matches_pointer(copy) is False
    assert parse_filter("type:*").matches_pointer(copy) is True


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("time>=2024-05-01", utc(2024, 5, 1), None),
        ("time>2024-05-01", utc(2024, 5, 2), None),
        ("time<2024-05-01", None, utc(2024, 5, 1)),
        ("time<=2024-05-01", None, utc(2024, 5, 2)),
        ("time:2024-05-01", utc(2024, 5, 1), utc(2024, 5, 2)),
        ("time>=2024-05-01 a (time<2024-06-01 time>=2024-04-01)", utc(2024, 5, 1), utc(2024, 6, 1)),
        ("time>2024-05-01T10:00+02:00", utc(2024, 5, 1, 8, 1), None),
        ("time>2024-05-01T10:00:00.5Z", utc(2024, 5, 1, 10, 0, 0, 600_000), None),
        ("time>=2024-05-01 or a", None, None),
        ("not time>=2024-05-01", None, None),
        ("time!=2024-05-01", None, None),
        ("data.at>2024-05-01", None, None),
    ],
)
def test_a_range_of_time_that_every_match_lies_in_is_told(text: str, since: datetime | None, until: datetime | None) -> None:
    filter = parse_filter(text)
    assert (filter.since, filter.until) == (since, until)


@pytest.mark.parametrize(
    "data",
    [b"\x00\xff", b"{'a': 1}", b'{"a":1}' + b" " * 1_000_000, b"[" * 100_000 + b"]" * 100_000],
    ids=lambda d: str(d[:8]),
)
def test_a_payload_that_cannot_be_looked_into_is_neither_a_match_nor_none(data: bytes) -> None:
    for text in ("data.a:1", "not data.a:1", "data.a!=1", "data.a:*", "data.a>0", "data.a:1 type:*", "data.a:1 or type:x"):
        assert parse_filter(text).judge(event(data)) is Verdict.UNKNOWN, text
        assert not parse_filter(text).matches(event(data)), text


def test_what_is_certain_all_the_same_is_said() -> None:
    broken = event(b"\xff")
    assert parse_filter("data.a:1 type:x").judge(broken) is Verdict.NO
    assert parse_filter("data.a:1 or type:*").judge(broken) is Verdict.MATCH
    assert parse_filter("not (data.a:1 type:x)").judge(broken) is Verdict.MATCH


def test_an_event_without_a_payload_has_no_values() -> None:
    assert parse_filter("data.a:*").judge(event(b"")) is Verdict.NO
    assert parse_filter("not data.a:*").judge(event(b"")) is Verdict.MATCH


def test_numbers_and_texts_that_the_quick_parser_refuses_are_looked_into_all_the_same() -> None:
    odd = event(b'{"huge": 1e999, "digits": %s, "half": "\\ud800x", "a": 1}' % (b"9" * 5_000))
    for text in ("data.a:1", "data.huge>1e300", "data.digits>1e300", "data.half~x", "data.half!=x", "data.a:1 data.half:*"):
        assert parse_filter(text).judge(odd) is Verdict.MATCH, text
    for text in ("data.huge=1e999", "data.huge:1E999", "data.huge:1e9*"):
        assert parse_filter(text).judge(odd) is Verdict.MATCH, text


def test_a_text_is_found_however_json_writes_it() -> None:
    written = event(
        b'{"name": "M\\u00fcller", "url": "https:\\/\\/example.org", "said": "\\"no\\"\\n", "sign": "\\ud83e\\ude7a"}'
    )
    for text in ("müller", "https*example.org", '"https://example.org"', r'"\"no\""', "🩺", 'text~"M.ller"'):
        assert parse_filter(text).matches(written), text


def test_a_text_beyond_what_is_looked_at_is_not_denied() -> None:
    long = event(b'{"a":"' + b"x" * 1_000_000 + b'needle"}', key="hay")
    assert parse_filter("needle").judge(long) is Verdict.UNKNOWN
    assert parse_filter("not needle").judge(long) is Verdict.UNKNOWN
    assert parse_filter("xxx").judge(long) is Verdict.MATCH
    assert parse_filter("hay").judge(long) is Verdict.MATCH


def test_a_list_longer_than_is_looked_at_is_not_denied() -> None:
    long = event({"a": [*range(1_000), "needle"]})
    assert parse_filter("data.a:needle").judge(long) is Verdict.UNKNOWN
    assert parse_filter("data.a:999").judge(long) is Verdict.MATCH


def test_a_message_that_fits_no_envelope_is_found_by_what_every_message_has() -> None:
    junk = unreadable(b'{"note": "forgot the type"}', key="k-9", properties={"ce_source": "/old"})
    for text in ("id:11@*", "key:k-9", "property.ce_source:/old", "forgot", 'text~"the type"', "time>=2026-01-31", "not id:x"):
        assert parse_filter(text).judge(junk) is Verdict.MATCH, text
    for text in ("type:*", "not type:x", "type!=x", "aggregate:*", "correlation!=x", "source:*", "subject:*", "data.note:*"):
        assert parse_filter(text).judge(junk) is Verdict.UNKNOWN, text
    assert parse_filter("id:x").judge(junk) is Verdict.NO
    assert parse_filter("not type:x").matches_pointer(pointer_to(junk)) is False
    assert parse_filter("type:x or forgot").matches_pointer(pointer_to(junk)) is None


def test_the_payload_is_parsed_at_most_once_and_only_when_a_term_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    real = eval_context.document_of

    def counted(event: Event) -> object:
        parsed.append(event.id)
        return real(event)

    monkeypatch.setattr(eval_context, "document_of", counted)
    parse_filter("data.amount:1 or data.price:2 or data.code:3 or data.email:4").matches(EVENT)
    assert parsed == ["E-17"]
    parse_filter("data.amount:100 müller type:Other").matches(EVENT)
    parse_filter("müller type:*").matches(EVENT)
    assert parsed == ["E-17"], "cheap terms are asked first"


def test_a_message_without_a_key_has_an_empty_one() -> None:
    keyless = event(key=None)
    assert parse_filter('key:"" not key:*').matches(keyless)
    assert not parse_filter("key:x").matches(keyless)
    assert not parse_filter("none").matches(keyless)


def test_an_event_on_which_a_filter_fails_is_undecided(caplog: pytest.LogCaptureFixture) -> None:
    def fail(asked: object) -> bool:
        raise KeyError("secret payload")

    fragile = replace(parse_filter("type:x"), _on_event=fail)
    assert fragile.judge(event()) is Verdict.UNKNOWN
    assert not fragile.matches(event())
    assert "secret" not in caplog.text


def test_no_filter_of_times_decides_about_an_unknown_time() -> None:
    timeless = event(time=NO_TIME)
    for text in ("time<2024-05-01", "time>=2024-05-01", "not time<2024-05-01"):
        assert parse_filter(text).judge(timeless) is Verdict.UNKNOWN
        assert parse_filter(text).matches_pointer(pointer_to(timeless)) is None
