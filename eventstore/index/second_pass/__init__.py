"""Gives older events the searchable values that were declared after they were indexed, beside indexers and pages that go on.

``pieces`` is one step in one transaction, ``rereading`` reads the log again for it, ``run`` goes through the partitions.
"""
