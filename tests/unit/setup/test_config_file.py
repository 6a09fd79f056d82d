"""Which configuration applies, and what the banner says about a store that is not the demo's."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from dashboard.setup.config_file import configuration, is_embedded
from eventstore.config.loading import Config, Installation, Kind, load_config

ROOT = Path(__file__).resolve().parents[3]
DEMO = str(ROOT / "examples/demo.toml")
OWN = "database://"


def test_outside_demo_mode_the_defaults_hold_where_no_file_is_named() -> None:
    assert configuration("", demo_path="", store_url=OWN) == Config()
    assert configuration("", demo_path="", store_url="pulsar://broker:6650") == Config()


def test_the_demos_own_store_has_the_demos_configuration() -> None:
    found = configuration("", demo_path=DEMO, store_url=OWN)
    assert (found.path, found.installation, found.limits) == (DEMO, load_config(DEMO).installation, load_config(DEMO).limits)


@pytest.mark.parametrize(
    ("store_url", "name"),
    [
        ("pulsar://broker.example.org:6650", "broker.example.org:6650"),
        ("pulsar+ssl://a:6651,b:6651/", "a:6651,b:6651"),
        ("pulsar://name:secret@broker:6650", "broker:6650"),
        ("pulsar://[::1", "[::1"),
        (f"pulsar://{'x' * 100}", f"{'x' * 59}…"),
    ],
)
def test_somebodys_broker_has_a_banner_of_its_own_and_nothing_of_the_demo(store_url: str, name: str) -> None:
    config = configuration("", demo_path=DEMO, store_url=store_url)
    assert (config.installation.kind, config.installation.name) == (Kind.BROKER, name)
    assert replace(config, installation=Installation()) == Config(), "no story, mapping, searchable value or limit of the demo"


def test_a_file_that_is_named_holds_in_demo_mode_too(tmp_path: Path) -> None:
    file = tmp_path / "desk.toml"
    file.write_text('[installation]\nname = "North"\nkind = "STAGING"\n')
    for store_url in (OWN, "pulsar://broker:6650"):
        found = configuration(str(file), demo_path=DEMO, store_url=store_url)
        assert (found.installation.kind, found.installation.name) == (Kind.STAGING, "North")


@pytest.mark.parametrize(
    ("url", "embedded"), [(OWN, True), ("database:", True), ("DATABASE://", True), ("pulsar://database", False), ("", False)]
)
def test_the_embedded_store_is_told_by_its_scheme(url: str, embedded: bool) -> None:
    assert is_embedded(url) is embedded


def test_every_kind_has_a_colour_of_its_own() -> None:
    sheet = (ROOT / "dashboard/static/dashboard/style.css").read_text()
    rules = dict(line.split(" {", 1) for line in sheet.splitlines() if line.startswith(".kind-") and " .kind {" in line)
    assert set(rules) == {f".kind-{kind.lower()} .kind" for kind in Kind}
    assert len(set(rules.values())) == len(Kind)
