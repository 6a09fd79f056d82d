"""A mail server on loopback that speaks as much SMTP as a client of ours needs, and keeps what it is given."""

import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread


@dataclass(kw_only=True)
class Box:
    """``url`` for ``EVENTDESK_MAIL_URL``. ``sent`` are mails with their recipients. ``answers`` lets a silent server go on."""

    url: str = ""
    sent: list[tuple[list[str], str]] = field(default_factory=list)
    refuses: str = ""
    answers: Event = field(default_factory=Event)


@contextmanager
def mail_server(*, silent: bool = False, refuses: str = "") -> Iterator[Box]:
    """``refuses`` is a command that it answers with an error; ``silent``: it says nothing until ``answers`` is set."""
    box = Box(refuses=refuses)
    if not silent:
        box.answers.set()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), lambda *given: Handler(box, *given)) as server:
        box.url = f"smtp://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield box
        finally:
            box.answers.set()
            server.shutdown()
            thread.join()


class Handler(socketserver.StreamRequestHandler):
    def __init__(self, box: Box, *given: object) -> None:
        self.box = box
        super().__init__(*given)  # type: ignore[arg-type]

    def handle(self) -> None:
        self.box.answers.wait(30)
        self.say("220 box ready")
        to: list[str] = []
        while line := self.rfile.readline().decode().strip():
            command = line[:4].upper()
            if command == self.box.refuses:
                self.say("550 not here")
            elif command == "RCPT":
                to.append(line.partition("<")[2].partition(">")[0])
                self.say("250 ok")
            elif command == "DATA":
                self.say("354 go on")
                self.box.sent.append((to, self.body()))
                self.say("250 kept")
            elif command == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def body(self) -> str:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.decode())
        return "".join(lines)

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())
