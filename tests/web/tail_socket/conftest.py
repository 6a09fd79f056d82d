"""One desk for all tests of the tail's websocket."""

import json
from collections.abc import Iterator

import pytest

from tests.publisher import Publisher
from tests.web.tail_socket.watched import MAKE, PASSWORD, ROLES, TOKENS, TOPIC, SmallDesk, Watched


@pytest.fixture(scope="package")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """One desk for all of these tests, with an event in its topic; its story lines show a value of the payload.

    After the last of them the server has nothing to report: nothing that a client did was an error of ours.
    """
    folder = tmp_path_factory.mktemp("desk")
    config = folder / "desk.toml"
    config.write_text('[stories]\n"Document*" = "<i>{data.secret}"\n', encoding="utf-8")
    with SmallDesk(folder, {"EVENTDESK_CONFIG": str(config)}) as desk:
        made = Watched(desk=desk, publisher=Publisher(desk))
        desk.manage("shell", "-c", MAKE.format(people=ROLES, tokens=TOKENS, password=PASSWORD))
        made.cookies, made.tokens = json.loads((desk.data / "made.json").read_text())
        made.publisher.publish(TOPIC, 0)
        yield made
        log = desk.log("web")
        assert "Traceback" not in log
        assert "exception was never retrieved" not in log
