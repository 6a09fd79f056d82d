from django.db import migrations, models

ROLES = [
    ("", "no access"),
    ("viewer", "viewer"),
    ("support", "support"),
    ("approver", "approver"),
    ("privacy", "privacy officer"),
    ("auditor", "auditor"),
    ("admin", "admin"),
]


class Migration(migrations.Migration):
    dependencies = [("dashboard", "0005_login_attempts")]

    operations = [
        migrations.AlterField("apitoken", "role", models.CharField(choices=ROLES, max_length=20)),
        migrations.AlterField("person", "role", models.CharField(blank=True, choices=ROLES, default="", max_length=20)),
    ]
