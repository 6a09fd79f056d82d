"""Asking for a replay: the preview, its confirmation, and the approval by a second person."""
