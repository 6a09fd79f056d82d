"""What people see for a stated reason: reveals, the cases that they may belong to, and what a request may see by both."""
