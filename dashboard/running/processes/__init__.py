"""The processes of ``serve``: how they come to be, are watched, and end."""
