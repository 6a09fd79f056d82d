"""The one filter grammar, for pages, the tail and replays (docs/filters.md): bounded in what it asks and in what it costs."""

from eventstore.errors import InvalidFilter
from eventstore.search.filters import Filter, Verdict, parse_filter

__all__ = ["Filter", "InvalidFilter", "Verdict", "parse_filter"]
