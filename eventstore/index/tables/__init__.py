"""How the index is stored, on SQLite and PostgreSQL alike.

``blocks`` packs pointers, ``keys`` hashes the texts by which events are found, ``names`` numbers types and value names,
``subscription_names`` lets any name of a subscription be stored,
``sql`` has the statements, and ``database`` the alias and the connection.
"""
