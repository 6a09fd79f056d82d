"""Commands that serve the desk, or act for a person."""
