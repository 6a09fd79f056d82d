"""Websockets: who may open one (``handshake``, ``origin_check``), whose it is (``session``), and a room for each page."""
