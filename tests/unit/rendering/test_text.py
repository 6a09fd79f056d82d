"""Types in plain words, shortened ids, and times and durations for reading."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboard.rendering import text
from dashboard.rendering.tags import has_burst
from eventstore.model import NO_TIME


@pytest.mark.parametrize(
    ("event_type", "said"),
    [
        ("com.example.events.user.created", "User created"),
        ("com.example.events.user.email_changed", "Email changed"),
        ("permits.T02CheckConfirmationOfReceipt", "T02 check confirmation of receipt"),
        ("DocumentUploaded", "Document uploaded"),
        ("documentUploaded", "Document uploaded"),
        ("document-uploaded", "Document uploaded"),
        ("GPLetterSent", "GP letter sent"),
        ("com.example.document.uploaded.v2", "Document uploaded"),
        ("patient", "Patient"),
        ("Ärztin.Überwiesen", "Überwiesen"),
        ("", text.NO_TYPE),
        ("   ", text.NO_TYPE),
        ("....", "...."),
        ("<script>alert(1)</script>", "Script"),
        ("a/b", "A b"),
        ("LoanASubmitted", "Loan A submitted"),
        ("ReleaseC", "Release C"),
        ("ORDER_PLACED", "Order placed"),
        ("W_COMPLETEREN AANVRAAG", "W completeren aanvraag"),
        ("T02_CHECK", "T02 check"),
        ("shop.ORDER.PLACED", "PLACED"),
        ("GP", "GP"),
        ("💊", "💊"),
    ],
)
def test_a_type_is_said_in_its_own_words(event_type: str, said: str) -> None:
    assert text.humanize_type(event_type) == said


def test_words_of_a_very_long_type_stay_short() -> None:
    assert len(text.humanize_type("LongWord" * 10_000)) <= text.LONGEST_TYPE


@pytest.mark.parametrize("length", [1, 2, 3, 4, 10, 24])
def test_shortened_text_is_never_longer_than_asked_and_keeps_its_beginning(length: int) -> None:
    short = text.shorten("0123456789abcdefghijklmnopqrstuvwxyz", length)
    assert len(short) == length
    assert "…" in short


def test_shortened_ids_keep_both_ends() -> None:
    assert text.shorten("a39501da-0000-0000-0000-00000008e5ac", 14) == "a39501da-…e5ac"
    assert text.shorten("exactly ten", 11) == "exactly ten"
    assert text.shorten("", 5) == ""


def test_signs_that_turn_the_line_around_or_cannot_be_seen_are_written_out() -> None:
    assert text.visible("a\u202egpj.exe") == "a[U+202E]gpj.exe"
    assert text.visible("a\x00b\x7f") == "a␀b␡"
    assert text.visible("a\ud800") == "a[U+D800]"
    assert text.visible("tab\tand line\n") == "tab\tand line\n"
    assert text.visible("Grüße 💊") == "Grüße 💊"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0 seconds"),
        (1, "1 second"),
        (59.9, "59 seconds"),
        (60, "1 minute"),
        (7200, "2 hours"),
        (86_400, "1 day"),
        (729 * 86_400, "729 days"),
        (15.1 * 365.25 * 86_400, "15 years"),
    ],
)
def test_durations_are_said_in_one_unit(seconds: float, said: str) -> None:
    assert text.format_duration(seconds) == said


def test_times_are_shorter_the_nearer_they_are() -> None:
    now = datetime(2026, 11, 22, 21, 10, 14, 201_000, tzinfo=UTC)
    assert text.format_time(now, "clock", now) == "21:10:14"
    assert text.format_time(now - timedelta(days=1), "clock", now) == "21 Nov, 21:10:14"
    assert text.format_time(now - timedelta(days=400), "", now) == "18 Oct 2025, 21:10"
    assert text.format_time(now, "exact", now) == "22 Nov 2026, 21:10:14.201 UTC"
    assert text.format_exact(now) == "2026-11-22 21:10:14.201 UTC"
    assert text.format_exact(datetime(1, 1, 2, tzinfo=UTC)) == "0001-01-02 00:00:00 UTC"


def test_what_makes_a_shown_time_exact_to_a_millisecond() -> None:
    now = datetime(2026, 11, 22, 21, 10, 14, 201_900, tzinfo=UTC)
    long_ago = now - timedelta(days=400)
    shown = {
        text.format_time(at, style, now) + text.format_fine(at, style, now) for at, style in ((now, "clock"), (now, "day"))
    }
    assert shown == {"21:10:14.201", "22 Nov, 21:10:14.201"}
    assert text.format_time(long_ago, "clock", now) + text.format_fine(long_ago, "clock", now) == "18 Oct 2025, 21:10:14.201"
    assert text.format_fine(now, "exact", now) == ""


def test_a_list_shows_milliseconds_where_two_neighbours_would_read_the_same() -> None:
    now = datetime(2026, 11, 22, 21, 10, 14, 201_000, tzinfo=UTC)
    second, millisecond = timedelta(seconds=1), timedelta(milliseconds=1)
    assert has_burst([now + second, now + millisecond, now], now)
    assert not has_burst([now, now + second, now + millisecond * 2], now), "only neighbours are taken for each other"
    assert not has_burst([now, now], now), "milliseconds would not tell them apart either"
    assert has_burst([now, NO_TIME, now + millisecond], now), "an unknown time stands between them"
    assert not has_burst([], now)
    before_1970 = datetime(1968, 5, 1, 9, 0, 1, tzinfo=UTC)
    assert has_burst([before_1970, before_1970 + second], now), "that far away, times are shown to the minute"


def test_sizes_are_exact_while_they_are_small() -> None:
    assert [text.format_size(n) for n in (0, 1, 9_999, 20_000, 5_242_880)] == [
        "0 bytes",
        "1 byte",
        "9,999 bytes",
        "20 kB",
        "5.2 MB",
    ]


@pytest.mark.parametrize(
    ("seconds", "said"), [(-5, "in the future"), (-0.5, "just now"), (0, "just now"), (0.9, "just now"), (1, "1 second ago")]
)
def test_what_is_less_than_a_second_ago_is_now(seconds: float, said: str) -> None:
    assert text.format_age(seconds) == said
