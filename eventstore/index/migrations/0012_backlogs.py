from django.db import migrations, models

from eventstore.index.models import ExactText


class Migration(migrations.Migration):
    """What was last seen of every subscription, and what was seen of it before."""

    dependencies = [("index", "0011_counters")]
    operations = [
        migrations.CreateModel(
            name="BacklogRow",
            fields=[
                ("topic", ExactText(primary_key=True, serialize=False)),
                ("data", models.BinaryField(default=b"")),
                ("as_of", models.DateTimeField(null=True)),
                ("reason", models.TextField(default="")),
                ("asked_at", models.DateTimeField(null=True)),
                ("promised_until", models.DateTimeField(null=True)),
                ("owner", models.TextField(default="")),
                ("epoch", models.BigIntegerField(default=0)),
                ("leased_until", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="LookRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("topic", ExactText()),
                ("name", ExactText()),
                ("at", models.BigIntegerField()),
                ("rank", models.SmallIntegerField()),
                ("data", models.BinaryField()),
            ],
            options={
                "indexes": [models.Index(fields=["rank", "at"], name="looks_by_age")],
                "constraints": [models.UniqueConstraint(fields=["topic", "name", "at"], name="one_look_a_moment")],
            },
        ),
    ]
