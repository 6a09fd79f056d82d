"""The rebuild behind ``rebuild_index``: build a topic's index again beside the old one, swap the two, and remove the old one.

``run`` is what commands call. ``build`` keeps a rebuild's state, ``swap`` makes it live, ``remove_old`` cleans up.
"""
