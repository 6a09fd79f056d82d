"""What several subscribers read of the store together, because the ring went on without them."""
