"""The audit record (a chain of hashes over every act), the locks on resources, and what a crash left open."""

from dashboard.auditing.chain import noted

__all__ = ["noted"]
