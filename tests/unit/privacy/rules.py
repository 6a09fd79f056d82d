"""Configurations with rules, and profiles, for tests of masking."""

from dashboard.privacy import AccessProfile, Origin
from eventstore.config import Config
from eventstore.config.loading import parse_config

MASKED_PERSON = AccessProfile(name="support", sees_values=False)
CLEAR_PERSON = AccessProfile(name="admin", sees_values=True)
DOCUMENT = Origin(
    topic="public/default/documents", type="DocumentUploaded", aggregate_type="patient", aggregate_id="4711", event_id="e-1"
)

RULES = """
[masking]
clear_for = ["admin"]

[[masking.rule]]
type = "Document*"
path = "data.title"
show = "plain"

[[masking.rule]]
path = "data.patient.email"
show = "hash"

[[masking.rule]]
path = "data.patient.insurance"
show = "last4"

[[masking.rule]]
path = "data.patient.born"
show = "year"

[[masking.rule]]
path = "data.patient.diagnosis"
show = "hidden"

[[masking.rule]]
path = "data.items[].code"
show = "plain"

[[masking.rule]]
topic = "public-*"
path = "data.**"
show = "plain"

[[masking.rule]]
path = "properties.tenant*"
show = "plain"

[[masking.rule]]
path = "attributes.region"
show = "plain"
"""


def config(text: str = RULES) -> Config:
    return parse_config(text, "masking.toml")
