"""The configuration file: what is accepted, and where each mistake is said to be."""

import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from eventstore.config.links import Links
from eventstore.config.loading import Config, Installation, Kind, Limits, load_config, parse_config
from eventstore.config.masking import MaskingTable, RuleTable
from eventstore.config.people import AccessLimit, AccessScope
from eventstore.config.projections import Projection, ReplayDefaults
from eventstore.config.searchable_values import SearchableTable
from eventstore.config.stories import InvalidStory, Placeholder, story_parts
from eventstore.config.topic_kinds import TopicKinds
from eventstore.envelope.mapping import MappingTable, SourceTable
from eventstore.model.errors import InvalidConfiguration
from eventstore.model.toml_positions import line_of

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTATION = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
EXAMPLES = sorted((ROOT / "examples").glob("*.toml"))


def refused(text: str) -> str:
    with pytest.raises(InvalidConfiguration) as caught:
        parse_config(text, "desk.toml")
    return str(caught.value)


def test_without_a_file_the_defaults_hold() -> None:
    assert load_config("") == Config()
    assert Config().installation.kind is Kind.PRODUCTION
    assert Config().limits.page_size == 50


def test_an_empty_file_is_the_defaults() -> None:
    assert parse_config("", "desk.toml").limits == Limits()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_valid(path: Path) -> None:
    assert load_config(str(path)).path == str(path)


def test_the_demo_says_that_it_is_one() -> None:
    assert load_config(str(ROOT / "examples/demo.toml")).installation.kind is Kind.DEMO


def test_the_example_writes_down_the_true_defaults() -> None:
    example = load_config(str(ROOT / "examples/eventdesk.toml"))
    assert (example.installation, example.limits) == (Installation(), Limits())


def test_every_field_is_documented() -> None:
    expected = {f"installation.{field.name}" for field in msgspec.structs.fields(Installation)}
    expected |= {f"limits.{field.name}" for field in msgspec.structs.fields(Limits)}
    expected |= {f"links.{field.name}" for field in msgspec.structs.fields(Links)}
    expected |= {f"topics.{field.name}" for field in msgspec.structs.fields(TopicKinds)}
    expected |= {f"mapping.{field.name}" for field in msgspec.structs.fields(MappingTable)}
    expected |= {f"searchable.{field.name}" for field in msgspec.structs.fields(SearchableTable)}
    expected |= {f"replays.{field.name}" for field in msgspec.structs.fields(ReplayDefaults)}
    expected |= {f"projection.{field.name}" for field in msgspec.structs.fields(Projection)}
    expected |= {f"masking.{field.name}" for field in msgspec.structs.fields(MaskingTable)}
    expected |= {f"access.scope.{field.name}" for field in msgspec.structs.fields(AccessScope)}
    expected |= {f"access.{name}" for name in ("read_only", "second_factor", "idle_minutes", "session_hours")}
    expected |= {f"access.limit.{field.name}" for field in msgspec.structs.fields(AccessLimit)}
    expected |= {f"masking.rule.{field.name}" for field in msgspec.structs.fields(RuleTable)}
    sections = r"access|access\.scope|access\.limit"
    sections += r"|installation|limits|links|topics|mapping|masking\.rule|masking|searchable|replays|projection"
    documented = set(re.findall(rf"^\| `((?:{sections})\.\w+)`", DOCUMENTATION, re.MULTILINE))
    assert documented == expected
    for field in msgspec.structs.fields(SourceTable):
        assert re.search(rf"\b{field.encode_name} = ", DOCUMENTATION), field.encode_name


def test_the_documented_defaults_are_the_true_ones() -> None:
    rows = re.findall(r"^\| `(\w+)\.(\w+)` \| `([^`]+)` \|", DOCUMENTATION, re.MULTILINE)
    assert len(rows) >= 20
    for section, name, default in rows:
        config = parse_config(f"[{section}]\n{name} = {default}\n", "desk.toml")
        assert getattr(config, section) == getattr(Config(), section), name


def test_every_documented_source_is_accepted() -> None:
    sources = re.findall(r"^\| `(\{ from = [^`]+\})`", DOCUMENTATION, re.MULTILINE)
    assert len(sources) == 6
    for source in sources:
        assert len(parse_config(f'[[mapping]]\ntopics = ["t"]\ntype = {source}\n', "desk.toml").mappings) == 1


def test_every_documented_toml_example_is_accepted() -> None:
    for block in re.findall(r"```toml\n(.*?)```", DOCUMENTATION, re.DOTALL):
        whole = block if block.startswith("[") else f'[[mapping]]\ntopics = ["t"]\ntype = {{ from = "topic" }}\n{block}'
        parse_config(whole, "desk.toml")


SOURCE = '[[mapping]]\ntopics = ["a"]\n'
SEARCHABLE = '[[searchable]]\ntopics = ["a"]\nname = "b"\npath = "c"\n'
MISTAKES = {
    "broken TOML": ("[limits]\npage_size = = 3\n", 2, "not TOML"),
    "an open string": ('[installation]\n\nname = "x\n', 3, "not TOML"),
    "a section that is none": ("[limit]\n", 1, "limit: there is no such key"),
    "a key that is none": ("[limits]\n\n\npage_sise = 3\n", 4, "limits.page_sise: there is no such key"),
    "text for a number": ('[limits]\npage_size = "50"\n', 2, "limits.page_size: expected a whole number"),
    "true for a number": ("[limits]\npage_size = true\n", 2, "limits.page_size: expected a whole number"),
    "too large a page": ("[limits]\nstuck_after_seconds = 3\npage_size = 201\n", 3, "<= 200"),
    "no rows": ("[limits]\npage_size = 0\n", 2, ">= 1"),
    "a dotted key": ("limits.page_size = 0\n", 1, "limits.page_size"),
    "an unknown kind": ('[installation]\nkind = "demo"\n', 2, "DEMO, STAGING, PRODUCTION"),
    "an empty name": ('[installation]\nname = ""\n', 2, "installation.name"),
    "a scope for nobody in particular": (
        '[[access.scope]]\ntopics = ["*"]\naggregate_types = ["*"]\n',
        1,
        "access.scope[0]: expected whom it is for",
    ),
    "a scope without types": (
        '[[access.scope]]\nroles = ["support"]\ntopics = ["*"]\n',
        1,
        "access.scope[0].aggregate_types: this key is required",
    ),
    "a link to no trace": (
        '[links]\ntrace = "https://traces.example.org/"\n',
        2,
        "links.trace: expected an address with {trace_id}",
    ),
    "a link that is a script": ('[links]\ntrace = "javascript:alert({trace_id})"\n', 2, "links.trace: expected an address"),
    "a link with an unknown part": ('[links]\ntrace = "https://x/{trace_id}{y}"\n', 2, "links.trace: expected an address"),
    "a section that is a number": ("limits = 3\n", 1, "expected a table"),
    "a mapping without topics": ('[[mapping]]\ntype = { from = "key" }\n', 1, "mapping[0].topics: this key is required"),
    "a mapping for no topic": ('[[mapping]]\ntopics = []\ntype = { from = "key" }\n', 2, "mapping[0].topics"),
    "a mapping without a type": (SOURCE, 1, "mapping[0].type: an event needs a type"),
    "an unknown source": (SOURCE + 'type = { from = "kye" }\n', 3, "key, property, json, topic, value"),
    "an unknown key of a source": (
        SOURCE + 'type = { from = "key", nam = "x" }\n',
        3,
        "mapping[0].type.nam: there is no such key",
    ),
    "a property without a name": (SOURCE + 'type = { from = "property" }\n', 3, "needs name"),
    "a key with a path": (SOURCE + 'type = { from = "key", path = "a" }\n', 3, "takes no path"),
    "a broken pattern": (SOURCE + 'type = { from = "key", pattern = "(" }\n', 3, "RE2"),
    "a back reference": (SOURCE + r"type = { from = 'key', pattern = '(?P<type>a)\1' }", 3, "RE2"),
    "a pattern without groups": (SOURCE + 'type = { from = "key", pattern = "a+" }\n', 3, "at least one named group"),
    "a group of another name": (SOURCE + 'type = { from = "key", pattern = "(?P<typ>a)" }\n', 3, "no part is called typ"),
    "a broken path": (SOURCE + 'type = { from = "json", path = "a..b" }\n', 3, "JMESPath"),
    "an aggregate without a pattern": (SOURCE + 'type = {from="key"}\naggregate = { from = "key" }\n', 4, "aggregate_type"),
    "a part that is filled twice": (
        SOURCE + 'type = { from = "key" }\nid = { from = "key", pattern = "(?P<type>.)(?P<id>.)" }\n',
        3,
        "type already has another source",
    ),
    "a searchable value without a path": (
        '[[searchable]]\ntopics = ["a"]\nname = "b"\n',
        1,
        "searchable[0].path: this key is",
    ),
    "a searchable value for no topic": (SEARCHABLE.replace('["a"]', "[]"), 2, "searchable[0].topics"),
    "a searchable value's broken path": (SEARCHABLE.replace('"c"', '"c..d"'), 4, "searchable[0].path: expected a JMESPath"),
    "a searchable value's odd name": (
        SEARCHABLE.replace('"b"', '"E-mail address"'),
        3,
        "searchable[0].name: expected a short",
    ),
    "neither hashed nor not": (SEARCHABLE + 'hashed = "yes"\n', 5, "searchable[0].hashed: expected true or false"),
    "hashed here and readable there": (SEARCHABLE + SEARCHABLE + "hashed = false\n", 9, "searchable[1].hashed: b is declared"),
    "the second mapping": (SOURCE + 'type = { from = "key" }\n\n[[mapping]]\ntopics = 3\n', 6, "mapping[1].topics"),
    "a sub-table of the second mapping": (
        SOURCE + 'type = {from="key"}\n[[mapping]]\ntopics = ["b"]\n[mapping.type]\nfrom = "key"\nname = "x"\n',
        8,
        "mapping[1].type.name",
    ),
    "a list over several lines": (
        '[[mapping]]\ntopics = [\n  "a",\n  3,\n]\ntype = {from="key"}\n',
        2,
        "mapping[0].topics[1]",
    ),
    "an open brace": ('[stories]\na = "b"\nc = "by {data.x"\n', 3, "stories.c: a { stands alone"),
    "a closing brace": ('[stories]\na = "b}"\n', 2, "stories.a: a } stands alone"),
    "an unknown placeholder": ('[stories]\n"a.b" = "{Data.x}"\n', 2, 'stories."a.b": between { and }'),
    "a broken placeholder path": ('[stories]\na = "{data.x[}"\n', 2, "JMESPath"),
    "the whole payload as a value": ('[stories]\na = "{data}"\n', 2, "whole payload"),
    "a type with dots, unquoted": ('[stories]\na.b = "c"\n', 2, "in quotes"),
    "an empty story": ('[stories]\na = " "\n', 2, "expected one line of text"),
    "a story of two lines": ('[stories]\na = """b\nc"""\n', 2, "expected one line of text"),
    "a story that is a number": ("[stories]\na = 3\n", 2, "expected one line of text"),
}


@pytest.mark.parametrize(("text", "line", "said"), MISTAKES.values(), ids=list(MISTAKES))
def test_a_mistake_is_refused_with_its_line_and_what_is_expected(text: str, line: int, said: str) -> None:
    problem = refused(text)
    assert problem.startswith(f"desk.toml, line {line}: ")
    assert said in problem
    assert "\n" not in problem


def test_a_file_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(InvalidConfiguration, match=r"nowhere\.toml \(EVENTDESK_CONFIG\) cannot be read"):
        load_config("nowhere.toml")


def test_a_file_that_is_no_text_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes(b'[installation]\nname = "B\xfcro"\n')
    with pytest.raises(InvalidConfiguration, match="line 2: this is not UTF-8"):
        load_config(str(path))


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "windows.toml"
    path.write_bytes(b"\xef\xbb\xbf[limits]\r\npage_size = 7\r\n")
    assert load_config(str(path)).limits.page_size == 7


def test_a_deeply_nested_file_is_refused_and_breaks_nothing() -> None:
    assert "desk.toml, line 1: " in refused("x = " + "[" * 5000 + "]" * 5000)


def test_lines_inside_long_strings_are_no_keys() -> None:
    text = 'a = """\n[b]\nc = 1\n"""\n[b]\nc = 2 # """\nd = 3\n'
    assert line_of(text, ("b", "c")) == 6
    assert line_of(text, ("b", "d")) in (5, 7)


def test_a_key_without_a_line_falls_back_to_what_is_around_it() -> None:
    assert line_of("[a]\n\n[a.b]\nc = {d = 1}\n", ("a", "b", "c", "d")) == 4
    assert line_of("[a]\n", ("z",)) == 1


def test_quoted_and_dotted_keys_are_found() -> None:
    text = '[stories]\n\'a.b\' = 1\n"c\\"d" = 2\ne . f = 3\n'
    assert [line_of(text, ("stories", *keys)) for keys in (["a.b"], ['c"d'], ["e", "f"])] == [2, 3, 4]


@pytest.mark.slow
def test_a_process_with_an_invalid_file_does_not_start_and_says_why_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "desk.toml"
    path.write_text("[limits]\npage_size = 900\n", encoding="utf-8")
    environment = os.environ | {"EVENTDESK_CONFIG": str(path), "EVENTDESK_DATA": str(tmp_path / "var")}
    ended = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr == f"eventdesk: {path}, line 2: limits.page_size: expected a whole number <= 200\n"


def test_the_configuration_is_read_without_django() -> None:
    code = "import sys, eventstore.config.loading; sys.exit(any(name.split('.')[0] == 'django' for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_story_is_text_and_placeholders_in_order() -> None:
    assert story_parts("Shared with {data.practice.name} {{by}} {subject}") == (
        "Shared with ",
        Placeholder(path="data.practice.name"),
        " {by} ",
        Placeholder(path="subject"),
    )


def test_a_placeholder_looks_into_the_payload() -> None:
    (part,) = story_parts("{data.pages[0].number}")
    assert isinstance(part, Placeholder)
    assert part.expression is not None
    assert part.expression.search({"pages": [{"number": 4}]}) == 4


def test_a_story_without_placeholders_is_one_text() -> None:
    assert story_parts("Patient registered") == ("Patient registered",)


@pytest.mark.parametrize("template", ["{}", "{ }", "{Subject}", "{a-b}", "{data.}", "{data[}", "{a{b}}", "{{{"])
def test_no_other_placeholder_is_taken(template: str) -> None:
    with pytest.raises(InvalidStory):
        story_parts(template)


def test_the_very_type_wins_over_patterns_and_the_first_pattern_over_later_ones() -> None:
    config = parse_config('[stories]\n"a.*" = "first"\n"*" = "last"\n"a.b" = "very"\n', "desk.toml")
    assert [config.story(name) for name in ("a.b", "a.c", "x")] == [("very",), ("first",), ("last",)]
    assert Config().story("a.b") is None


def test_the_kinds_of_topics_are_read_and_the_mistakes_in_them_named_with_their_lines() -> None:
    given = parse_config('[topics]\ndead_letter = ["*-errors"]\nordinary = ["session-replay"]\n', "desk.toml").topics
    assert given == TopicKinds(dead_letter=("*-errors",), ordinary=("session-replay",))
    assert "line 2: topics.dead_letters: there is no such key" in refused('[topics]\ndead_letters = ["a"]\n')
    assert "line 3: topics.retry: expected a list" in refused('[topics]\n\nretry = "a"\n')
    assert 'line 3: topics.replay: "a" stands in topics.dead_letter as well' in refused(
        '[topics]\ndead_letter = ["a"]\nreplay = ["b", "a"]\n'
    )
