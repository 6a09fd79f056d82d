"""Logins that an OpenID provider vouches for."""

from django.db import models

from dashboard.models.accounts import Person


class ProviderLogin(models.Model):
    """What is kept of one login for as long as its session lasts. Written by ``dashboard.signin.kept`` alone.

    ``key`` is the hash of a random text that only the session holds. ``tokens`` are encrypted with that text and the secret
    key, so that neither this row nor the session opens them alone. ``asked`` is when the provider last answered, right to some
    seconds. ``busy_until`` is set while one request uses the refresh token, which some providers take once.
    """

    key = models.CharField(max_length=64, unique=True)
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="provider_logins")
    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)
    tokens = models.TextField()
    begun = models.DateTimeField()
    asked = models.DateTimeField(db_index=True)
    busy_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"login of {self.person_id} at {self.issuer}"
