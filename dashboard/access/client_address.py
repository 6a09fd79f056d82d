"""The address that a request came from. A header is believed only as far as the settings say that proxies wrote it."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.http import HttpRequest

from dashboard.setup.addresses import proxy_count

NOT_KNOWN = ""


def client_address(request: HttpRequest) -> str:
    """The client's IP address, or ``NOT_KNOWN``: an address of the proxies must not stand for everybody behind them.

    Each proxy appends the address that it was called from. What stands before the last ``proxy_count()`` entries was sent by
    the client, who can send anything.
    """
    count = proxy_count()
    if count is None:
        return NOT_KNOWN
    if count == 0:
        return _parsed(request.META.get("REMOTE_ADDR", ""))
    entries = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    return _parsed(entries[-count]) if len(entries) >= count else NOT_KNOWN


def network_of(address: str) -> str:
    """What is limited together: an IPv4 address itself, and the /64 of an IPv6 address, which one client has to itself."""
    parsed = _unmapped(ip_address(address))
    return str(parsed) if isinstance(parsed, IPv4Address) else str(ip_network((parsed, 64), strict=False))


def _parsed(text: str) -> str:
    """The address in its one spelling, without a port."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return NOT_KNOWN
    return str(_unmapped(address))


def _unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address of one that is written as IPv6 (``::ffff:203.0.113.7``); every other one as it is."""
    inner = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return inner or address
