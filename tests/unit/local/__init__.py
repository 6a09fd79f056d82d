"""Builds of local projections."""
