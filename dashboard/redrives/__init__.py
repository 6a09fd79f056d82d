"""The pages of redrives: the preview of one, and how a redrive reads on the record."""
