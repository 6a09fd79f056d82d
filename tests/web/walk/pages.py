"""The pages of a walk: what a person is answered at every route of the URL table, and at every address that these answers
hold."""

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client
from django.urls import Resolver404, URLPattern, resolve

from dashboard import urls
from dashboard.rendering.url_segments import segment
from eventstore.model.anomalies import Anomaly
from tests.planted_replay import JOB
from tests.web.desk import NAME, TOPIC
from tests.web.letters import DEAD
from tests.web.walk.planted import HELD, MAPPED, ODD, PATIENT, PROJECTION

ROUTES: Sequence[URLPattern] = list(urls.urlpatterns)
PARTS: Mapping[str, Sequence[str]] = {
    "topic": [TOPIC, ODD, MAPPED, DEAD, "nowhere"],
    "name": [NAME, "nobody"],
    "type": ["patient", MAPPED, "nothing"],
    "id": [PATIENT, "nobody"],
    "kind": [kind.value for kind in Anomaly] + ["none"],
    "generation": [f"{NAME}-v2"],
    "patient": [PATIENT],
}
"""What stands for each part of a route's address, wherever the page is about it."""
IDS: Mapping[str, Sequence[str]] = {
    "events/": [HELD, "event-0", "nothing"],
    "jobs/": [JOB, "nothing"],
    "replays/": [JOB, "ffff"],
    "searches/": ["nothing"],
}
"""What stands for ``id`` in addresses that begin so."""
QUERIES: Mapping[str, Sequence[str]] = {
    "event": ["payload=all", "at=nonsense", "at=1@0@nowhere"],
    "topic": ["filter=type:Told", "filter=zzz", "filter=data.name~z", "since=yesterday", "filter=((", "page=nonsense"],
    "aggregate": ["filter=zzz", "filter=data.name=z", "event=nonsense", "filter=type:*Told"],
    "aggregates": ["q=zzz", "q=patient", "q=event-0", "q=conversation-1", "q=Registered", f"q={PATIENT}", f"q={NAME}"],
    "aggregate_type": ["q=4", "order=id", "q=zzz"],
    "tail": ["filter=zzz", "filter=data.name=z", "from=never", "from=position&position=nonsense", "from=time&time=z"],
    "tails": [f"topic={TOPIC}&topic={ODD}", "topic=nowhere", f"aggregate_type=patient&aggregate_id={PATIENT}", "choose=1"],
    "subscription": [f"aggregate={PATIENT}", "aggregate=nobody"],
    "dead_letters": ["filter=type:*Registered", "filter=zzz", f"of={DEAD}"],
    "cursor_reset_new": ["to=earliest", "to=latest", "to=position&position=nonsense", "to=time&time=2024-05-01"],
    "replay_new": [f"projection={PROJECTION}&kind=aggregate&type=patient&id={PATIENT}", "kind=filter&filter=data.name=z"],
    "audit": ["by=support", "about=4711", "q=zzz"],
    "masking": [f"topic={TOPIC}", *(f"topic={TOPIC}&type=health.{type}" for type in ("Registered", "Told")), f"topic={ODD}"],
    "jobs": ["show=open", "show=ended"],
}
"""What else addresses of these routes may ask: filled in, and wrong."""
OFTEN = 1
"""Addresses of one form that are followed. Of events all are: each is odd in its own way."""


@dataclass
class Found(HTMLParser):
    """The addresses and the forms of a page."""

    links: list[str] = field(default_factory=list)
    forms: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """Method, address, and fields by name."""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((given.get("method", "get").lower(), given.get("action", ""), {}))
        elif tag in ("input", "select", "textarea", "button") and self.forms and given.get("name"):
            self.forms[-1][2].setdefault(given["name"], given.get("value", ""))
        elif tag == "option" and self.forms and self.forms[-1][2] and "selected" in given:
            name = list(self.forms[-1][2])[-1]
            self.forms[-1][2][name] = given.get("value", "")
        if tag != "link":
            self.links += [given[name] for name in ("href", "hx-get", "data-url", "data-from") if given.get(name)]


@dataclass
class Answer:
    """What came, in all its parts, and where it was asked for."""

    address: str
    status: int
    headers: str
    body: str

    @property
    def location(self) -> str:
        """Where it redirects to; empty if it does not."""
        return next((line.partition(": ")[2] for line in self.headers.split("\n") if line.startswith("Location: ")), "")

    @cached_property
    def found(self) -> Found:
        found = Found()
        if "<" in self.body:
            found.feed(self.body)
        return found


def addresses(route: URLPattern) -> list[str]:
    """The route's addresses, with names of things that exist and of some that do not. ``KeyError`` for a part that nothing
    stands for: add it above."""
    pattern = str(route.pattern)
    ids = next((ids for begin, ids in IDS.items() if pattern.startswith(begin)), PARTS["id"])
    known = {**PARTS, "id": ids}
    if pattern.startswith("projections/"):
        known["name"] = [PROJECTION, "nobody"]
    parts = route.pattern.converters
    most = max([len(known[part]) for part in parts], default=1)
    filled = []
    for number in range(most):
        address = "/" + pattern
        for part, converter in parts.items():
            choice = known[part][min(number, len(known[part]) - 1)]
            name = next(name for name in ("segment", "hex", "str", "int") if f"<{name}:{part}>" in address)
            assert converter is not None
            address = address.replace(f"<{name}:{part}>", segment(choice))
        filled.append(address)
    return [*filled, *(f"{filled[0]}?{query}" for query in QUERIES.get(str(route.name), ()))]


def asked(client: Client, address: str, method: str = "get", **more: object) -> Answer:
    """The answer to this request, whatever it is."""
    response: HttpResponse | StreamingHttpResponse = getattr(client, method)(address, **more)
    content = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[union-attr,arg-type]
    headers = "\n".join([*(f"{name}: {value}" for name, value in response.items()), response.cookies.output()])
    text = content.decode(response.charset or "utf-8", "replace")
    return Answer(f"{method.upper()} {address}", response.status_code, headers, text)


def crawled(client: Client, routes: Sequence[URLPattern]) -> Iterator[Answer]:
    """The answers at the addresses of these routes, as a page and as a fragment, and at those that they hold, if they are of
    these routes: ``OFTEN`` of each form."""
    start = [address for route in routes for address in addresses(route)]
    waiting, known, times, names = deque(start), set(start), Counter[object](), {str(route.name) for route in routes}
    while waiting:
        address = waiting.popleft()
        answer = asked(client, address)
        yield answer
        if address in start and answer.status == HTTPStatus.OK:
            yield asked(client, address, headers={"HX-Request": "true"})
        found = answer.found
        links = [*found.links, answer.location, *(to for method, to, _ in found.forms if method == "get")]
        for link in (urljoin(address, link).partition("#")[0] for link in links if link):
            if link not in known and _is_new(link, names, times):
                known.add(link)
                waiting.append(link)


def _is_new(link: str, routes: Set[str], times: Counter[object]) -> bool:
    """Whether this is an address of one of the routes, and few of its form were followed yet."""
    split = urlsplit(link)
    if split.netloc or not split.path.startswith("/") or split.path.startswith(("/static/", "/logout/")):
        return False
    try:
        match = resolve(split.path)
    except Resolver404:
        return False
    names = tuple(sorted({pair.partition("=")[0] for pair in split.query.split("&")}))
    what = split.path if match.url_name == "event" and "payload" not in names else ""
    times[form := (match.url_name, names, what)] += 1
    return match.url_name in routes and times[form] <= OFTEN
