"""How events and everything about them look and read: rows, payloads, stories, charts, and texts.

Values that the viewer may not see are masked before they get here or in here, by ``dashboard.privacy``. Nothing in this room
knows requests, so pages, tail frames, and commands render alike.
"""

from dashboard.rendering.anomaly_text import (
    ANOMALY_TEXTS,
    AnomalyFinding,
    AnomalyText,
    display_detail,
    findings,
    texts_of_kinds,
)
from dashboard.rendering.audit_text import action_text, audit_line, fact_text, tell
from dashboard.rendering.event_json import event_as_json
from dashboard.rendering.event_line import EventLine
from dashboard.rendering.event_line_builder import build_line, build_pointer_line, key_of, ordering_key_of
from dashboard.rendering.event_row import (
    StreamRows,
    render_movable_row,
    render_revealed,
    render_row,
    render_rows,
    render_story,
    render_stream_rows,
    render_waiting_row,
)
from dashboard.rendering.hour_chart import HOURS, chart_hours, far_links, future_links
from dashboard.rendering.links import (
    aggregate_url,
    event_url,
    published_mark,
    reset_to_url,
    skip_before_url,
    skip_event_url,
)
from dashboard.rendering.payload import MOST_BYTES, Payload, payload_of_event
from dashboard.rendering.story import plain_story
from dashboard.rendering.url_segments import address, segment

__all__ = [
    "ANOMALY_TEXTS",
    "HOURS",
    "MOST_BYTES",
    "AnomalyFinding",
    "AnomalyText",
    "EventLine",
    "Payload",
    "StreamRows",
    "action_text",
    "address",
    "aggregate_url",
    "audit_line",
    "build_line",
    "build_pointer_line",
    "chart_hours",
    "display_detail",
    "event_as_json",
    "event_url",
    "fact_text",
    "far_links",
    "findings",
    "future_links",
    "key_of",
    "ordering_key_of",
    "payload_of_event",
    "plain_story",
    "published_mark",
    "render_movable_row",
    "render_revealed",
    "render_row",
    "render_rows",
    "render_story",
    "render_stream_rows",
    "render_waiting_row",
    "reset_to_url",
    "segment",
    "skip_before_url",
    "skip_event_url",
    "tell",
    "texts_of_kinds",
]
