"""An installation as ``examples/production`` describes it: several processes of each kind on PostgreSQL, behind nginx."""
