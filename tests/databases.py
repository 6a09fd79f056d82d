"""Where the test databases are, in the form that another process understands."""

from urllib.parse import quote

from django.db import connections

VARIABLES = {"default": "DATABASE_URL", "index": "INDEX_DATABASE_URL", "store": "STORE_DATABASE_URL"}


def database_url(alias: str) -> str:
    """Return the URL of the database that this alias currently stands for."""
    config = connections.settings[alias]
    if config["ENGINE"] == "django.db.backends.sqlite3":
        return f"sqlite:///{config['NAME']}"
    person = f"{quote(config['USER'])}:{quote(config['PASSWORD'])}" if config["PASSWORD"] else quote(config["USER"])
    return f"postgresql://{person}@{config['HOST']}:{config['PORT']}/{quote(config['NAME'])}"


def database_environment() -> dict[str, str]:
    """Return the environment variables with which another process uses the databases of this test."""
    return {variable: database_url(alias) for alias, variable in VARIABLES.items()}
