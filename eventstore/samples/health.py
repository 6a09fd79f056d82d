"""Invented events of a health company, the same for the same seed. For tests, the demo and benchmarks.

Every event is a CloudEvents JSON document as a dictionary, as a line of a file for ``import_events`` contains it. All
people, practices and numbers are invented.
"""

import base64
import random
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from heapq import merge

from eventstore.model.events import NewMessage
from eventstore.samples import names as words
from eventstore.samples.permits import CloudEvent, permit_like

__all__ = ["FIRST_PATIENT", "HEALTH_TYPES", "CloudEvent", "health_history", "misfits", "oldest_form", "permit_like"]

HEALTH_TYPES = (
    "PatientRegistered",
    "InsuranceConfirmed",
    "EmailChanged",
    "DeviceLinked",
    "ConsentGiven",
    "ConsentWithdrawn",
    "DocumentUploaded",
    "DocumentScanned",
    "DocumentShared",
    "AppointmentBooked",
    "AppointmentMoved",
    "AppointmentCancelled",
    "ReminderScheduled",
)
FIRST_PATIENT = 4711
_END = datetime(2026, 1, 1, tzinfo=UTC)


def health_history(
    seed: int, patients: int, *, end: datetime | None = None, days: int = 90, poison: bool = False
) -> Iterator[CloudEvent]:
    """Yield the events of ``patients`` patients and their documents, appointments and consents, oldest first.

    They begin ``days`` before ``end`` (an aware time; by default the first moment of 2026) and end shortly before it,
    with about 20 events per patient. What happens to a patient's documents happened to the patient: it has the
    aggregate ``patient``, the source ``/documents`` and the document as its subject. Appointments and consents are
    aggregates of their own.

    ``correlationid`` and ``causationid`` connect causes and effects across aggregates. ``sequence`` counts within the
    aggregate, over all its sources, in the order of this result. ``poison`` adds three events that a careless consumer
    fails on: a changed shape, binary junk declared as JSON, and broken JSON. At most one event per patient is in
    memory.
    """
    end = end or _END
    begin = end - timedelta(days=days)
    poisoned = _poisoned(patients) if poison else {}
    step = (end - timedelta(days=min(1, days / 2)) - begin) / max(1, patients - 1)
    histories = (
        _Patient(seed, number, begin + step * number, end).history(poisoned.get(number, [])) for number in range(patients)
    )
    return merge(*histories, key=lambda event: str(event["time"]))


class _Patient:
    """Makes one patient's history, with a random generator of its own. Keeps what was counted and drawn so far."""

    def __init__(self, seed: int, number: int, begin: datetime, end: datetime) -> None:
        self.chance = random.Random(f"health:{seed}:{number}")  # noqa: S311 - repeatable on purpose, no secret
        self.id = str(FIRST_PATIENT + number)
        self.now = begin
        self.end = end
        self.sequences: Counter[tuple[str, str]] = Counter()
        self.made: Counter[str] = Counter()
        self.correlation = ""
        self.cause = ""

    def history(self, poisons: list[str]) -> Iterator[CloudEvent]:
        """Yield all events, oldest first, up to the end."""
        pause = max(timedelta(hours=1), (self.end - self.now) / self.chance.randint(5, 11))
        yield from self._until_end(self._registration())
        yield from self._until_end(self._poison(poisons))
        episodes = (self._document, self._document, self._appointment, self._appointment, self._account, self._consent)
        while self.now < self.end:
            self.now += pause * self.chance.uniform(0.4, 1.3)
            yield from self._until_end(self.chance.choice(episodes)())

    def _until_end(self, events: Iterator[CloudEvent]) -> Iterator[CloudEvent]:
        for event in events:
            if self.now >= self.end:
                return
            yield event

    def _registration(self) -> Iterator[CloudEvent]:
        self._begin()
        given, family = self.chance.choice(words.GIVEN), self.chance.choice(words.FAMILY)
        born = f"{self.chance.randint(1938, 2007)}-{self.chance.randint(1, 12):02}-{self.chance.randint(1, 28):02}"
        name = {"given": given, "family": family}
        yield self._event("PatientRegistered", "patient", {"name": name, "born": born, "email": self._email(given, family)})
        self._wait(minutes=30)
        insurer = self.chance.choice(words.INSURERS)
        number = f"X{self.chance.randrange(10**9):09}"
        yield self._event("InsuranceConfirmed", "patient", {"insurer": insurer, "memberNumber": number})
        self._wait(minutes=10)
        yield self._event("ConsentGiven", "consent", {"purpose": "treatment", "patient": self.id}, "treatment")

    def _account(self) -> Iterator[CloudEvent]:
        self._begin()
        if self.chance.random() < 0.5:
            given, family = self.chance.choice(words.GIVEN), self.chance.choice(words.FAMILY)
            yield self._event("EmailChanged", "patient", {"email": self._email(given, family), "confirmed": True})
        else:
            device = {"model": self.chance.choice(words.DEVICES), "token": self.chance.randbytes(8).hex()}
            yield self._event("DeviceLinked", "patient", {"device": device})

    def _consent(self) -> Iterator[CloudEvent]:
        self._begin()
        purpose = self.chance.choice(("research", "reminders", "sharing"))
        given = self.sequences["consent", f"consent-{self.id}-{purpose}"] % 2 == 0
        data = {"purpose": purpose, "patient": self.id}
        yield self._event("ConsentGiven" if given else "ConsentWithdrawn", "consent", data, purpose)

    def _document(self) -> Iterator[CloudEvent]:
        """Uploaded, scanned and perhaps shared, after a consent if one is needed: two aggregates, one correlation id."""
        self._begin()
        number = self._number("document")
        title, by = self.chance.choice(words.DOCUMENTS), self.chance.choice(words.UPLOADERS)
        size = self.chance.randint(20_000, 4_000_000)
        upload = {"title": title, "uploadedBy": by, "patient": self.id, "bytes": size, "pages": self.chance.randint(1, 9)}
        yield self._event("DocumentUploaded", "document", upload, number)
        self._wait(minutes=3)
        yield self._event("DocumentScanned", "document", {"result": "clean", "engine": "scan-4", "seconds": 1.5}, number)
        if self.chance.random() < 0.6:
            self._wait(minutes=60)
            if self.sequences["consent", f"consent-{self.id}-sharing"] % 2 == 0:
                yield self._event("ConsentGiven", "consent", {"purpose": "sharing", "patient": self.id}, "sharing")
                self._wait(minutes=2)
            shared = {"practice": self.chance.choice(words.PRACTICES), "title": title, "days": 30}
            yield self._event("DocumentShared", "document", shared, number)

    def _appointment(self) -> Iterator[CloudEvent]:
        self._begin()
        number = self._number("appointment")
        at = self.now + timedelta(days=self.chance.randint(2, 20))
        practice = self.chance.choice(words.PRACTICES)
        booked = {
            "practice": practice,
            "patient": self.id,
            "startsAt": _minute(at),
            "reason": self.chance.choice(words.REASONS),
        }
        yield self._event("AppointmentBooked", "appointment", booked, number)
        self._wait(minutes=1)
        reminder = {"channel": self.chance.choice(("push", "mail")), "sendAt": _minute(at - timedelta(days=1))}
        yield self._event("ReminderScheduled", "appointment", reminder, number)
        fate = self.chance.random()
        self._wait(minutes=600)
        if fate < 0.3:
            moved = {"startsAt": _minute(at + timedelta(days=3)), "by": self.chance.choice(("patient", "practice"))}
            yield self._event("AppointmentMoved", "appointment", moved, number)
        elif fate < 0.45:
            cancelled = {"by": self.chance.choice(("patient", "practice")), "practice": practice}
            yield self._event("AppointmentCancelled", "appointment", cancelled, number)

    def _poison(self, kinds: list[str]) -> Iterator[CloudEvent]:
        for kind in kinds:
            self._begin()
            number = self._number("document")
            event = self._event("DocumentUploaded", "document", _changed_shape(self.id), number)
            if kind == "binary junk":
                del event["data"]
                event["data_base64"] = base64.b64encode(b"\x00\xff\xfe" + self.chance.randbytes(300)).decode()
            elif kind == "broken JSON":
                del event["data"]
                event["data_base64"] = base64.b64encode(b'{"title": "Laboratory report", "uploadedBy": "Dr').decode()
            yield event

    def _begin(self) -> None:
        """Start a new conversation: it has its own correlation id, and its first event has no cause."""
        self.correlation, self.cause = self._uuid(), ""
        self._wait(minutes=2)

    def _wait(self, *, minutes: float) -> None:
        self.now += timedelta(minutes=self.chance.uniform(0.05, 1) * minutes)

    def _number(self, aggregate_type: str) -> str:
        self.made[aggregate_type] += 1
        return str(self.made[aggregate_type])

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def _email(self, given: str, family: str) -> str:
        return f"{given}.{family}{self.chance.randint(1, 99)}@example.org".lower()

    def _event(self, type: str, kind: str, data: CloudEvent, part: str = "") -> CloudEvent:
        """Make an event of this kind, from the kind's service. ``part`` tells apart several of a patient's."""
        name = f"{words.PREFIXES[kind]}{self.id}{'-' if part else ''}{part}"
        of_document = kind == "document"
        aggregate_type, aggregate_id = ("patient", self.id) if of_document else (kind, name)
        self.sequences[aggregate_type, aggregate_id] += 1
        event = {
            "specversion": "1.0",
            "id": self._uuid(),
            "type": type,
            "source": f"/{kind}s",
            "subject": f"document/{name}" if of_document else f"patient/{self.id}",
            "time": self.now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "aggregatetype": aggregate_type,
            "aggregateid": aggregate_id,
            "sequence": self.sequences[aggregate_type, aggregate_id],
            "correlationid": self.correlation,
        }
        if self.cause:
            event["causationid"] = self.cause
        event["data"] = {"document": name, **data} if of_document else data
        self.cause = str(event["id"])
        return event


_POISONS = ("broken JSON", "binary junk", "changed shape")


def _poisoned(patients: int) -> dict[int, list[str]]:
    """Return which patients get which poison. They are spread over the history, and all are included however few patients
    there are."""
    spread: dict[int, list[str]] = {}
    for place, kind in enumerate(_POISONS, start=1):
        spread.setdefault(patients * place // 4, []).append(kind)
    return spread


def _changed_shape(patient: str) -> CloudEvent:
    """What a newer service might write: a name that was a text became an object, a number became a list."""
    by = {"role": "practice", "person": {"given": "Ilvy", "family": "Morgenrain"}}
    return {"title": "Laboratory report", "uploadedBy": by, "patient": patient, "pages": [{"number": 1, "bytes": None}]}


def _minute(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


def oldest_form(seed: int, users: int, *, end: datetime | None = None, days: int = 30) -> Iterator[NewMessage]:
    """Yield raw messages in the system's oldest form: no envelope, no event id, the type in the payload, the key
    ``user_<uuid>``.

    They are spread over the ``days`` before ``end``, oldest first, each with its time as the message's event time.
    """
    chance = random.Random(f"oldest:{seed}")  # noqa: S311 - repeatable on purpose, no secret
    end = end or _END
    happened: list[tuple[datetime, str, str]] = []
    for _ in range(users):
        key = f"user_{uuid.UUID(int=chance.getrandbits(128), version=4)}"
        time = end - timedelta(days=days)
        for what, probability in (("created", 1.0), ("email_changed", 0.33), ("deleted", 0.33)):
            time += (end - time) * chance.uniform(0.05, 0.95)
            if chance.random() < probability:
                happened.append((time.replace(microsecond=0), key, what))
    for time, key, what in sorted(happened, key=lambda one: one[0]):
        email = f"{chance.choice(words.GIVEN)}{chance.randint(1, 999)}@example.org".lower()
        payload = f'{{"eventType": "com.example.events.user.{what}", "email": "{email}"}}'
        yield NewMessage(payload=payload.encode(), key=key, event_time=time)


def misfits(seed: int) -> Iterator[NewMessage]:
    """Yield messages that fit no envelope: junk, broken JSON, an empty one, and a CloudEvent without its type."""
    chance = random.Random(f"misfits:{seed}")  # noqa: S311 - repeatable on purpose, no secret
    yield NewMessage(payload=b"\x00\x9f\xff" + chance.randbytes(200), key="junk", properties={"producer-version": "0.3"})
    yield NewMessage(payload=b'{"title": "Discharge letter", "pages": [1, 2', key="doc-torn")
    yield NewMessage(payload=b"")
    properties = {
        "ce_id": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        "ce_specversion": "1.0",
        "ce_source": "/old",
    }
    yield NewMessage(payload=b'{"note": "written by a service that forgot the type"}', key="4711", properties=properties)
