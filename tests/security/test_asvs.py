"""docs/asvs.md has every requirement once, counts right, and names nothing that is not there."""

import re
from collections import Counter

from tests.desk_template import ROOT

PAGE = (ROOT / "docs/asvs.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| ([12]) \| (met|not met|does not apply) \| (.+) \|$", re.MULTILINE)
ROWS = ROW.findall(PAGE)
LEVELS = {"1": 70, "2": 183}
"""Requirements of ASVS 5.0.0 by level."""
PATH = re.compile(r"`((?:dashboard|docs|eventstore|examples|scripts|templates|tests)/[^`]+|[\w.-]+\.(?:md|txt|toml))`")


def test_every_requirement_of_both_levels_is_there_once() -> None:
    assert len(ROWS) == len({number for number, *_ in ROWS}) == sum(LEVELS.values())
    assert Counter(level for _, level, *_ in ROWS) == LEVELS


def test_its_figures_are_those_of_its_tables() -> None:
    counted = Counter((standing, level) for _, level, standing, _ in ROWS)
    for standing in ("met", "not met", "does not apply"):
        one, two = counted[standing, "1"], counted[standing, "2"]
        assert f"| {standing} | {one} | {two} | {one + two} |" in PAGE


def test_what_is_met_is_seen_somewhere_and_every_path_is_there() -> None:
    for number, _, standing, text in ROWS:
        paths = PATH.findall(text)
        assert [path for path in paths if not (ROOT / path).exists()] == [], number
        assert text.strip()
        if standing == "met" and not paths:
            assert re.match(r"(No |Python|Django|As |By )", text), f"{number}: where is that seen?"


def test_the_threat_model_names_nothing_that_is_not_there() -> None:
    for name in ("docs/threat-model.md", "SECURITY.md"):
        found = PATH.findall((ROOT / name).read_text(encoding="utf-8"))
        assert found
        assert [path for path in found if not (ROOT / path.split("::")[0]).exists()] == [], name
