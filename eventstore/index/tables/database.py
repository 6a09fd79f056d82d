"""The index's database: its alias, its connection and its transactions.

The router finds the database of a model by the app label. Raw SQL and transactions have no model, so they come here.
"""

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

ALIAS = "index"


def connection() -> BaseDatabaseWrapper:
    """Return this thread's connection to the index's database."""
    return connections[ALIAS]


def atomic() -> transaction.Atomic:
    """Return a context manager that runs its block in one transaction of the index's database."""
    return transaction.atomic(using=ALIAS)
