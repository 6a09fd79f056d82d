"""Pages that have no room of their own, one module a page. Pages do not import each other."""
