"""Tests that need the real broker."""
