"""What demo mode makes up: people, a health company's history, and traffic that goes on. Never in somebody's broker."""

from dashboard.demo.people import Login, ensure_people
from dashboard.demo.store import own_store, require_demo_mode

__all__ = ["Login", "ensure_people", "own_store", "require_demo_mode"]
