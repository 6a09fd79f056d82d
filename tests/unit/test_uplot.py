"""The chart library kept in the repository: unchanged, named, licensed, and harmless under the content security policy."""

from hashlib import sha256
from pathlib import Path

UPLOT = Path(__file__).resolve().parents[2] / "dashboard/static/dashboard/uplot"


def test_each_file_is_the_one_whose_checksum_was_noted() -> None:
    lines = (UPLOT / "SHA256SUMS").read_text("utf-8").splitlines()
    noted = {name: checksum for checksum, name in (line.split() for line in lines)}
    assert set(noted) == {"uPlot.iife.min.js", "uPlot.min.css", "LICENSE"}
    assert {name: sha256((UPLOT / name).read_bytes()).hexdigest() for name in noted} == noted


def test_its_licence_and_the_version_that_it_was_taken_from_are_beside_it() -> None:
    assert "MIT License" in (UPLOT / "LICENSE").read_text("utf-8")
    assert "`uplot` 1.6.32" in (UPLOT / "README.md").read_text("utf-8")
    assert "v1.6.32" in (UPLOT / "uPlot.iife.min.js").read_text("utf-8")


def test_it_writes_no_html_and_no_style_attribute() -> None:
    script = (UPLOT / "uPlot.iife.min.js").read_text("utf-8")
    assert not [
        word for word in ("innerHTML", "outerHTML", "cssText", "insertAdjacentHTML", "eval(", "new Function") if word in script
    ]
