"""Lighthouse as the project pins it, and what is said if it cannot be run. ``tests/browser/test_lighthouse.py`` runs it."""

import json
import re
from pathlib import Path

import pytest

from scripts.lighthouse import NODE, LighthouseProblem, missing_points, require_node


def test_every_package_is_pinned_by_its_content_and_names_no_registry() -> None:
    lock = json.loads((NODE / "package-lock.json").read_text())
    root, *packages = lock["packages"].values()
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in root["dependencies"].values())
    assert len(packages) > 100
    for package in packages:
        assert package["integrity"].startswith("sha512-")
        assert "resolved" not in package


@pytest.mark.parametrize(
    ("programs", "said"),
    [
        ({}, r"Node 18\.16 or newer with npm, and node and npm cannot be found\. Install them"),
        ({"node": "v22.1.0"}, r"and npm cannot be found\. Install them"),
        ({"node": "v18.15.9", "npm": ""}, r"Node 18\.16 or newer, and this is v18\.15\.9\. Install a newer one"),
    ],
)
def test_without_a_node_that_is_new_enough_it_says_what_to_install(
    programs: dict[str, str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, version in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\necho {version}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LighthouseProblem, match=said):
        require_node()


def test_each_category_with_too_few_points_is_a_line_of_its_own() -> None:
    result = {
        "scores": {"performance": 94, "accessibility": 100, "seo": 92},
        "lost": {"performance": ["largest-contentful-paint 0.98 1.9 s"], "seo": ["meta-description 0", "link-text 0"]},
    }
    assert list(missing_points(result, "mobile")) == [
        "performance 94: largest-contentful-paint 0.98 1.9 s",
        "best-practices not measured: no audit says why",
        "seo 92: meta-description 0; link-text 0",
    ]
