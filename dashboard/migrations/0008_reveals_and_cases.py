import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

_ID = ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"))
_PROTECT = django.db.models.deletion.PROTECT
_PERSON = settings.AUTH_USER_MODEL


class Migration(migrations.Migration):
    dependencies = [("dashboard", "0007_record_searched")]

    operations = [
        migrations.CreateModel(
            name="Case",
            fields=[
                _ID,
                ("ticket", models.CharField(max_length=200)),
                ("reason", models.TextField()),
                ("opened", models.DateTimeField()),
                ("ends", models.DateTimeField()),
                ("closed", models.DateTimeField(null=True)),
                ("how_closed", models.CharField(default="", max_length=20)),
                ("after", models.BigIntegerField(default=0)),
                ("person", models.ForeignKey(on_delete=_PROTECT, related_name="cases", to=_PERSON)),
            ],
            options={
                "indexes": [models.Index(fields=["opened"], name="case_opened")],
                "constraints": [
                    models.UniqueConstraint(condition=models.Q(("closed", None)), fields=("person",), name="one_open_case")
                ],
            },
        ),
        migrations.CreateModel(
            name="CaseNote",
            fields=[
                _ID,
                ("text", models.TextField()),
                ("written", models.DateTimeField()),
                ("case", models.ForeignKey(on_delete=_PROTECT, related_name="notes", to="dashboard.case")),
            ],
        ),
        migrations.CreateModel(
            name="Reveal",
            fields=[
                _ID,
                ("role", models.CharField(max_length=20)),
                ("session", models.CharField(max_length=64)),
                ("kind", models.CharField(max_length=12)),
                ("topic", models.TextField(default="")),
                ("aggregate_type", models.TextField(default="")),
                ("aggregate_id", models.TextField(default="")),
                ("event_id", models.TextField(default="")),
                ("path", models.TextField(default="")),
                ("reason", models.TextField()),
                ("ticket", models.CharField(max_length=200)),
                ("emergency", models.BooleanField(default=False)),
                ("address", models.CharField(default="", max_length=64)),
                ("begun", models.DateTimeField()),
                ("ends", models.DateTimeField()),
                ("ended", models.DateTimeField(null=True)),
                ("how_ended", models.CharField(default="", max_length=20)),
                ("told", models.CharField(default="", max_length=20)),
                ("seen", models.DateTimeField(null=True)),
                ("case", models.ForeignKey(null=True, on_delete=_PROTECT, related_name="reveals", to="dashboard.case")),
                ("person", models.ForeignKey(on_delete=_PROTECT, related_name="reveals", to=_PERSON)),
                ("seen_by", models.ForeignKey(null=True, on_delete=_PROTECT, related_name="+", to=_PERSON)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["session", "ends"], name="reveal_session"),
                    models.Index(fields=["begun"], name="reveal_begun"),
                    models.Index(fields=["case"], name="reveal_of_case"),
                    models.Index(condition=models.Q(("emergency", True)), fields=["seen"], name="reveal_unseen"),
                ],
            },
        ),
    ]
