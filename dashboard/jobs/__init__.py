"""Jobs: all of them, one of them live, and what a person may do to one."""
