"""Pages that have no room of their own, one module for each page. Pages do not import each other."""
