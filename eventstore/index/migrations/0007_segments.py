"""Plain names: a slice of the key tables is a segment, and a hungry indexer wants more. Only column names change."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("index", "0006_gone")]

    operations = [
        migrations.RenameField("indexerrow", "hungry", "wants_more"),
        migrations.RenameField("indexedpartition", "slice", "segment"),
        migrations.RenameField("blockrow", "slice", "segment"),
        migrations.RenameField("idkey", "slice", "segment"),
        migrations.RenameField("linkkey", "slice", "segment"),
        migrations.RenameField("streamkey", "slice", "segment"),
        migrations.RenameField("streamrow", "first_slice", "first_segment"),
        migrations.RenameField("seenfilter", "first_slice", "first_segment"),
        migrations.RenameField("seenfilter", "last_slice", "last_segment"),
    ]
