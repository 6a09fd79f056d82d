"""A walk over everything that a person can be sent, looking for personal data that was planted in the store."""
