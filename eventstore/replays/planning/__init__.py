"""Planning a replay: which events it takes, counted and frozen, who gets them, what it may break, and who has to agree."""
