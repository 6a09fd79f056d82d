from django.apps import AppConfig


class LocalConfig(AppConfig):
    name = "eventstore.local"
    label = "local"
