"""Links from pages to other systems, as templates of addresses."""

import re

from msgspec import Struct

from eventstore.model.toml_positions import KeyProblem

_TEMPLATE = re.compile(r"https?://[^\s{}\"'<>]+(?:\{(?:trace_id|span_id)\}[^\s{}\"'<>]*)+")


class Links(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    trace: str = ""
    """Where a trace is shown: an address with ``{trace_id}``, and perhaps ``{span_id}``. Empty for no link."""


def checked_links(links: Links) -> Links:
    """The links, if they can be used. Raises ``KeyProblem`` otherwise."""
    if links.trace and not (_TEMPLATE.fullmatch(links.trace) and "{trace_id}" in links.trace):
        expected = 'expected an address with {trace_id} in it, such as "https://traces.example.org/trace/{trace_id}"'
        raise KeyProblem(("links", "trace"), expected)
    return links
