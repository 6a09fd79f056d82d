"""How the partitions of a topic are read: each by a thread of its own, or many at each beat by the one that seals."""
