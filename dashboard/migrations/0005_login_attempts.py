from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("dashboard", "0004_resources_of_old_entries")]

    operations = [
        migrations.CreateModel(
            name="LoginAttempt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=200)),
                ("at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["key", "at"], name="login_attempt_key"),
                    models.Index(fields=["at"], name="login_attempt_at"),
                ],
            },
        ),
    ]
