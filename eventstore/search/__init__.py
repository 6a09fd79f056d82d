"""Filters for pages, the tail and replays: one grammar (docs/filters.md), limited in what it may ask and what it may cost."""

from eventstore.model.errors import FilterTooExpensive, InvalidFilter
from eventstore.search.cost_budget import CostBudget
from eventstore.search.filters import Filter, Verdict, parse_filter
from eventstore.search.lexing import Change, WrittenTerm, rewritten
from eventstore.search.terms import DeliverySource, field_name
from eventstore.search.tree import All, AnyOf, Asked, Not, Term, Tree, terms_of
from eventstore.search.values import is_mark, mark_of, use_key

__all__ = [
    "All",
    "AnyOf",
    "Asked",
    "Change",
    "CostBudget",
    "DeliverySource",
    "Filter",
    "FilterTooExpensive",
    "InvalidFilter",
    "Not",
    "Term",
    "Tree",
    "Verdict",
    "WrittenTerm",
    "field_name",
    "is_mark",
    "mark_of",
    "parse_filter",
    "rewritten",
    "terms_of",
    "use_key",
]
