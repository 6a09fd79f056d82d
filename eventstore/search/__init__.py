"""The one filter grammar, for pages, the tail and replays (docs/filters.md): bounded in what it asks and in what it costs."""

from eventstore.model.errors import FilterTooExpensive, InvalidFilter
from eventstore.search.cost_budget import CostBudget
from eventstore.search.filters import Filter, Verdict, parse_filter

__all__ = ["CostBudget", "Filter", "FilterTooExpensive", "InvalidFilter", "Verdict", "parse_filter"]
