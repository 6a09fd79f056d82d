"""Masking: the one way by which a value from an event reaches a page, a frame, an export or a log."""
