"""On PostgreSQL, the procedure of ``0012`` again: it moves the head and writes the entry in one statement, and looks whether an
end was told already only where that is asked. The one before does the same, so it stays where somebody goes back to it.
"""

from typing import Any

from django.db import migrations

APPEND = """
CREATE OR REPLACE PROCEDURE dashboard_append_entry(content text, once boolean, INOUT appended boolean DEFAULT NULL)
LANGUAGE plpgsql AS $append$
DECLARE
    said jsonb := content;
BEGIN
    appended := true;
    PERFORM pg_advisory_xact_lock(28559150664672357), set_config('synchronous_commit', 'off', true);
    IF once THEN
        IF (said ->> 2, said ->> 15) = (
            SELECT state, details FROM dashboard_auditentry WHERE act = (said ->> 1)::uuid ORDER BY number DESC LIMIT 1
        ) THEN
            COMMIT;
            PERFORM pg_logical_emit_message(true, 'eventdesk', '');
            RETURN;
        END IF;
    END IF;
    WITH head AS (
        UPDATE dashboard_audithead
        SET previous = hash,
            number = number + 1,
            hash = encode(sha256(convert_to(hash || E'\\n' || (number + 1) || E'\\n' || content, 'UTF8')), 'hex')
        WHERE id = 1
        RETURNING number, previous, hash
    )
    INSERT INTO dashboard_auditentry (
        number, hash_version, act, state, begins, actor, via, action,
        kind, topic, subscription, aggregate_type, aggregate_id, name, scope, reason, ticket,
        details, written, host, pid, process_start, pid_namespace, previous, hash
    )
    SELECT
        head.number, (said -> 0)::integer, (said ->> 1)::uuid, said ->> 2, (said -> 3)::boolean, said ->> 4, said ->> 5, said ->> 6,
        said ->> 7, said ->> 8, said ->> 9, said ->> 10, said ->> 11, said ->> 12, '', said ->> 13, said ->> 14,
        said ->> 15, (said ->> 16)::timestamptz, said ->> 17, (said -> 18)::bigint, said ->> 19, said ->> 20, head.previous, head.hash
    FROM head;
    IF NOT FOUND THEN
        appended := false;
        RETURN;
    END IF;
    COMMIT;
    PERFORM pg_logical_emit_message(true, 'eventdesk', '');
END $append$
"""


def make(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(APPEND, None)


class Migration(migrations.Migration):
    dependencies = [("dashboard", "0014_no_old_sessions")]

    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
