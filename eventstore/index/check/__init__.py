"""The check behind ``check_index``: read every indexed event again from the store, and compare it with the index.

``run`` checks a topic and reports by partition. ``comparison`` walks one partition; the other modules each compare one thing.
"""
