"""Reveals: asking for one, ending one, the privacy officer's list, and who is told of an emergency."""
