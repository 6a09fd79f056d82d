"""``check_running``."""
