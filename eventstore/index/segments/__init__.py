"""The segments of the key tables: under which numbers their keys lie (``numbers``), and merging full ones (``merging``).

``holding`` keeps apart those who change keys: whoever merges, and whoever adds or removes keys of older events.
"""
