"""Acts as AuditEvent resources of FHIR R4, one JSON object a line.

Required there: ``type``, ``recorded``, ``agent`` (with ``requestor``) and ``source`` (with ``observer``). Texts are never
empty, and hold no control characters.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from dashboard.auditing.acts import Act
from dashboard.models import State
from eventstore.actions import action_named

DICOM = "http://dicom.nema.org/resources/ontology/DCM"
TERMS = "http://terminology.hl7.org/CodeSystem"
OURS = "urn:eventdesk"
"""Names that are Eventdesk's own: ``urn:eventdesk:action``, ``urn:eventdesk:patient``."""

APPLICATION = {"system": DICOM, "code": "110100", "display": "Application Activity"}
AUTHENTICATION = {"system": DICOM, "code": "110114", "display": "User Authentication"}
ALERT = {"system": DICOM, "code": "110113", "display": "Security Alert"}
EXPORT = {"system": DICOM, "code": "110106", "display": "Export"}
QUERY = {"system": DICOM, "code": "110112", "display": "Query"}
_TYPES = {"log_in": AUTHENTICATION, "log_out": AUTHENTICATION, "refused": ALERT, "search_masked": QUERY}
_REVEALS = {"reveal", "emergency_reveal"}
_READ = {"look", "search_masked", *_REVEALS}
"""What shows something and changes nothing. Exports do so too."""
_OUTCOMES = {State.DONE: "0", State.PARTLY_DONE: "4", State.FAILED: "8"}
"""Success, minor failure, serious failure. An act that is open or whose outcome is unknown has none."""
PERSON, THING = "1", "2"
_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_SYSTEM = re.compile(r"[^A-Za-z0-9._-]+")


def event_line(act: Act) -> bytes:
    return msgspec.json.encode(audit_event(act)) + b"\n"


def audit_event(act: Act) -> dict[str, Any]:
    """The resource of one act, as its last entry says."""
    reason = _text(act.details.get("reason"))
    outcome = {"outcome": _OUTCOMES[act.state]} if act.state in _OUTCOMES else {}
    action = action_named(act.action)
    return {
        "resourceType": "AuditEvent",
        "id": str(act.act),
        "type": _TYPES.get(act.action, EXPORT if act.action.startswith("export") else APPLICATION),
        "subtype": [_filled(system=f"{OURS}:action", code=_code(act.action), display=action.title if action else None)],
        "action": "R" if act.action in _READ or act.action.startswith("export") else "E",
        "recorded": _instant(act.begun),
        **outcome,
        "outcomeDesc": _text(act.outcome.get("reason")) or str(act.state),
        **({"purposeOfEvent": [{"text": reason}]} if reason else {}),
        "agent": [_agent(act)],
        "source": {
            "observer": {"display": "Eventdesk"},
            "type": [{"system": f"{TERMS}/security-source-type", "code": "4", "display": "Application Server"}],
        },
        "entity": [_entity(act)],
    }


def _agent(act: Act) -> dict[str, Any]:
    address = _text(act.details.get("from" if act.action in _REVEALS else "address"))
    who = {"identifier": {"system": f"{OURS}:account", "value": _text(act.actor) or "unknown"}}
    network = {"network": {"address": address, "type": "2"}} if address else {}
    return {"who": who, "name": _text(act.actor) or "unknown", "requestor": True, **network}


def _entity(act: Act) -> dict[str, Any]:
    resource = act.resource
    kind = resource.aggregate_type if resource.aggregate_id else resource.kind
    system = f"{OURS}:{_SYSTEM.sub('-', kind) or 'thing'}"
    details = [{"type": name, "valueString": text} for name, text in _details(act)]
    type = PERSON if resource.kind == "account" else THING
    return {
        "what": {"identifier": {"system": system, "value": _text(resource.title) or "unknown"}},
        "type": {"system": f"{TERMS}/audit-entity-type", "code": type},
        **({"detail": details} if details else {}),
    }


def _details(act: Act) -> list[tuple[str, str]]:
    said = {"topic": act.resource.topic, "subscription": act.resource.subscription, "via": act.via}
    return [(name, text) for name, value in {**said, **_plain(act.details)}.items() if (text := _text(value))]


def _plain(details: Mapping[str, Any]) -> Mapping[str, Any]:
    """Names and counts that are one value each. What has parts stays in the record."""
    return {name: value for name, value in details.items() if isinstance(value, str | int | float) and _text(name)}


def _text(value: object) -> str:
    return "" if value is None else _CONTROL.sub(" ", str(value)).strip()


def _code(name: str) -> str:
    """A code of FHIR has single spaces at most, and none at its ends."""
    return " ".join(_text(name).split()) or "unknown"


def _instant(time: Any) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"


def _filled(**fields: str | None) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}
