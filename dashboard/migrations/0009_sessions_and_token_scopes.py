import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

_ID = ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"))
_CASCADE = django.db.models.deletion.CASCADE
_PERSON = settings.AUTH_USER_MODEL


class Migration(migrations.Migration):
    dependencies = [("dashboard", "0008_reveals_and_cases")]

    operations = [
        migrations.CreateModel(
            name="LoginSession",
            fields=[
                (
                    "session_key",
                    models.CharField(max_length=40, primary_key=True, serialize=False, verbose_name="session key"),
                ),
                ("session_data", models.TextField(verbose_name="session data")),
                ("expire_date", models.DateTimeField(db_index=True, verbose_name="expire date")),
                ("last_used", models.DateTimeField()),
                ("person", models.ForeignKey(null=True, on_delete=_CASCADE, related_name="sessions", to=_PERSON)),
            ],
            options={"verbose_name": "session", "verbose_name_plural": "sessions", "abstract": False},
        ),
        migrations.CreateModel(
            name="RecoveryCode",
            fields=[
                _ID,
                ("hash", models.CharField(max_length=64, unique=True)),
                ("person", models.ForeignKey(on_delete=_CASCADE, related_name="recovery_codes", to=_PERSON)),
            ],
        ),
        migrations.AddField(
            model_name="apitoken",
            name="purpose",
            field=models.CharField(choices=[("tail", "live tail"), ("metrics", "metrics")], default="tail", max_length=20),
        ),
        migrations.AddField(model_name="apitoken", name="topics", field=models.JSONField(default=list)),
        migrations.AddField(model_name="apitoken", name="aggregate_types", field=models.JSONField(default=list)),
    ]
