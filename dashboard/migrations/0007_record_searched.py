"""The record's entries get columns that are searched. Those of before get what their hash covers."""

from typing import Any

from django.db import migrations, models
from django.db.models import Q

from dashboard.auditing.old_entries import searched_columns_of_old

STEP = 1000
CHANGED = ("topic", "subscription", "name", "actor", "action")


def fill(apps: Any, schema_editor: Any) -> None:
    rows = apps.get_model("dashboard", "AuditEntry").objects.using(schema_editor.connection.alias)
    number = 0
    while entries := list(rows.filter(number__gt=number).order_by("number")[:STEP]):
        for entry in entries:
            for name, value in searched_columns_of_old(state=entry.state, details=entry.details).items():
                setattr(entry, name, value)
        rows.bulk_update(entries, ["begins", "reason", "ticket"])
        number = entries[-1].number


def of_begins(*fields: str, name: str) -> Any:
    return migrations.AddIndex("auditentry", models.Index(fields=list(fields), name=name, condition=Q(begins=True)))


class Migration(migrations.Migration):
    dependencies = [("dashboard", "0006_privacy_and_audit_roles")]

    operations = [
        migrations.AddField("auditentry", "begins", models.BooleanField(default=False)),
        migrations.AddField("auditentry", "reason", models.TextField(default="")),
        migrations.AddField("auditentry", "ticket", models.TextField(default="")),
        migrations.AddField("audithead", "previous", models.CharField(max_length=64, default="")),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RemoveIndex("auditentry", "audit_state"),
        *(migrations.RemoveIndex("auditentry", f"audit_{name}") for name in (*CHANGED, "aggregate")),
        migrations.AddIndex(
            "auditentry", models.Index(fields=["number"], name="audit_intended", condition=Q(state="intended"))
        ),
        of_begins("number", name="audit_begins"),
        of_begins("written", name="audit_written"),
        *(of_begins(name, "number", name=f"audit_{name}") for name in (*CHANGED, "ticket")),
        of_begins("aggregate_id", "number", name="audit_aggregate"),
        migrations.CreateModel(
            name="Refusal",
            fields=[
                ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("until", models.DateTimeField()),
                ("more", models.PositiveIntegerField(default=0)),
                ("entry", models.TextField()),
            ],
            options={"indexes": [models.Index(fields=["until"], name="refusal_until")]},
        ),
    ]
