"""Websocket consumers, one module a page."""
