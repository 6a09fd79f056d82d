"""What a person with a scope sees of the store: the one place where lists, counts, searches and pages are narrowed to it."""
