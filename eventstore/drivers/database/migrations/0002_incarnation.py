"""What tells a topic from another one of the same name: random, and different in each row that is there already."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from eventstore.drivers.database.models import new_incarnation


def tell_apart(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    for row in apps.get_model("store", "TopicRow").objects.using(editor.connection.alias).all():
        row.incarnation = new_incarnation()
        row.save(update_fields=["incarnation"])


class Migration(migrations.Migration):
    dependencies = [("store", "0001_initial")]

    operations = [
        migrations.AddField("topicrow", "incarnation", models.CharField(max_length=16, default=new_incarnation)),
        migrations.RunPython(tell_apart, migrations.RunPython.noop),
    ]
