"""The audit record's own commands."""
