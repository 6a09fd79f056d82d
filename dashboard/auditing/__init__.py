"""The audit record: a chain of hashes over every act, and which process wrote an entry."""
