"""What the configuration declares of projections, and which mistakes are refused."""

import pytest

from eventstore.config.loading import parse_config
from eventstore.config.projections import Projection, Way, hook_secret_problem
from eventstore.model.errors import InvalidConfiguration

DECLARED = """
[replays]
hosts = ["hooks.example.org", "127.0.0.1:8099"]
approval_above = 500

[[projection]]
name = "app-timeline"
purpose = "The timeline that patients see in the app"
owner = "Team App, app@example.org"
topics = ["documents", "shop/eu/letters"]
subscription = "app-timeline-v3"
ordered = true
ways = ["cursor", "generation", "topic", "local"]
replay_topic = "documents-app-timeline-replay"
side_effects = { AppointmentBooked = "sends a mail", "Invoice*" = "takes money" }
hooks = { before = "https://hooks.example.org/before", after = "http://127.0.0.1:8099/after?x=1" }
status = "https://hooks.example.org/status/{subscription}"
limits = { approval_above = 50, events_a_day = 2000 }
local = "shop.timeline.Timeline"

[[projection]]
name = "search"
purpose = "Full-text search"
topics = ["documents"]
subscription = "search"
"""


def test_a_projection_says_what_it_reads_and_how_it_may_be_given_events_again() -> None:
    config = parse_config(DECLARED, "desk.toml")
    timeline, search = config.projections
    assert config.replays.approval_above == 500
    assert timeline.declared
    assert timeline.ways == (Way.CURSOR, Way.GENERATION, Way.TOPIC, Way.LOCAL)
    assert timeline.reads("documents")
    assert timeline.reads("public/default/documents")
    assert timeline.reads("shop/eu/letters")
    assert not timeline.reads("shop/us/letters")
    assert timeline.replay_subscription == "app-timeline-v3"
    assert [timeline.side_effect(type) for type in ("AppointmentBooked", "InvoicePaid", "DocumentUploaded")] == [
        "sends a mail", "takes money", "",
    ]  # fmt: skip
    assert timeline.status_of("app-timeline-v4/x") == "https://hooks.example.org/status/app-timeline-v4%2Fx"
    assert (search.ways, search.replay_topic, search.limits.approval_above) == ((Way.CURSOR, Way.GENERATION), "", None)


IN_THE_PATH = "{subscription} may stand in the path or the query of a status address only"


def changed(old: str, new: str) -> str:
    assert old in DECLARED
    return DECLARED.replace(old, new, 1)


@pytest.mark.parametrize(
    "text, said",
    [
        (changed('"cursor", "gen', '"reset", "gen'), "line 13: projection[0].ways[0]: 'reset' is none of the words expected "
         "here: cursor, generation, topic, local"),
        (changed('replay_topic = "documents-app-timeline-replay"', ""), 'projection[0].replay_topic: the way "topic" needs'),
        (changed('"topic", ', ""), "projection[0].ways: there is a replay topic"),
        (changed('"documents-app-timeline-replay"', '"documents"'), "replay_topic: this is one of its own topics"),
        (changed('local = "shop.timeline.Timeline"', ""), 'projection[0].local: the way "local" needs the path'),
        (changed("shop.timeline.Timeline", "shop/timeline"), "projection[0].local: expected a dotted path"),
        (changed("https://hooks.example.org/before", "https://other.example.org/before"),
         'line 16: projection[0].hooks.before: the host "other.example.org" is not in replays.hosts'),
        (changed("https://hooks.example.org/before", "https://hooks.example.org:8443/before"), "is not in replays.hosts"),
        (changed("http://127.0.0.1:8099/after?x=1", "ftp://127.0.0.1:8099/"), "hooks.after: expected an address such as"),
        (changed("http://127.0.0.1:8099/after?x=1", "http://me@127.0.0.1:8099/"), "hooks.after: leave out the name, password"),
        (changed("http://127.0.0.1:8099/after?x=1", "http://127.0.0.1:99999/"), "hooks.after: expected an address"),
        (changed("https://hooks.example.org/status/", "https://elsewhere/"), 'projection[0].status: the host "elsewhere"'),
        (changed('"127.0.0.1:8099"]', '"http://127.0.0.1"]'), "replays.hosts[1]: expected a host"),
        (changed('"127.0.0.1:8099"]', '"127.0.0.1:99999"]'), "replays.hosts[1]: expected a host"),
        (changed('"127.0.0.1:8099"]', '"127.0.0.1:0"]'), "replays.hosts[1]: expected a host"),
        (changed('"127.0.0.1:8099"]', '"[::1::]"]'), "replays.hosts[1]: expected a host"),
        (changed("https://hooks.example.org/status/{subscription}", "https://{subscription}.example.org/"), IN_THE_PATH),
        (changed("https://hooks.example.org/status/{subscription}", "https://{subscription}/"), IN_THE_PATH),
        (changed("https://hooks.example.org/before", "https://hooks.example.org/x?of={subscription}"), IN_THE_PATH),
        (changed("https://hooks.example.org/before", "https://hooks.example.org/é"), "before: write the address in ASCII"),
        (changed('name = "search"', 'name = "app-timeline"'),
         'projection[1].name: another projection is called "app-timeline"'),
        (changed('name = "search"', 'name = "a/search"'), "projection[1].name: expected 1 to 80 letters"),
        (changed('subscription = "search"', 'subscription = "app-timeline-v3"'),
         'projection[1].subscription: "app-timeline" has this subscription of documents as well'),
        (changed('["documents"]', '["documents-*"]'), 'projection[1].topics: "documents-*" is a pattern'),
        (changed('["documents"]', '["documents", "shop/eu/documents"]'), "projection[1].topics: two of these topics"),
        (changed('["documents"]', "[]"), "projection[1].topics: "),
        (changed('purpose = "Full-text search"', ""), "projection[1].purpose: this key is required"),
        (changed('subscription = "search"', 'subscription = "search"\nsubscriptions = 1'), "there is no such key"),
    ],
)  # fmt: skip
def test_a_declaration_that_cannot_be_used_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(InvalidConfiguration) as refused:
        parse_config(text, "desk.toml")
    assert said in str(refused.value)


def test_two_projections_may_not_read_one_replay_topic_by_one_subscription() -> None:
    shared = 'ways = ["topic"]\nreplay_topic = "shop/eu/documents-app-timeline-replay"\nsubscription = "search"'
    own = changed('subscription = "search"', shared)
    assert len(parse_config(own, "desk.toml").projections) == 2
    with pytest.raises(InvalidConfiguration, match="reads this replay topic by the same subscription"):
        parse_config(own + 'replay_subscription = "app-timeline-v3"\n', "desk.toml")


def test_hooks_need_a_long_secret_and_nothing_else_does() -> None:
    with_hooks = parse_config(DECLARED, "desk.toml").projections
    without = [Projection(name="a", purpose="b", topics=("c",), subscription="d")]
    assert "EVENTDESK_HOOK_SECRET is missing" in hook_secret_problem(with_hooks, "")
    assert "EVENTDESK_HOOK_SECRET has 5 characters" in hook_secret_problem(with_hooks, "short")
    assert hook_secret_problem(with_hooks, "s" * 32) == ""
    assert hook_secret_problem(without, "") == ""
