"""``check_index``: every indexed event is read again from the store and compared with the index."""
