"""What cannot be answered: one line for the user with the fitting HTTP status, as JSON."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import msgspec
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response

from contract.errors import ChannelError, ConfigurationError, FolderBusyError, ForeignDatabaseError, OrchestratorError
from contract.text import printable

log = logging.getLogger(__name__)

JSON = "application/json"
_LONGEST_ERROR = 500
_IN_WORDS = {
    404: "there is nothing at this address",
}

_SUBJECT = re.compile(r"^\w+ should")

Handler = Callable[[Any, Any], Coroutine[Any, Any, Response]]


class ProblemView(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a request was not carried out.

    Attributes:
        error: One line for the user.
        id: The topic's, where one is concerned.
    """

    error: str
    id: str = ""


class Problem(Exception):  # noqa: N818 - "ProblemError" would say it twice
    """A request that is refused.

    Args:
        status: The HTTP status, 400 or more.
        error: One line for the user; parts of it may be untrusted.
        id: The topic's, where one is concerned.
        headers: Of the response.
    """

    def __init__(
        self,
        status: int,
        error: str,
        id: str = "",  # noqa: A002 - the answer's word
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.id = id
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """As an HTTP response."""
        error = printable(self.error)
        error = error if len(error) <= _LONGEST_ERROR else error[: _LONGEST_ERROR - 1] + "…"
        body = msgspec.json.encode(ProblemView(error, printable(self.id)))
        return Response(body, self.status, self.headers, JSON)


def too_many(wait_s: float, error: str) -> Problem:
    """Status 429, or 503 where told so, with the time to wait in whole seconds."""
    return Problem(429, error, headers={"retry-after": str(max(1, -int(-wait_s // 1)))})


def problem_of(error: Exception) -> Problem:
    """The problem that an exception stands for; of one that nobody expected it tells nothing."""
    match error:
        case Problem():
            return error
        case HTTPException():
            return Problem(
                error.status_code, _IN_WORDS.get(error.status_code, str(error.detail)), headers=error.headers
            )
        case RequestValidationError():
            return _invalid(error)
        case ChannelError():  # too long for the service, or text that is none
            return Problem(400, f"the request cannot be passed on: {error}")
        case FolderBusyError() | ForeignDatabaseError():
            return Problem(409, str(error))
        case ConfigurationError():
            return Problem(400, str(error))
        case OrchestratorError():
            return Problem(503, str(error))
    return Problem(500, "the web server made an error, which its log describes; the topics are not touched")


def handlers() -> dict[int | type[Exception], Handler]:
    """Exception handlers for the app, by exception."""

    async def handle(request: HTTPConnection[Any], error: Exception) -> Response:
        return problem_of(error).response()

    return {
        Problem: handle,
        HTTPException: handle,
        RequestValidationError: handle,
        OrchestratorError: handle,
        Exception: handle,
    }


def _invalid(error: RequestValidationError) -> Problem:
    first = error.errors()[0]
    where, *names = first["loc"]
    name = ".".join(map(str, names))
    if where == "path":  # an id that no folder can have
        return Problem(404, f"there is no topic {str(first.get('input'))[:100]!r}")
    return Problem(400, f"{name}: {in_words(first)}")


def in_words(error: Mapping[str, Any]) -> str:
    """What a validation found, in words that fit behind a name."""
    message = _SUBJECT.sub("it should", str(error["msg"]), count=1)
    given = error.get("input")
    shown = f", not {given!r:.60}" if isinstance(given, str | int | float | bool) or given is None else ""
    return message + shown
