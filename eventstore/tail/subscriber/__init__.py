"""One subscriber of a tail: its places in the ring or in the store, its filter, and exact counts of what it did not get."""
