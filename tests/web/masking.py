"""A desk whose support is masked by rules, and what every test of masking plants: values that nobody may see."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from django.test.utils import override_settings

from dashboard import gateway
from eventstore.config.loading import parse_config
from tests.web.desk import HASH_KEY

RULES = """
[masking]
clear_for = ["admin"]

[[masking.rule]]
type = "health.Pat*"
path = "data.city"
show = "plain"

[[masking.rule]]
path = "data.name"
show = "hash"

[[masking.rule]]
path = "data.born"
show = "year"

[[masking.rule]]
path = "data.age"
show = "hidden"
"""


def deep(value: str, levels: int = 600) -> bytes:
    """A payload of so many objects in each other, each the field ``deep`` of the one before."""
    return b'{"deep":' * levels + json.dumps(value, ensure_ascii=False).encode() + b"}" * levels


@contextmanager
def masked(rules: str = RULES, more: str = "") -> Iterator[None]:
    """The desk with these rules, and support without the standing right."""
    with override_settings(EVENTDESK=parse_config(rules + more, "masking.toml"), EVENTDESK_HASH_KEY=HASH_KEY):
        gateway.close()  # the next use opens it with these settings
        try:
            yield
        finally:
            gateway.close()
