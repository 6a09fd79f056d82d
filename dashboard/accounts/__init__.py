"""People's own accounts: their sessions, password and second factor, and the second step of a login; API tokens, for admins.

A login that still has something to do, such as a code, is nobody's to all the rest (``middleware``, ``sockets.session``).
"""
