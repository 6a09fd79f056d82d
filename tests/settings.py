"""The settings of a desk's processes in tests: those of the dashboard, with passwords that need no protection.

One login took half a second of a processor, and a test run has a hundred. ``tests.fault.test_serve`` runs with the real hash.
"""

from dashboard.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
