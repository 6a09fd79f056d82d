"""Running as processes: the supervisor of ``serve``, signals, and memory that goes back to the system."""
