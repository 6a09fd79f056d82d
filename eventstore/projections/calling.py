"""One call of another service over HTTP, ended after a time and never led elsewhere.

The host is one that the configuration names, and stays it: a redirect is not followed, and the environment's proxies are not
used. What the service answers is read up to a limit.
"""

import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

MOST_BYTES = 64 * 1024
"""Of an answer. A longer one is refused."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    status: int
    body: bytes


class AnswerProblem(Exception):
    """Why there is no answer that can be used, as the end of a sentence: ``did not answer within 5 seconds``."""


def call(method: str, address: str, *, seconds: float, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
    """Make one call. It takes at most ``seconds`` in all, however slowly the name is resolved or the answer comes.

    Raises ``AnswerProblem`` if there is no complete answer by then, or if it is a redirect or too long.
    """
    attempt = _Attempt(method, address, seconds, body, headers or {})
    thread = threading.Thread(target=attempt.run, name="call", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        attempt.end()
        raise AnswerProblem(f"did not answer within {seconds:g} seconds")
    return attempt.result()


class _Attempt:
    """A call in a thread of its own, which can be ended from outside."""

    def __init__(self, method: str, address: str, seconds: float, body: bytes, headers: Mapping[str, str]) -> None:
        self._method, self._parts, self._body, self._headers = method, urlsplit(address), body, dict(headers)
        host, port = self._parts.hostname or "", self._parts.port
        self._connection: HTTPConnection = (
            HTTPSConnection(host, port, timeout=seconds, context=ssl.create_default_context())
            if self._parts.scheme == "https"
            else HTTPConnection(host, port, timeout=seconds)
        )
        self._answer: Answer | None = None
        self._problem = "did not answer"

    def run(self) -> None:
        try:
            self._answer = self._asked()
        except TimeoutError:
            self._problem = "did not answer in time"
        except ssl.SSLCertVerificationError:
            self._problem = "has a certificate that is not trusted"
        except OSError as error:
            self._problem = f"cannot be reached ({error.strerror or type(error).__name__})"
        except (HTTPException, ValueError) as error:
            self._problem = f"does not answer as HTTP servers do ({type(error).__name__})"
        except AnswerProblem as error:
            self._problem = str(error)
        finally:
            self._connection.close()

    def end(self) -> None:
        """Let whatever waits on the connection fail at once."""
        there = self._connection.sock
        if there is not None:
            with suppress(OSError):  # it has closed meanwhile
                there.shutdown(socket.SHUT_RDWR)

    def result(self) -> Answer:
        if self._answer is None:
            raise AnswerProblem(self._problem)
        return self._answer

    def _asked(self) -> Answer:
        path = (self._parts.path or "/") + (f"?{self._parts.query}" if self._parts.query else "")
        self._connection.request(self._method, path, body=self._body or None, headers=self._headers)
        answer = self._connection.getresponse()
        return Answer(status=answer.status, body=_body(answer))


def _body(answer: HTTPResponse) -> bytes:
    if 300 <= answer.status < 400:
        raise AnswerProblem(f"answered {answer.status}, which leads elsewhere: such answers are not followed")
    body = answer.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise AnswerProblem(f"answered with more than {MOST_BYTES // 1024} KB")
    return body
