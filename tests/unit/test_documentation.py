"""What the documentation names exists. The tests of a module check what single pages say of it (``test_documented`` …)."""

import re
from pathlib import Path

import pytest

from tests.unit import documentation as docs
from tests.unit.documentation import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_page_names_exists(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    assert docs.lost_links(page, path.parent) == []
    assert [(check.__name__, lost) for check in docs.CHECKS for lost in check(page)] == []


@pytest.mark.parametrize("path", sorted(ROOT.glob("examples/*.toml")), ids=lambda path: path.name)
def test_what_an_example_names_exists(path: Path) -> None:
    words = path.read_text(encoding="utf-8").split()
    page = " ".join(f"`{word.strip('.,:;()')}`" for word in words)
    assert docs.lost_files(page) == docs.lost_variables(page) == []


def test_another_page_links_to_every_page() -> None:
    linked = {target for page in PAGES for target in _links(page)}
    assert [path.relative_to(ROOT).as_posix() for path in PAGES if path.parent != ROOT and path not in linked] == []


def _links(page: Path) -> set[Path]:
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    return {(page.parent / target).resolve() for target in targets}


def test_every_variable_that_the_desk_reads_is_documented() -> None:
    names = ("running.md", "point-at-your-pulsar.md", "sign-in.md")
    pages = "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in names)
    read = docs.variables_of_the_code("eventstore", "dashboard")
    assert len(read) > 15
    assert [name for name in sorted(read) if f"`{name}`" not in pages] == []


@pytest.mark.parametrize(
    ("check", "page", "lost"),
    [
        (docs.lost_files, "`docs/running.md` `docs/walking.md` `public/default/x`", ["docs/walking.md"]),
        (docs.lost_names, "`eventstore.tail` `eventstore.tail.Tale`", ["eventstore.tail.Tale"]),
        (docs.lost_names, "`dashboard.asgi:application` `dashboard.asgi:app`", ["dashboard.asgi:app"]),
        (docs.lost_commands, "`manage.py serve` `manage.py swerve`", ["manage.py swerve"]),
        (docs.lost_commands, "`run_index --threads` `run_index --treads`", ["run_index --treads"]),
        (
            docs.lost_commands,
            "```\nX=1 .venv/bin/python manage.py serve --bend  # --so\n```",
            ["X=1 .venv/bin/python manage.py serve --bend  # --so"],
        ),
        (docs.lost_commands, "`--forget` `--forgot NAME`", ["--forgot NAME"]),
        (docs.lost_targets, "`make run` `make fun` `PORT=1 make run`", ["make fun"]),
        (docs.lost_targets, "`make bench NAME=tail` `make bench NAME=tale`", ["make bench NAME=tale"]),
        (docs.lost_targets, "they make something", []),
        (docs.lost_settings, "`limits.page_size` `limits.page_sighs`", ["limits.page_sighs"]),
        (docs.lost_variables, "`EVENTDESK_DATA` `EVENTDESK_DATE`", ["EVENTDESK_DATE"]),
        (docs.lost_variables, "`EVENTDESK_OIDC_…` `EVENTDESK_OIDC_NAME` `EVENTDESK_OIDC_NAMES`", ["EVENTDESK_OIDC_NAMES"]),
        (docs.lost_variables, "```sh\nPULSAR_TOKEN=x make run\nPULSAR_TAKEN=x make run\n```", ["PULSAR_TAKEN"]),
        (docs.lost_addresses, "`/topics/<topic>/tail/live/` `/topics/` `/tropics/` `/run/secrets/x`", ["/tropics/"]),
        (docs.lost_labels, "*Pause*, *Paws* and **Paws** and *paws*", ["Paws"]),
        (
            docs.lost_labels,
            "| Anomaly | Means |\n|---|---|\n| Same id twice | x |\n| Same id thrice | x |\n",
            ["Same id thrice"],
        ),
    ],
)
def test_what_a_page_names_and_does_not_exist_is_found(check: docs.Check, page: str, lost: list[str]) -> None:
    assert check(page) == lost


def test_links_that_lead_nowhere_are_found() -> None:
    page = "# One thing: two\n[a](running.md) [b](walking.md) [c](#one-thing-two) [d](#three) [e](running.md#nowhere)"
    assert docs.lost_links(page, ROOT / "docs") == ["walking.md", "#three", "running.md#nowhere"]
