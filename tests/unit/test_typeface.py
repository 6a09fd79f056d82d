"""The typeface kept in the repository: unchanged, named, licensed, and loaded so that no page waits for it for
long or is laid out twice."""

import re
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "dashboard/static/dashboard"
INTER = STATIC / "inter"
FACES = re.findall(r"@font-face \{([^}]*)\}", (STATIC / "style.css").read_text("utf-8"))


def test_each_file_is_the_one_whose_checksum_was_noted() -> None:
    lines = (INTER / "SHA256SUMS").read_text("utf-8").splitlines()
    noted = {name: checksum for checksum, name in (line.split() for line in lines)}
    assert set(noted) == {"inter-latin.woff2", "inter-latin-ext.woff2", "OFL.txt"}
    assert {name: sha256((INTER / name).read_bytes()).hexdigest() for name in noted} == noted


def test_its_licence_and_the_version_that_it_was_taken_from_are_beside_it() -> None:
    assert "SIL OPEN FONT LICENSE Version 1.1" in (INTER / "OFL.txt").read_text("utf-8")
    assert "`@fontsource-variable/inter` 5.3.0" in (INTER / "README.md").read_text("utf-8")


def test_text_is_shown_soon_and_laid_out_once_and_every_file_is_used() -> None:
    ours = [face for face in FACES if 'font-family: "Inter"' in face]
    assert {name for face in ours for name in re.findall(r'url\("inter/([^"]*)"\)', face)} == {
        path.name for path in INTER.glob("*.woff2")
    }
    when_late = {
        name: display for face in ours for display, name in re.findall(r'font-display: (\w+); .*url\("inter/([^"]*)"', face)
    }
    assert when_late == {"inter-latin.woff2": "optional", "inter-latin-ext.woff2": "swap"}


def test_the_faces_before_it_are_as_wide_so_that_nothing_moves() -> None:
    before = [face for face in FACES if "local(" in face]
    assert len(before) == 2
    measures = ("size-adjust", "ascent-override", "descent-override", "line-gap-override")
    assert all(measure in face for face in before for measure in measures)


def test_every_page_loads_it_once_and_before_it_is_asked_for() -> None:
    heads = [path for path in (ROOT / "templates").rglob("*.html") if "<!doctype html>" in path.read_text("utf-8")]
    assert len(heads) == 7
    assert all(path.read_text("utf-8").count('{% include "components/_head.html" %}') == 1 for path in heads)
    assert (ROOT / "templates/components/_head.html").read_text("utf-8").count('rel="preload"') == 1
