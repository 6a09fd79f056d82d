"""Filters for pages, the tail and replays: one grammar (docs/filters.md), limited in what it may ask and what it may cost."""

from eventstore.model.errors import FilterTooExpensive, InvalidFilter
from eventstore.search.cost_budget import CostBudget
from eventstore.search.filters import Filter, Verdict, parse_filter
from eventstore.search.lexing import Change, WrittenTerm, rewritten
from eventstore.search.terms import DeliverySource

__all__ = [
    "Change",
    "CostBudget",
    "DeliverySource",
    "Filter",
    "FilterTooExpensive",
    "InvalidFilter",
    "Verdict",
    "WrittenTerm",
    "parse_filter",
    "rewritten",
]
