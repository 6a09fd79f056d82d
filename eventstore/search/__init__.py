"""The one filter grammar, for pages, the tail and replays (docs/filters.md): bounded in what it asks and in what it costs."""

from eventstore.model.errors import FilterTooDear, InvalidFilter
from eventstore.search.cost_budget import Spending
from eventstore.search.filters import Filter, Verdict, parse_filter

__all__ = ["Filter", "FilterTooDear", "InvalidFilter", "Spending", "Verdict", "parse_filter"]
