"""Ports of loopback for the servers that this project starts for itself."""

import random
import socket

LOOPBACK = "127.0.0.1"
LOWEST, HIGHEST = 20_000, 32_000
"""Below what systems take for outgoing connections (Linux: 32768 and up, macOS: 49152 and up): while a server is away, one of
the clients that look for it could otherwise be given its very port, and keep it from coming back."""


def free_ports(count: int) -> list[int]:
    """So many ports that nobody listens on now, all different."""
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
