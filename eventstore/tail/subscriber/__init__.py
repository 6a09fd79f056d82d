"""One subscriber of a tail: a place in the ring or behind it in the store, a filter, and counts of what was not sent."""
