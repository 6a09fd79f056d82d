"""What filters may cost: hostile ones are stopped by what they spend, ordinary ones never are."""

import random
from collections.abc import Iterator, Sequence
from types import SimpleNamespace

import pytest

from eventstore.model.events import Event
from eventstore.search import CostBudget, FilterTooExpensive, Verdict, cost_budget, limits, parse_filter
from tests.unit.search.search_events import event

_chance = random.Random(4711)
LETTERS = "".join(_chance.choice("ab") for _ in range(5_200))
MANY = 3_000
"""Events whose looking through would take the hostile filters half a minute and more."""

CATASTROPHIC = {
    "repetitions behind a choice": 'text~"[ab]*a[ab]{900}c"',
    "a long way to a sign": 'text~".{0,500}Q"',
    "a range of repetitions": 'data.x~"[ab]{1,900}c"',
    "nested repetitions": 'text~"(?:[ab]{0,30}a){10}c"',
    "ten of them": " or ".join(f'text~"[ab]*a[ab]{{{400 + n}}}c"' for n in range(10)),
    "behind others that hold": 'type:PatientRegistered not id:x text~"[ab]*a[ab]{900}c"',
}
ORDINARY = {
    "a type": "type:Patient*",
    "a value": "data.x:*bab*",
    "a text": "baba",
    "the classic": 'text~"(a+)+$" or text~"(a|a)*c" or data.x~"(.*)*c"',
    "optional repetitions": 'text~"(?:a?){300}a{300}c"',
    "letters of any script": r'text~"(?i)[\pL\pN.]+@example\.org"',
    "some signs between two words": r'text~"(invoice|rechnung).{0,100}due"',
    "a hundred values": " or ".join(f"data.f{n}:x" for n in range(100)),
}


class Counted(Sequence[Event]):
    """The same event again and again, and how often it was asked for."""

    def __init__(self, one: Event, count: int) -> None:
        self.one, self.size, self.asked = one, count, 0

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, place: int | slice) -> Event:  # type: ignore[override]  # nobody cuts it
        return self.one

    def __iter__(self) -> Iterator[Event]:
        for _ in range(self.size):
            self.asked += 1
            yield self.one


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    cost_budget.forget()
    yield
    cost_budget.forget()


@pytest.mark.slow
@pytest.mark.parametrize("text", CATASTROPHIC.values(), ids=CATASTROPHIC.keys())
def test_a_catastrophic_expression_is_stopped_after_few_events(text: str) -> None:
    events = Counted(event({"x": LETTERS}), MANY)
    with pytest.raises(FilterTooExpensive, match="simpler"):
        CostBudget(parse_filter(text)).matching(events)
    assert events.asked < MANY / 4


@pytest.mark.slow
@pytest.mark.parametrize("text", ORDINARY.values(), ids=ORDINARY.keys())
def test_an_ordinary_filter_may_look_at_as_much_as_there_is(text: str) -> None:
    events = Counted(event({"x": LETTERS}), MANY)
    CostBudget(parse_filter(text)).matching(events)
    assert events.asked == MANY


def test_what_matches_is_told_by_its_place() -> None:
    found = CostBudget(parse_filter("data.n<3")).matching([event({"n": number}) for number in (5, 1, 7, 2)])
    assert found == [1, 3]


class Clock:
    """Of a processor on which a look at an event takes so long, while nothing else goes by."""

    def __init__(self, seconds: float) -> None:
        self.spent, self.now, self.seconds, self.looks = 0.0, 0.0, seconds, 0

    def thread_time(self) -> float:
        return self.spent

    def monotonic(self) -> float:
        return self.now

    def look(self, asked: object) -> bool:
        self.spent += self.seconds
        self.looks += 1
        return True


def driven(clock: Clock, monkeypatch: pytest.MonkeyPatch, text: str = "type:x") -> CostBudget:
    monkeypatch.setattr(cost_budget, "time", clock)
    filter = SimpleNamespace(text=text, matches=clock.look, judge=lambda asked: clock.look(asked) and Verdict.MATCH)
    return CostBudget(filter)  # type: ignore[arg-type]


def test_no_more_is_spent_than_what_the_events_allow_and_a_third_of_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(0.010)
    account = driven(clock, monkeypatch)
    with pytest.raises(FilterTooExpensive):
        for _ in range(1_000):
            account.matching([event(b"{}")])
    assert clock.spent == pytest.approx(cost_budget.BURST, abs=0.02)


def test_a_chunk_is_not_looked_through_to_its_end_first(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(0.010)
    with pytest.raises(FilterTooExpensive):
        driven(clock, monkeypatch).matching([event(b"{}")] * 1_000)
    assert clock.looks <= 2 * cost_budget.STRIDE
    clock = Clock(0.010)
    with pytest.raises(FilterTooExpensive):
        driven(clock, monkeypatch, "type:y").matching([event(b"x" * 5_000)] * 1_000)
    assert clock.looks < cost_budget.STRIDE + 5, "large events are few between two looks at the clock"


def test_what_is_within_the_allowance_goes_on_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    account = driven(Clock(cost_budget.AN_EVENT), monkeypatch)
    for _ in range(50):
        assert len(account.matching([event(b"{}")] * 1_000)) == 1_000
    assert account.judge(event(b"{}")) is Verdict.MATCH


def test_time_that_goes_by_allows_something_too(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(0.100)
    account = driven(clock, monkeypatch)
    for _ in range(50):
        account.judge(event(b"{}"))
        clock.now += 2.5


def test_what_was_too_dear_gets_little_when_it_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def spent() -> float:
        clock = Clock(0.010)
        account = driven(clock, monkeypatch, "dear")
        with pytest.raises(FilterTooExpensive):
            account.matching([event(b"x" * 5_000)] * 1_000)
        return clock.spent

    assert spent() > cost_budget.BURST
    assert spent() < cost_budget.BURST / 4
    monkeypatch.setattr(cost_budget, "REMEMBERED_SECONDS", -1.0)
    spent()
    assert spent() > cost_budget.BURST


def test_so_many_and_no_more_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost_budget, "MOST_REMEMBERED", 3)
    for number in range(10):
        with pytest.raises(FilterTooExpensive):
            driven(Clock(1.0), monkeypatch, f"dear {number}").judge(event(b"{}"))
    assert len(cost_budget._too_expensive) == 3


def test_of_a_key_only_so_much_is_looked_at() -> None:
    long = event(b"{}", key="k" * limits.KEY_CHARACTERS + "needle")
    assert parse_filter("needle").judge(long) is Verdict.UNKNOWN
    assert parse_filter('text~"needle"').judge(long) is Verdict.UNKNOWN
    assert parse_filter("kkk").judge(long) is Verdict.MATCH
    assert parse_filter("needle").judge(event(b"{}", key="needle")) is Verdict.MATCH
    assert parse_filter("other").judge(event(b"{}", key="k" * limits.KEY_CHARACTERS)) is Verdict.NO
