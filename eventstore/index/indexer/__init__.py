"""The running indexer: leases, reader threads, one writer, and what it measures of itself."""
