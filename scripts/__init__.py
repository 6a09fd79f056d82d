"""Programs for development and tests: local servers, and what they need."""
