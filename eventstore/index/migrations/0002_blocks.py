"""Blocks and sliced key tables in place of a row an event. The index is not the truth: it is emptied, and fills again."""

from typing import Any

import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

import eventstore.index.models

KEYS = {
    "index_idkey": "slice integer NOT NULL, hash bigint NOT NULL, partition_id bigint NOT NULL, ordinal bigint NOT NULL",
    "index_linkkey": "slice integer NOT NULL, hash bigint NOT NULL, partition_id bigint NOT NULL, ordinal bigint NOT NULL",
    "index_streamkey": "slice integer NOT NULL, stream_id bigint NOT NULL, ordinal bigint NOT NULL",
}
PRIMARY = {
    "index_idkey": "slice, hash, partition_id, ordinal",
    "index_linkkey": "slice, hash, partition_id, ordinal",
    "index_streamkey": "slice, stream_id, ordinal",
}


def make_key_tables(apps: Any, schema_editor: Any) -> None:
    """On SQLite the primary key is the table itself, which Django cannot say: a second tree would double its size."""
    if schema_editor.connection.alias != "index":
        return
    postgres = schema_editor.connection.vendor == "postgresql"
    for table, columns in KEYS.items():
        end = ")" if postgres else ") WITHOUT ROWID"
        schema_editor.execute(f"CREATE TABLE {table} ({columns}, PRIMARY KEY ({PRIMARY[table]}){end}")
    if postgres:  # it is compressed already
        schema_editor.execute("ALTER TABLE index_blockrow ALTER COLUMN data SET STORAGE EXTERNAL")


def drop_key_tables(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.alias == "index":
        for table in KEYS:
            schema_editor.execute(f"DROP TABLE {table}")


class Migration(migrations.Migration):
    dependencies = [("index", "0001_first")]

    operations = [
        migrations.DeleteModel(name="PointerRow"),
        migrations.DeleteModel(name="StreamRow"),
        migrations.DeleteModel(name="AggregateRow"),
        migrations.DeleteModel(name="IndexedPartition"),
        migrations.CreateModel(
            name="AnomalyCount",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "partition_id", "kind", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("partition_id", models.BigIntegerField()),
                ("kind", models.CharField(max_length=24)),
                ("events", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="HourCount",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "partition_id", "hour", "type_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("partition_id", models.BigIntegerField()),
                ("type_id", models.BigIntegerField()),
                ("hour", models.BigIntegerField()),
                ("events", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="NameRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("text", eventstore.index.models.ExactText(unique=True)),
            ],
        ),
        migrations.CreateModel(
            name="SeenFilter",
            fields=[
                ("first_slice", models.IntegerField(primary_key=True, serialize=False)),
                ("last_slice", models.IntegerField()),
                ("bits", models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name="TypeCount",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "partition_id", "type_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("partition_id", models.BigIntegerField()),
                ("type_id", models.BigIntegerField()),
                ("streams", models.BigIntegerField()),
                ("events", models.BigIntegerField()),
                ("last_time", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="BlockRow",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "partition_id", "first_ordinal", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("partition_id", models.BigIntegerField()),
                ("first_ordinal", models.BigIntegerField()),
                ("first_token", eventstore.index.models.ExactText()),
                ("slice", models.IntegerField()),
                ("data", models.BinaryField()),
            ],
            options={
                "indexes": [models.Index(fields=["partition_id", "first_token"], name="blocks_by_token")],
            },
        ),
        migrations.CreateModel(
            name="IndexedPartition",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("topic", eventstore.index.models.ExactText()),
                ("number", models.IntegerField()),
                ("kind", models.CharField(max_length=16)),
                ("build", models.IntegerField(default=0)),
                ("live", models.BooleanField(default=True)),
                ("checkpoint", models.TextField(default="")),
                ("next_ordinal", models.BigIntegerField(default=0)),
                ("slice", models.IntegerField(default=0)),
                ("caught_up_at", models.DateTimeField(null=True)),
                ("owner", models.TextField(default="")),
                ("epoch", models.BigIntegerField(default=0)),
                ("leased_until", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("topic", "number", "build"), name="one_row_a_build")],
            },
        ),
        migrations.CreateModel(
            name="AnomalyRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("ordinal", models.BigIntegerField()),
                ("kind", models.CharField(max_length=24)),
                ("stream_id", models.BigIntegerField(null=True)),
                ("detail", models.TextField(default="")),
                (
                    "partition",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to="index.indexedpartition",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["kind", "id"], name="anomalies_by_kind"),
                    models.Index(
                        condition=models.Q(("stream_id__isnull", False)), fields=["stream_id"], name="anomalies_by_stream"
                    ),
                ],
                "constraints": [models.UniqueConstraint(fields=("partition", "ordinal", "kind"), name="one_row_an_anomaly")],
            },
        ),
        migrations.CreateModel(
            name="StreamRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("aggregate_id", eventstore.index.models.ExactText()),
                ("events", models.BigIntegerField()),
                ("first_slice", models.IntegerField()),
                ("first_time", models.BigIntegerField()),
                ("last_time", models.BigIntegerField()),
                ("last_types", models.TextField()),
                ("last_sequence", models.TextField(default="")),
                (
                    "partition",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to="index.indexedpartition",
                    ),
                ),
                (
                    "type",
                    models.ForeignKey(
                        db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, to="index.namerow"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["type", "aggregate_id"], name="streams_by_type")],
                "constraints": [
                    models.UniqueConstraint(fields=("aggregate_id", "type", "partition"), name="one_row_a_stream")
                ],
            },
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="IdKey",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "slice",
                                "hash",
                                "partition_id",
                                "ordinal",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("slice", models.IntegerField()),
                        ("hash", models.BigIntegerField()),
                        ("partition_id", models.BigIntegerField()),
                        ("ordinal", models.BigIntegerField()),
                    ],
                ),
                migrations.CreateModel(
                    name="LinkKey",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "slice",
                                "hash",
                                "partition_id",
                                "ordinal",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("slice", models.IntegerField()),
                        ("hash", models.BigIntegerField()),
                        ("partition_id", models.BigIntegerField()),
                        ("ordinal", models.BigIntegerField()),
                    ],
                ),
                migrations.CreateModel(
                    name="StreamKey",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "slice", "stream_id", "ordinal", blank=True, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("slice", models.IntegerField()),
                        ("stream_id", models.BigIntegerField()),
                        ("ordinal", models.BigIntegerField()),
                    ],
                ),
            ],
            database_operations=[migrations.RunPython(make_key_tables, drop_key_tables)],
        ),
    ]
