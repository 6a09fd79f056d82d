"""Logs in as a program does: through the form, keeping the session's cookie."""

import re
from http.cookiejar import CookieJar
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

from tests.desk_process import Desk


def session_of(desk: Desk, name: str, password: str) -> tuple[OpenerDirector, CookieJar]:
    """Return a client that is logged in, and its cookies."""
    processor = HTTPCookieProcessor()
    opener = build_opener(processor)
    login = f"{desk.url}login/"
    fill_in(opener, login, form=login, fields={"username": name, "password": password})
    return opener, processor.cookiejar


def cookie_of(desk: Desk, name: str, password: str) -> str:
    """Return the Cookie header of someone who is logged in."""
    return header_of(session_of(desk, name, password)[1])


def header_of(cookies: CookieJar) -> str:
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in cookies)


def log_out(desk: Desk, opener: OpenerDirector) -> None:
    fill_in(opener, f"{desk.url}logout/", form=desk.url, fields={})


def fill_in(opener: OpenerDirector, url: str, *, form: str, fields: dict[str, str]) -> None:
    """Fill in the form of a page as a browser would."""
    page = opener.open(form).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token
    data = urlencode({**fields, "csrfmiddlewaretoken": token[1]}).encode()
    opener.open(Request(url, data=data, headers={"Referer": form}))
