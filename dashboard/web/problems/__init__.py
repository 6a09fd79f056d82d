"""Pages that say why something is not shown, of errors and of databases."""

from dashboard.web.problems.kinds import Problem, not_allowed, outside, problem_of, unknown, unknown_aggregate

__all__ = ["Problem", "not_allowed", "outside", "problem_of", "unknown", "unknown_aggregate"]
