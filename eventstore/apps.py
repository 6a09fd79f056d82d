from django.apps import AppConfig


class EventStoreConfig(AppConfig):
    name = "eventstore"
    label = "eventstore"
