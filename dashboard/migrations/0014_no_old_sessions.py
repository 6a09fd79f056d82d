from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def empty(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Nothing reads or clears Django's own table since sessions are ``LoginSession``. New installations have none."""
    if "django_session" in editor.connection.introspection.table_names():
        editor.execute("DELETE FROM django_session")


class Migration(migrations.Migration):
    dependencies = [("dashboard", "0013_record_by_aggregate_type")]

    operations = [migrations.RunPython(empty, migrations.RunPython.noop, elidable=True)]
