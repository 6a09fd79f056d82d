from django.apps import AppConfig


class IndexConfig(AppConfig):
    name = "eventstore.index"
    label = "index"
