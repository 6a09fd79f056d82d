"""Running jobs: the queue with its leases, what a run knows of its worker, and the worker itself."""
