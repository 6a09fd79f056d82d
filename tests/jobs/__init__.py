"""Durable jobs on their tables: what becomes of a job, whoever pauses it and whatever is killed."""
