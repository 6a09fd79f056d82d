"""A whole desk on a broker that asks who one is: every part says what is forbidden or ended, and recovers; no secret shows."""

import re
import time
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import OpenerDirector

import pytest
from websockets.exceptions import ConnectionClosedError

from dashboard.auditing.safeguards import SAFEGUARDS
from dashboard.models import AuditEntry, Role
from dashboard.rendering.url_segments import segment
from eventstore.actions import subscription_resource
from eventstore.drivers.pulsar.storage import PulsarStorage
from eventstore.index.lookup import queries
from eventstore.jobs import Job, State
from eventstore.jobs.face import JobFace
from eventstore.model.events import NewMessage
from eventstore.replays import REPLAY_EVENTS
from tests.desk_process import Desk
from tests.logging_in import cookie_of, session_of
from tests.people import PASSWORD, actor, person
from tests.replaying import order_of
from tests.secured import Secured
from tests.tail_client import Follower, run, socket

pytestmark = pytest.mark.broker

CONFIG = """
[[projection]]
name = "app-timeline"
purpose = "What patients see in the app"
topics = ["documents"]
subscription = "app-timeline"
ways = ["topic"]
replay_topic = "documents-replay"
"""
SECONDS = 60.0
ROLE = "support-desk"


class Scene:
    """A desk whose token and certificate are in files, and the broker's administrator beside it."""

    def __init__(self, secured: Secured, folder: Path, databases: dict[str, str]) -> None:
        self.secured, self.namespace = secured, secured.namespace()
        self.topic = secured.topic(self.namespace)
        self.token, self.secrets = folder / "token", list[str]()
        self.certificate, self.key = secured.authority.issue("tls-of-the-desk", "tls-of-the-desk")
        self.secrets += self.key.read_text().splitlines()[1:-1]
        self.give_token(600)
        self.grant()
        (folder / "desk.toml").write_text(CONFIG)
        setup = secured.broker.setup
        self.desk = Desk(
            folder,
            {
                **databases,
                "EVENTSTORE_URL": setup.tls_service_url,
                "PULSAR_ADMIN_URL": setup.tls_admin_url,
                "EVENTSTORE_NAMESPACES": self.namespace,
                "PULSAR_TOKEN_FILE": str(self.token),
                "PULSAR_TLS_TRUST_CERTS": secured.trust,
                "PULSAR_TLS_CERTIFICATE": str(self.certificate),
                "PULSAR_TLS_KEY": str(self.key),
                "EVENTDESK_CONFIG": str(folder / "desk.toml"),
            },
        )
        self.admin = PulsarStorage(
            service_url=secured.broker.service_url,
            admin_url=secured.broker.admin_url,
            namespaces=[self.namespace],
            access=secured.as_admin(),
        )
        self.published = 0

    def give_token(self, lasts: float) -> None:
        self.secured.write_token(self.token, ROLE, lasts=lasts)
        self.secrets.append(self.token.read_text().rpartition(".")[2])

    def grant(self) -> None:
        self.secured.grant(self.namespace, ROLE, ["produce", "consume"])

    def publish(self, count: int) -> None:
        numbers = range(self.published, self.published + count)
        self.admin.log.append(self.topic, [_event(number) for number in numbers])
        self.published += count


def _event(number: int) -> NewMessage:
    properties = {"ce_specversion": "1.0", "ce_id": f"e-{number}", "ce_type": "DocumentUploaded", "ce_source": "/documents"}
    return NewMessage(payload=b"{}", key="k", properties=properties)


@pytest.fixture
def scene(secured: Secured, tmp_path: Path, desk_databases: dict[str, str]) -> Iterator[Scene]:
    one = Scene(secured, tmp_path, desk_databases)
    person(Role.ADMIN, "anna")
    with one.desk:
        one.desk.spawn("jobs", "manage.py", "run_jobs")
        yield one
    one.admin.close()


def test_what_the_broker_refuses_is_said_everywhere_recovers_and_shows_no_secret(scene: Scene) -> None:
    scene.publish(5)
    opener, _ = session_of(scene.desk, "anna", PASSWORD)
    topic_page = f"topics/{segment(scene.topic)}/"
    shows(scene, opener, topic_page, "DocumentUploaded")
    all_are_indexed(scene)

    scene.secured.revoke(scene.namespace, ROLE)
    job = asked_for_a_replay(scene)
    shows(scene, opener, topic_page, "The event store does not permit this", "it needs the permission consume", f"({ROLE})")
    assert closed_tail(scene) == (4504, True)
    shows(scene, opener, f"jobs/{job}/", "it needs the permission")
    assert job_of(scene, job).state is State.QUEUED
    logged(scene, "index", "it needs the permission")

    scene.publish(1)
    scene.grant()
    all_are_indexed(scene)
    _until(lambda: job_of(scene, job).progress.done == 5, lambda: job_of(scene, job))
    assert tail_of(scene, 6) == 6

    scene.give_token(-5)
    shows(scene, opener, "topics/", "The event store does not let Eventdesk in", f"the token ({ROLE}) ended on")
    assert closed_tail(scene) == (4503, True)
    logged(scene, "index", f"the token ({ROLE}) ended on")
    scene.publish(1)
    scene.give_token(600)
    all_are_indexed(scene)
    shows(scene, opener, topic_page, "DocumentUploaded")
    assert tail_of(scene, 7) == 7

    search_for_secrets(scene)


SEEN: list[str] = []


def read(scene: Scene, opener: OpenerDirector, path: str) -> str:
    """Return the text of a page, whatever its status."""
    try:
        body = opener.open(f"{scene.desk.url}{path}", timeout=30).read().decode()
    except HTTPError as error:
        body = error.read().decode()
    SEEN.append(body)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


def all_are_indexed(scene: Scene) -> None:
    _until(
        lambda: sum(one.events for one in queries.indexed_topics() if one.topic == scene.topic) == scene.published,
        lambda: scene.desk.log("index")[-2000:],
    )


def logged(scene: Scene, process: str, text: str) -> None:
    _until(lambda: text in scene.desk.log(process), lambda: scene.desk.log(process)[-2000:])


def asked_for_a_replay(scene: Scene) -> str:
    target = scene.admin.log.create_topic(f"{scene.namespace}/documents-replay").name
    order = order_of(scene.admin, [scene.topic], target)
    jobs = JobFace(storage=scene.admin, safeguards=SAFEGUARDS)
    resource = subscription_resource(scene.topic, order.subscription)
    return jobs.enqueue(
        REPLAY_EVENTS, resource, order.as_json(), actor=actor(person(Role.ADMIN, "anna")), reason="SUP-1", total=5
    ).id


def closed_tail(scene: Scene) -> tuple[int, bool]:
    """Open a tail that is refused; return the code with which it closes, and whether it tells why before."""

    async def watch() -> tuple[int, bool]:
        async with socket(scene.desk, scene.topic, cookie=cookie_of(scene.desk, "anna", PASSWORD)) as connection:
            follower = Follower(connection)
            await follower.say(begin={"from": "now"})
            code = await follower.close_code()
            SEEN.extend(follower.problems)
            return code or 0, "it needs the permission consume" in str(follower.problems) or "ended on" in str(
                follower.problems
            )

    return run(watch)


def tail_of(scene: Scene, count: int) -> int:
    """Follow the topic from its beginning until so many events have come; return how many have.

    As the page does, it comes again where the desk has not asked the broker anew yet.
    """
    for _ in range(30):
        try:
            return followed(scene, count)
        except ConnectionClosedError:
            time.sleep(1.0)
    return followed(scene, count)


def followed(scene: Scene, count: int) -> int:

    async def watch() -> int:
        async with socket(scene.desk, scene.topic, cookie=cookie_of(scene.desk, "anna", PASSWORD)) as connection:
            follower = Follower(connection)
            await follower.say(begin={"from": {"last": 10}})
            await follower.until_count(count)
            SEEN.append(follower.rows)
            return follower.count

    return run(watch)


def job_of(scene: Scene, id: str) -> Job:
    return JobFace(storage=scene.admin, safeguards=SAFEGUARDS).get(id)


def search_for_secrets(scene: Scene) -> None:
    """In every log and page, in the databases, and in what other programs of this machine can see of the processes."""
    places = {f"a page or frame {number}": text for number, text in enumerate(SEEN)}
    places |= {name: scene.desk.log(name) for name in ("web", "index", "jobs")}
    places |= {
        f"cmdline of {name}": Path(f"/proc/{process.pid}/cmdline").read_text()
        for name, process in scene.desk.processes.items()
    }
    places |= {f"entry {entry.pk}": repr(vars(entry)) for entry in AuditEntry.objects.all()}
    for alias in ("DATABASE_URL", "INDEX_DATABASE_URL"):
        file = Path(scene.desk.environment[alias].removeprefix("sqlite:///"))
        for each in (file, file.with_name(f"{file.name}-wal")):
            if each.exists():
                places[each.name] = each.read_bytes().decode("latin-1")
    assert len(scene.secrets) > 3
    for name, text in places.items():
        for secret in scene.secrets:
            assert secret not in text, f"a secret is in {name}"


def shows(scene: Scene, opener: OpenerDirector, path: str, *texts: str) -> None:
    """Wait until the page has these texts."""
    _until(lambda: all(text in read(scene, opener, path) for text in texts), lambda: read(scene, opener, path))


def _until(is_so: Callable[[], bool], seen: Callable[[], object] = lambda: "") -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"waited in vain: {seen()}"
        time.sleep(0.2)
