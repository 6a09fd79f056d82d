from django.apps import AppConfig


class EmbeddedStoreConfig(AppConfig):
    name = "eventstore.drivers.database"
    label = "store"
