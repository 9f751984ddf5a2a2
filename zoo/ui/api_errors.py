"""What /v1 refuses, in OpenAI's shape and in words: the value that was given, and what is allowed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from zoo.config import suggestion
from zoo.generate.inputs import InputError, quoted
from zoo.secrecy import without_secrets
from zoo.ui import api_results as results
from zoo.ui.api_replies import Code, problem
from zoo.ui.api_schema import (
    ChatRequest,
    Completion,
    ImageRequest,
    Message,
    Speech,
    StreamOptions,
    allowed,
    properties,
)
from zoo.ui.gate import MAX_JSON, TooLarge
from zoo.ui.guard import Busy, clean

_REQUESTS: dict[str, type[BaseModel]] = {
    "/v1/completions": Completion, "/v1/chat/completions": ChatRequest, "/v1/images/generations": ImageRequest,
    "/v1/audio/speech": Speech,
}  # fmt: skip
_INNER: dict[str, type[BaseModel]] = {"stream_options": StreamOptions, "messages": Message}
"""Fields that hold objects."""


class Refused(Exception):
    """An answer other than 200, in words."""

    def __init__(self, status: int, message: str, code: Code, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param

    def body(self) -> bytes:
        """In OpenAI's shape."""
        return problem(self.status, clean(without_secrets(self.message)), self.code, self.param)

    def response(self) -> Response:
        """The same as a reply; what is only busy says when to come back."""
        headers = {"retry-after": "5"} if self.status == 503 else {}
        return Response(self.body(), self.status, headers, "application/json")


def refusal(error: InputError) -> Refused:
    """What a visitor's error is to a program."""
    if isinstance(error, Busy):
        return Refused(503, str(error), "busy")
    if isinstance(error, results.UnknownModel):
        return Refused(404, str(error), "model_not_found", "model")
    return Refused(400, str(error), "invalid_value", getattr(error, "parameter", None))


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return error.response()


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=499)  # nobody reads it


async def _no_such_thing(request: Request, error: Exception) -> Response:
    """A path, a method or a body that is none."""
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, TooLarge):
        return Refused(413, f"At most {MAX_JSON // 1024:,} KB can be sent here.", "request_too_large").response()
    path, method = quoted(request.url.path), request.method
    if error.status_code == 400:
        return Refused(400, "The body cannot be read as JSON.", "invalid_json").response()
    if error.status_code == 405:
        return Refused(405, f"{path} is not asked by {method}; see /docs.", "method_not_allowed").response()
    paths = ", ".join(["/v1/models", *_REQUESTS])
    return Refused(error.status_code, f"There is no {path}; there are {paths}.", "not_found").response()


async def _misread(request: Request, error: Exception) -> Response:
    """A body that is not as `api_schema` says: its first fault, in words."""
    assert isinstance(error, RequestValidationError)
    fault = error.errors()[0]
    where = [str(part) for part in fault["loc"][1:]]
    if fault["type"] == "json_invalid":
        return Refused(400, "The body cannot be read as JSON.", "invalid_json").response()
    asked = _REQUESTS.get(request.url.path)
    if asked is None or not where:
        words = "The body must be a JSON object, sent with content-type: application/json; see /docs."
        return Refused(400, words, "invalid_json").response()
    name, given = where[0], quoted(fault["input"])
    inner = [part for part in where[1:] if not part.isdecimal()]  # the field of an object, whatever its number
    if fault["type"] == "extra_forbidden":
        known = properties(_INNER[name] if len(where) > 1 else asked)
        words = f"there is no parameter {quoted(where[-1])}{suggestion(clean(where[-1][:60]), known)}"
        return Refused(400, words, "unknown_parameter", clean(where[-1][:60])).response()
    shown, takes = name, allowed(properties(asked)[name])
    if inner and name in _INNER and inner[0] in properties(_INNER[name]):
        shown = ".".join(where[: where.index(inner[0]) + 1])
        takes = allowed(properties(_INNER[name])[inner[0]])
    if fault["type"] == "missing":
        return Refused(400, f"{shown} is missing; it takes {takes}", "missing", name).response()
    return Refused(400, f"{shown} is {given}; it takes {takes}", "invalid_value", name).response()


HANDLERS: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
    RequestValidationError: _misread, HTTPException: _no_such_thing, Refused: _refused, ClientDisconnect: _gone,
}  # fmt: skip
"""For `FastAPI.add_exception_handler`."""
