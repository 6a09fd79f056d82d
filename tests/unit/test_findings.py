"""Each finding is listed, can be run, and says which software it is about."""

import os
import re

from tests.unit.formats import ROOT

FINDINGS = sorted((ROOT / "findings").glob("*.sh"))


def test_the_list_of_findings_names_each_script_once() -> None:
    page = (ROOT / "findings/README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `([\w.-]+)`", page, re.MULTILINE)) == [path.name for path in FINDINGS]


def test_each_finding_can_be_run_and_states_its_software_and_what_was_seen() -> None:
    for path in FINDINGS:
        text = path.read_text(encoding="utf-8")
        assert os.access(path, os.X_OK), path.name
        assert "\n# Software: " in text, path.name
        assert "\n# Seen: " in text, path.name
        assert "\nexpect <<'TEXT'\n" in text, path.name


def test_no_finding_uses_the_product_or_names_a_registry() -> None:
    for path in [*FINDINGS, *(ROOT / "findings/lib").glob("*.sh")]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"eventstore|dashboard|scripts\.", text), path.name
        hosts = set(re.findall(r"https?://([\w.-]+)", text))
        assert hosts <= {"127.0.0.1", "maven.apache.org"}, path.name  # the second is the name of a pom's XML, never asked
