from django.apps import AppConfig


class ForgottenConfig(AppConfig):
    name = "eventstore.forgotten"
    label = "forgotten"
