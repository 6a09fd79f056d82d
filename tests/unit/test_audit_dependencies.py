"""What the audit of dependencies says: a clean result is claimed only where somebody was asked."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts import audit_dependencies
from scripts.audit_dependencies import NOT_AUDITED, VULNERABLE, verdict

ROOT = Path(__file__).resolve().parents[2]
CLEAN = {"name": "django", "version": "5.2.19", "vulns": []}
BAD = {"name": "daphne", "version": "4.2.1", "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["4.2.2"]}]}
SKIPPED = {"name": "twisted", "skip_reason": "Dependency not found on PyPI and could not be audited: twisted (1)"}


def said(*dependencies: dict[str, Any]) -> tuple[str, int]:
    lines, status = verdict(json.dumps({"dependencies": dependencies, "fixes": []}))
    return " ".join(lines), status


def test_a_clean_result_says_how_many_were_audited() -> None:
    assert said(CLEAN, CLEAN) == ("Audited 2 dependencies: 0 known vulnerabilities.", 0)


def test_a_known_vulnerability_fails_and_names_what_mends_it() -> None:
    text, status = said(CLEAN, BAD, SKIPPED)
    assert "VULNERABLE: daphne 4.2.1: PYSEC-2026-1 (mended in 4.2.2)" in text
    assert status == VULNERABLE


@pytest.mark.parametrize("known", [[], [CLEAN]])
def test_what_nobody_could_be_asked_about_is_never_called_clean(known: list[dict[str, Any]]) -> None:
    text, status = said(*known, SKIPPED)
    assert text.startswith("NOT AUDITED: the source of advisories did not know 1 of")
    assert status == NOT_AUDITED


@pytest.mark.parametrize("output", ["", "{}", "[]", "no JSON", '{"dependencies": []}'])
def test_no_report_is_no_clean_result(output: str) -> None:
    lines, status = verdict(output, "ERROR: no route to host\n")
    assert lines[0].startswith("NOT AUDITED")
    assert status == NOT_AUDITED


@pytest.mark.parametrize(("arguments", "status"), [([], 0), (["--required"], NOT_AUDITED)])
def test_a_machine_without_a_network_fails_only_where_an_audit_is_required(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int
) -> None:
    ended = subprocess.CompletedProcess[str]([], 1, "", "ERROR:pip_audit: connection refused")
    monkeypatch.setattr(subprocess, "run", lambda *command, **options: ended)
    assert audit_dependencies.main(arguments) == status
    assert "NOT AUDITED: pip-audit could not ask for known vulnerabilities (ERROR:pip_audit: connection refused)." in (
        capsys.readouterr().out
    )


def test_every_dependency_is_pinned_to_one_version() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
            assert not line.split("#")[0].strip() or re.fullmatch(r"-r requirements.txt|[\w.\[\]-]+==[\w.]+", line), line


@pytest.mark.slow
def test_pip_audit_takes_the_options_that_it_is_given() -> None:
    usage = subprocess.run([sys.executable, "-m", "pip_audit", "--help"], capture_output=True, text=True, check=True).stdout
    assert {"--no-deps", "--disable-pip", "--format", "--progress-spinner"} <= set(re.findall(r"--[a-z-]+", usage))
