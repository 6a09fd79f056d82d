"""Room in PostgreSQL's pages for the next version of a stream's row: each batch changes most of the rows that it meets, and a
row that stays in its page needs no new entry in any of the table's indexes."""

from typing import Any

from django.db import migrations


def leave_room(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.alias == "index" and schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE index_streamrow SET (fillfactor = 70)")


def fill_up(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.alias == "index" and schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE index_streamrow RESET (fillfactor)")


class Migration(migrations.Migration):
    dependencies = [("index", "0004_secret")]

    operations = [migrations.RunPython(leave_room, fill_up)]
