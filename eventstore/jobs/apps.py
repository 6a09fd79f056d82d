from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "eventstore.jobs"
    label = "jobs"
