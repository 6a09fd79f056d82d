"""What the environment says of the installation's addresses: its host names, and the proxies in front of it."""

from collections.abc import Sequence

from django.conf import settings


def proxy_count() -> int | None:
    """How many proxies add an address to X-Forwarded-For. ``None`` if there are proxies, and nobody said how many.

    ``EVENTDESK_PROXIES`` tells. If it is not set and the desk is served without TLS, there is none. Raises ``ValueError`` for
    anything but a whole number from 0 to 9.
    """
    given = settings.PROXIES.strip()
    if not given:
        return None if settings.BEHIND_TLS else 0
    if not (given.isascii() and given.isdigit() and len(given) == 1):
        raise ValueError(f"EVENTDESK_PROXIES must be a number from 0 to 9, not {given!r}.")
    return int(given)


def proxy_problem() -> str:
    """Why ``EVENTDESK_PROXIES`` is invalid, or an empty string."""
    try:
        proxy_count()
    except ValueError as error:
        return str(error)
    return ""


def host_problems(hosts: Sequence[str]) -> list[str]:
    """Why these are no hosts of an installation's own, one sentence each: anybody could choose the address that pages show.

    Django takes ``desk.example.org`` for itself, and ``.example.org`` for that domain and all below it. It knows no other
    pattern: ``*.example.org`` would fit no request. It compares hosts without their port: one
    that has a port fits none either.
    """
    problems = []
    for host in hosts:
        labels = host.strip(".").split(".")
        if host.strip(".") in {"*", ""}:
            problems.append("EVENTDESK_HOSTS must name hosts: * would let anyone choose the address that pages show.")
        elif "*" in host:
            problems.append(
                f"EVENTDESK_HOSTS: {host!r} is not a valid pattern. For a domain and all below it write .example.org."
            )
        elif host.startswith(".") and len(labels) == 1:
            problems.append(f"EVENTDESK_HOSTS: {host!r} would let in every domain below {labels[0]!r}. Name your own domain.")
        elif any(sign in host for sign in "/ @") or "" in labels:
            problems.append(f"EVENTDESK_HOSTS: {host!r} is not a host name. Name hosts without a scheme or a path.")
        elif ":" in host.rpartition("]")[2]:
            problems.append(f"EVENTDESK_HOSTS: {host!r} has a colon. Name hosts without a port, and IPv6 addresses as [::1].")
    return problems
