"""The settings of a desk's processes in tests: those of the dashboard, with passwords that need no protection, and helpers who
see every value unless a test's configuration says otherwise (``[masking] clear_for``).

One login took half a second of a processor, and a test run has a hundred. ``tests.fault.test_serve`` runs with the real hash.
"""

from dashboard.settings import *  # noqa: F403

CLEAR_FOR = ["support", "approver", "admin"]  # those of whom no test says otherwise
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
