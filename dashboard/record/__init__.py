"""The audit record's page: searching, verifying and exporting it. Its commands seal and verify it."""
