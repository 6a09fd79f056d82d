from django.db import migrations, models

_ID = ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"))


class Migration(migrations.Migration):
    dependencies = [("dashboard", "0010_provider_logins")]

    operations = [
        migrations.CreateModel(
            name="Alert",
            fields=[
                _ID,
                ("key", models.CharField(max_length=64, unique=True)),
                ("kind", models.CharField(max_length=20)),
                ("topic", models.TextField(default="")),
                ("subscription", models.TextField(default="")),
                ("began", models.DateTimeField()),
                ("told", models.DateTimeField(null=True)),
                ("gone", models.DateTimeField(null=True)),
                ("figure", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="AlertMessage",
            fields=[
                _ID,
                ("channel", models.CharField(max_length=10)),
                ("body", models.TextField()),
                ("made", models.DateTimeField()),
                ("tries", models.PositiveIntegerField(default=0)),
                ("next_try", models.DateTimeField()),
                ("ended", models.DateTimeField(null=True)),
                ("problem", models.TextField(default="")),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("ended", None)), fields=["next_try"], name="alert_message_due"),
                ],
            },
        ),
    ]
