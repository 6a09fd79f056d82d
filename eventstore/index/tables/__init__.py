"""How the index is stored: statements for both databases, blocks of pointers, hashed keys, names by number."""
