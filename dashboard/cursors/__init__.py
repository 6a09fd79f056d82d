"""Moving cursors: the preview of a move, its confirmation, and what becomes of it."""
