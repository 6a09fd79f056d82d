"""Logins with a second factor, as tests do them."""

import re
import time
from base64 import b32decode
from binascii import unhexlify
from typing import Any

from django.conf import settings
from django.test import Client
from django.test.utils import override_settings
from django.urls import URLPattern
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice
from msgspec.structs import replace

from dashboard import urls
from dashboard.accounts import second_factor
from dashboard.models import Person
from tests.people import PASSWORD
from tests.web.access_table import BY_PROVIDER, METRICS, OPEN
from tests.web.walked import address

STEP = "/login/second-step/"


def needing(*roles: str, **access: Any) -> Any:
    """With a configuration in which these roles need a second factor."""
    changed = replace(settings.EVENTDESK.access, second_factor=roles, **access)
    return override_settings(EVENTDESK=replace(settings.EVENTDESK, access=changed))


def device_of(person: Person) -> TOTPDevice:
    """The person's device, enrolled a while ago if there is none."""
    found = TOTPDevice.objects.filter(user=person).first()
    if found is None:
        found = second_factor.unconfirmed(person, second_factor.new_secret())
        found.save()
    return found


def code_of(secret: str, *, steps: int = 0) -> str:
    """The code that a device with this secret shows, so many steps from now."""
    totp = TOTP(unhexlify(secret))
    totp.time = time.time() + 30 * steps
    return f"{totp.token():06}"


def wrong_code(secret: str) -> str:
    """A code that is right at no time around now."""
    near = {code_of(secret, steps=steps) for steps in range(-4, 5)}
    return next(code for number in range(20) if (code := f"{number:06}") not in near)


def with_password(person: Person, **options: Any) -> Client:
    """A client of which the password was right, and no more."""
    client = Client(**options)
    client.post("/login/", {"username": person.username, "password": PASSWORD})
    return client


def logged_in(person: Person, **options: Any) -> Client:
    """A client that has passed both."""
    client = with_password(person, **options)
    TOTPDevice.objects.filter(user=person).update(last_t=-1)  # another login of this test may just have used the code
    answer = client.post(STEP, {"code": code_of(device_of(person).key)})
    assert answer.status_code == 302, answer.content
    return client


def secret_on(page: bytes) -> str:
    """The secret of a page of enrolment, in hexadecimal."""
    found = re.search(r"data-secret>([A-Z2-7 ]+)<", page.decode())
    assert found, page.decode()
    return b32decode(found[1].replace(" ", "")).hex()


def codes_on(page: bytes) -> list[str]:
    return re.findall(r"data-code>([a-z0-9-]+)<", page.decode())


def key_of(client: Client) -> str:
    """The key of its session."""
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def reached(client: Client) -> set[str]:
    """The routes that answer anything but the way to the login page."""
    routes: list[URLPattern] = list(urls.urlpatterns)
    asked = [route for route in routes if route.name not in OPEN | BY_PROVIDER | {"logout", METRICS}]
    answers = {str(route.name): client.get(address(route)) for route in asked}
    return {name for name, answer in answers.items() if not answer.headers.get("Location", "").startswith("/login/")}


def enters(client: Client, url: str = "/topics/") -> bool:
    """Whether this client sees pages."""
    return client.get(url).status_code == 200
