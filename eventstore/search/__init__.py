"""Filters for pages, the tail and replays: one grammar (docs/filters.md), limited in what it may ask and what it may cost."""

from eventstore.model.errors import FilterTooExpensive, InvalidFilter
from eventstore.search.cost_budget import CostBudget
from eventstore.search.filters import Filter, Verdict, parse_filter

__all__ = ["CostBudget", "Filter", "FilterTooExpensive", "InvalidFilter", "Verdict", "parse_filter"]
