"""Benchmarks. ``make bench NAME=n`` runs ``n.py``, which shows its progress and ends with one line of JSON.

Machines are noisy and shared, so every figure has a baseline that was measured in the same run. What counts is their
ratio.
"""
