"""What demo mode invents: people, the history of a health company, and continuing traffic.

The demo fills the embedded store by itself, and a broker only on request.
"""

from dashboard.demo.people import Login, ensure_people
from dashboard.demo.store import own_store, require_demo_mode

__all__ = ["Login", "ensure_people", "own_store", "require_demo_mode"]
