"""What the broker has to permit, for each thing that Eventdesk asks of it.

Found out with roles of one permission each, on Pulsar 4.0.8 and 4.2.4. ``docs/point-at-your-pulsar.md`` has the same table.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from eventstore.model.errors import NotPermitted

CONSUME = "the permission consume on the namespace {namespace}"
PRODUCE = "the permission produce on the namespace {namespace}"
EITHER = "the permission consume or produce on the namespace {namespace}"
FUNCTIONS = "the permission functions on the namespace {namespace}"
TENANT = "the role of an admin of the tenant {tenant}"
SUPERUSER = "the role of a superuser"


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that Eventdesk does, and what that needs. ``doing`` follows "does not let Eventdesk"."""

    doing: str
    permission: str


@dataclass(frozen=True, slots=True)
class Need:
    """A deed, and the topic or namespace that it is done to, as ``tenant/namespace/topic``."""

    deed: Deed
    where: str = ""

    def missing(self, holder: str = "") -> NotPermitted:
        """Return the error for a broker that does not permit it. ``holder`` is whom the credentials name, in brackets."""
        tenant, _, rest = self.where.partition("/")
        namespace = f"{tenant}/{rest.partition('/')[0]}" if rest else tenant
        doing = self.deed.doing.format(where=self.where)
        permission = self.deed.permission.format(namespace=namespace, tenant=tenant)
        return NotPermitted(
            f"The broker does not let Eventdesk{holder} {doing}: it needs {permission}. It works as soon as that is granted."
        )


READ = Deed("read {where}", CONSUME)
PUBLISH = Deed("publish to {where}", PRODUCE)
LIST = Deed("list the topics of {where}", EITHER)
LOOK = Deed("look at {where}", EITHER)
SUBSCRIBE = Deed("change subscriptions of {where}", CONSUME)
PEEK = Deed("look at entries of {where}", CONSUME)
CREATE = Deed("create {where}", TENANT)
POLICIES = Deed("look at the policies of {where}", TENANT)
RUN_FUNCTIONS = Deed("look at the functions of {where}", FUNCTIONS)
NAMESPACES = Deed("list the namespaces of {where}", TENANT)
TENANTS = Deed("list the tenants", SUPERUSER)
DEEDS: Sequence[Deed] = (
    READ, PUBLISH, LIST, LOOK, PEEK, SUBSCRIBE, CREATE, POLICIES, RUN_FUNCTIONS, NAMESPACES, TENANTS
)  # fmt: skip
UNKNOWN = Need(Deed("do this", "more permissions than it has"))

_TOPIC = r"persistent/([^/]+/[^/]+/[^/]+)"
_RULES: Sequence[tuple[str, str, Deed]] = (
    ("GET", r"v2/persistent/([^/]+/[^/]+)(?:/partitioned)?", LIST),
    ("GET", rf"v2/{_TOPIC}/(?:partitions|stats|partitioned-stats)", LOOK),
    ("GET", rf"v2/{_TOPIC}/(?:internalStats|partitioned-internalStats|internal-info)", LOOK),
    ("GET", rf"v2/{_TOPIC}/(?:lastMessageId|messageid/.*|ledger/.*)", PEEK),
    ("GET", r"v2/schemas/([^/]+/[^/]+/[^/]+)/.*", LOOK),
    ("GET", r"v3/transactions/transactionBufferStats/([^/]+/[^/]+/[^/]+)", LOOK),
    ("GET", rf"v2/{_TOPIC}/[^/]+", POLICIES),
    ("(?:PUT|POST|DELETE)", rf"v2/{_TOPIC}/subscription/.*", SUBSCRIBE),
    ("PUT", rf"v2/{_TOPIC}(?:/partitions)?", CREATE),
    ("GET", r"v3/functions/([^/]+/[^/]+)(?:/.*)?", RUN_FUNCTIONS),
    ("GET", r"v2/namespaces/([^/]+)", NAMESPACES),
    ("GET", r"v2/(tenants)", TENANTS),
)


def reading(topic: object) -> Need:
    return Need(READ, str(topic))


def publishing(topic: object) -> Need:
    return Need(PUBLISH, str(topic))


def need_of(method: str, path: str) -> Need:
    """Return what a request to the admin API needs. ``path``: such as ``v2/persistent/public/default/documents/stats``."""
    for pattern, form, deed in _RULES:
        if re.fullmatch(pattern, method) and (found := re.fullmatch(form, path)):
            return Need(deed, unquote(found[1]))
    return UNKNOWN
