"""Comparing the forms of two events of one type: what a consumer that handles one may stumble over in the other."""

from eventstore.comparison.differences import Comparison, Difference, What, compare
from eventstore.comparison.shapes import ELEMENT, Form, Kind

__all__ = ["ELEMENT", "Comparison", "Difference", "Form", "Kind", "What", "compare"]
