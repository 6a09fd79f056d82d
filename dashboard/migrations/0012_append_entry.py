"""On PostgreSQL, a procedure that appends an entry to the record, for ``dashboard.auditing.one_call``.

It asks whether an end was told already once nobody else can tell it: before it waits for its turn, two processes could write one
end twice. Where it was told, it waits until that is on the disk.
"""

from typing import Any

from django.db import migrations

APPEND = """
CREATE PROCEDURE dashboard_append_entry(content text, once boolean, INOUT appended boolean DEFAULT NULL)
LANGUAGE plpgsql AS $append$
DECLARE
    said jsonb := content;
    head dashboard_audithead%ROWTYPE;
BEGIN
    appended := true;
    PERFORM pg_advisory_xact_lock(28559150664672357);
    IF once AND (said ->> 2, said ->> 15) = (
        SELECT state, details FROM dashboard_auditentry WHERE act = (said ->> 1)::uuid ORDER BY number DESC LIMIT 1
    ) THEN
        COMMIT;
        PERFORM pg_logical_emit_message(true, 'eventdesk', '');
        RETURN;
    END IF;
    PERFORM set_config('synchronous_commit', 'off', true);
    UPDATE dashboard_audithead
    SET previous = hash,
        number = number + 1,
        hash = encode(sha256(convert_to(hash || E'\\n' || (number + 1) || E'\\n' || content, 'UTF8')), 'hex')
    WHERE id = 1
    RETURNING * INTO head;
    IF NOT FOUND THEN
        appended := false;
        RETURN;
    END IF;
    INSERT INTO dashboard_auditentry (
        number, hash_version, act, state, begins, actor, via, action,
        kind, topic, subscription, aggregate_type, aggregate_id, name, scope, reason, ticket,
        details, written, host, pid, process_start, pid_namespace, previous, hash
    ) VALUES (
        head.number, (said -> 0)::integer, (said ->> 1)::uuid, said ->> 2, (said -> 3)::boolean, said ->> 4, said ->> 5, said ->> 6,
        said ->> 7, said ->> 8, said ->> 9, said ->> 10, said ->> 11, said ->> 12, '', said ->> 13, said ->> 14,
        said ->> 15, (said ->> 16)::timestamptz, said ->> 17, (said -> 18)::bigint, said ->> 19, said ->> 20, head.previous, head.hash
    );
    COMMIT;
    PERFORM pg_logical_emit_message(true, 'eventdesk', '');
END $append$
"""


def make(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(APPEND, None)


def drop(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP PROCEDURE dashboard_append_entry")


class Migration(migrations.Migration):
    dependencies = [("dashboard", "0011_alerts")]

    operations = [migrations.RunPython(make, drop)]
