"""``rebuild_index``: a topic is indexed anew beside its old index, and the two are swapped at once."""
