"""Settings of alerts that could never go out stop the start."""

import pytest
from django.test.utils import override_settings

from dashboard.setup.alert_settings import alert_problem
from eventstore.config.loading import parse_config
from eventstore.model.errors import InvalidConfiguration
from tests.web.test_alerts import CONFIG, SECRET


@pytest.mark.parametrize(
    ("webhook", "secret", "mail", "wrong"),
    [
        ("", "", False, "EVENTDESK_MAIL_URL"),
        ("", "", True, ""),
        ("https://alerts.example.org/x", SECRET, True, ""),
        ("http://127.0.0.1:9/x", SECRET, True, ""),
        ("https://alerts.example.org/x", "", True, "EVENTDESK_HOOK_SECRET"),
        ("https://alerts.example.org/x", "short", True, "EVENTDESK_HOOK_SECRET"),
        ("http://alerts.example.org/x", SECRET, True, "EVENTDESK_ALERT_WEBHOOK"),
        ("https://user:pass@alerts.example.org/", SECRET, True, "EVENTDESK_ALERT_WEBHOOK"),
        ("https://[::1/", SECRET, True, "EVENTDESK_ALERT_WEBHOOK"),
        ("file:///etc/passwd", SECRET, True, "EVENTDESK_ALERT_WEBHOOK"),
        ("https://alerts.example.org/\nx", SECRET, True, "EVENTDESK_ALERT_WEBHOOK"),
    ],
)
def test_alerts_that_cannot_go_out_stop_the_start_without_the_address(
    webhook: str, secret: str, mail: bool, wrong: str
) -> None:
    config = parse_config(CONFIG.format(about=""), "alerts.toml")
    with override_settings(
        EVENTDESK=config, EVENTDESK_ALERT_WEBHOOK=webhook, EVENTDESK_HOOK_SECRET=secret, MAIL_IS_SET_UP=mail
    ):
        problem = alert_problem()
    assert bool(problem) is bool(wrong)
    assert wrong in problem
    assert "user:pass" not in problem


@pytest.mark.parametrize(
    "address", ["desk.example.org", "https://desk.example.org/path", "https://a@desk.example.org", "ftp://x"]
)
def test_an_address_of_the_desk_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(InvalidConfiguration, match=r"alerts\.address"):
        parse_config(f'[alerts]\naddress = "{address}"', "alerts.toml")
