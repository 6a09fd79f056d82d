"""Benchmarks: ``make bench NAME=n`` runs ``n.py``, which shows its progress and ends with one line of JSON.

Machines here are noisy and shared: every figure stands beside a baseline taken in the same run; their ratio is what counts.
"""
