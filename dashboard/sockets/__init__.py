"""Websockets: who may open one (``handshake``, ``origin_check``), whose it is (``session``), which are open
(``open_sockets``), and a room for each page."""
