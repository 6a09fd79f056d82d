"""Seeing how the desk itself is doing: metrics for Prometheus, a line in the log for each request, and alerts."""
