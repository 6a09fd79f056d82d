"""Commands for the index, and what they share. They work without the dashboard."""
