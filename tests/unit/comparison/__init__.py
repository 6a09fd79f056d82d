"""Tests of the comparison of two events."""
