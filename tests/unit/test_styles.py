"""What the tests of looks take for granted of the stylesheet."""

import re

from tests.unit.documentation import ROOT

STYLES = (ROOT / "dashboard" / "static" / "dashboard" / "style.css").read_text(encoding="utf-8")


def test_dark_changes_colors_alone_so_that_boxes_need_not_be_measured_again() -> None:
    light, *dark = STYLES.split("@media (prefers-color-scheme: dark) {")
    assert len(dark) == 1
    block = re.match(r"\s*:root \{([^{}]*)\}\s*\}", dark[0])
    assert block
    names = re.findall(r"([\w-]+):", block[1])
    assert names
    for name in names:
        values = re.findall(rf"[\s;{{]{name}: ([^;]+);", light)
        assert name.startswith("--") and all(value.startswith("#") for value in values), name
    assert set(re.findall(r": ([^;]+);", block[1])) == set(re.findall(r": (#[0-9a-f]{6});", block[1]))
