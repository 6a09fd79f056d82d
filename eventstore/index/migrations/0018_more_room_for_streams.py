"""More room in PostgreSQL's pages of streams: a large batch changes nearly every row, so that a page needs room for all of its
rows once more. With less, one change in five went to another page, with new entries in all indexes."""

from typing import Any

from django.db import migrations


def leave_more_room(apps: Any, schema_editor: Any) -> None:
    _leave(schema_editor, 45)


def leave_less_room(apps: Any, schema_editor: Any) -> None:
    _leave(schema_editor, 70)


def _leave(schema_editor: Any, filled: int) -> None:
    if schema_editor.connection.alias == "index" and schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"ALTER TABLE index_streamrow SET (fillfactor = {filled})")


class Migration(migrations.Migration):
    dependencies = [("index", "0017_merging")]

    operations = [migrations.RunPython(leave_more_room, leave_less_room)]
