"""Old entries get the columns of a resource, made of what their hash covers."""

from typing import Any

from django.db import migrations

from dashboard.auditing.old_entries import RESOURCE_COLUMNS, columns_of_old

STEP = 1000


def fill(apps: Any, schema_editor: Any) -> None:
    rows = apps.get_model("dashboard", "AuditEntry").objects.using(schema_editor.connection.alias)
    number = 0
    while entries := list(rows.filter(number__gt=number, hash_version=1).order_by("number")[:STEP]):
        for entry in entries:
            columns = columns_of_old(state=entry.state, action=entry.action, scope=entry.scope, details=entry.details)
            for name, value in columns.items():
                setattr(entry, name, value)
        rows.bulk_update(entries, RESOURCE_COLUMNS)
        number = entries[-1].number


class Migration(migrations.Migration):
    dependencies = [("dashboard", "0003_resources")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
