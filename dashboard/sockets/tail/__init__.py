"""The tail's websocket: what a client says first (``begin``), what it is sent (``frames``), and the socket (``consumer``)."""
