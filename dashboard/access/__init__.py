"""Who may do what: the access table, the people and scripts that it is asked about, and role names in words."""
