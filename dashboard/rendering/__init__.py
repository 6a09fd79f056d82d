"""How things look and read: rows, payloads, story lines, charts and texts. Values come through masking."""
