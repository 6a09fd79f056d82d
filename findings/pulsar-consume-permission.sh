#!/bin/sh
# A role that may only consume may also delete and move the subscriptions of all others, and a role that may only produce sees them.
#
# Software: the broker of Pulsar 4.0.8 (Maven).
# Expected: the permission to consume is enough to read with a subscription of one's own, and moving or deleting those of others needs more.
# Seen: with consume on the namespace alone, the admin API creates, resets and deletes any subscription (204). To read the topic's retention it
# wants an admin of the tenant (403). With produce alone, it tells figures and subscriptions, and refuses all changes.
. "$(dirname "$0")/lib/finding.sh"
. "$(dirname "$0")/lib/broker.sh"
secured_broker
cat > "$folder/run.py" <<'PY'
import json
import sys
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tokens import token

TOPIC = f"{sys.argv[1]}/admin/v2/persistent/public/default/letters"


def ask(role, method, path, body=None):
    headers = {"Authorization": f"Bearer {token(role)}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(path, data=data, method=method, headers=headers)) as answer:
            return answer.status
    except HTTPError as error:
        return error.code


ask("admin", "PUT", TOPIC)
for role in ("consume", "produce"):
    ask("admin", "POST", f"{sys.argv[1]}/admin/v2/namespaces/public/default/permissions/{role}", [role])
    ask("admin", "PUT", f"{TOPIC}/subscription/of-others", "earliest")
    for method, path, body in (
        ("GET", "stats", None),
        ("PUT", "subscription/new", "latest"),
        ("POST", "subscription/of-others/resetcursor", "latest"),
        ("DELETE", "subscription/of-others", None),
        ("GET", "retention", None),
    ):
        print(role, method, path, ask(role, method, f"{TOPIC}/{path}", body))
PY
python3 "$folder/run.py" "$admin_url" > "$folder/seen"
expect <<'TEXT'
consume GET stats 200
consume PUT subscription/new 204
consume POST subscription/of-others/resetcursor 204
consume DELETE subscription/of-others 204
consume GET retention 403
produce GET stats 200
produce PUT subscription/new 401
produce POST subscription/of-others/resetcursor 401
produce DELETE subscription/of-others 401
produce GET retention 403
TEXT
