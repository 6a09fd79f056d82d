"""Loopback ports for the servers that this project starts for itself."""

import random
import socket

LOOPBACK = "127.0.0.1"
LOWEST, HIGHEST = 20_000, 32_000
"""Below what systems use for outgoing connections (Linux: from 32768, macOS: from 49152). Otherwise a client that waits
for a server to come back could be given the server's own port, and block it."""


def free_ports(count: int) -> list[int]:
    """Return this many different ports that nothing listens on now."""
    found: list[int] = []
    while len(found) < count:
        port = random.SystemRandom().randrange(LOWEST, HIGHEST)
        if port not in found and port_is_free(port):
            found.append(port)
    return found


def free_port() -> int:
    return free_ports(1)[0]


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
