"""Make a key for seals, seal the audit record, verify it."""
