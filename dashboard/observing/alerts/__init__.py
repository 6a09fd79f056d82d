"""Telling others by webhook and mail what is wrong: a stuck subscription, new dead letters, an index that is behind, a missing
seal. Said once when it begins, and once when it is over.

``conditions`` says what is wrong now, ``standing`` what of it is to be told, and ``messages`` in which words. ``sending``
sends it, and ``watching`` does all that from time to time, in one process at a time.
"""
