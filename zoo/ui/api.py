"""The zoo for other programs: OpenAI's /v1 beside gradio's page, on the same limits and in the same queue.

`routes` stand before gradio's own in the app that serves the page, behind the same `Gate`. The work itself is in
`api_results`; what may be asked, answered and refused is in `api_schema`, `api_replies` and `api_errors`, the page at
/docs in `api_docs`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from functools import cache
from typing import Any, Literal, TypeVar

import anyio
import anyio.to_thread
from fastapi import FastAPI
from gradio.context import LocalContext
from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from zoo import __version__
from zoo.config import suggestion
from zoo.generate.inputs import InputError, quoted
from zoo.ui import api_results as results
from zoo.ui.api_docs import page
from zoo.ui.api_errors import HANDLERS, Refused, refusal
from zoo.ui.api_replies import (
    ChatChoice,
    ChatChunk,
    ChatPiece,
    ChatReply,
    Choice,
    CompletionReply,
    ErrorReply,
    ImageReply,
    ModelCard,
    ModelList,
    Picture,
    Said,
    Usage,
)
from zoo.ui.api_schema import ChatRequest, Completion, ImageRequest, Speech
from zoo.ui.guard import MAX_QUEUE, clean, report, step
from zoo.ui.strings import chinese, english, say

R = TypeVar("R")

_REFUSALS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorReply, "description": "Refused: what was given, and what is allowed"},
    "5XX": {"model": ErrorReply, "description": "Busy, or an incident inside"},
}
_DONE = object()
_threads = anyio.CapacityLimiter(MAX_QUEUE)
_in_flight: set[object] = set()


def routes() -> list[BaseRoute]:
    """/v1, /docs and /openapi.json: for `launch(app_kwargs={"routes": routes(), "openapi_url": None})`.

    The environment's ZOO_API_KEY, one key or several between commas, closes /v1 to those who have none of them.
    """
    keys = [key.strip() for key in os.environ.get("ZOO_API_KEY", "").split(",") if key.strip()]

    async def docs(request: Request) -> Response:
        return page(request, _api().openapi(), closed=bool(keys))

    async def description(request: Request) -> Response:
        return JSONResponse(_api().openapi())

    return [
        Route("/v1/{path:path}", Door(keys)),
        Route("/docs", docs),
        Route("/openapi.json", description),
    ]


def occupied() -> bool:
    """Whether any request is being served."""
    return bool(_in_flight)


class Door:
    """The API behind its keys, if there are any: `Authorization: Bearer KEY`, looked at before the body is read."""

    def __init__(self, keys: list[str]) -> None:
        self.digests = [hashlib.sha256(key.encode()).digest() for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if self.digests and not self._knows(dict(scope["headers"]).get(b"authorization", b"")):
            message = "This server wants a key: send the header Authorization: Bearer YOUR_KEY."
            reply = Refused(401, message, "invalid_api_key").response()
            reply.headers["www-authenticate"] = "Bearer"
            return await reply(scope, receive, send)
        # The app has /v1 in its own paths, so that a proxy's prefix cannot come between.
        await _api()({**scope, "path": f"/v1/{scope['path_params']['path']}", "root_path": ""}, receive, send)

    def _knows(self, header: bytes) -> bool:
        scheme, _, given = header.partition(b" ")
        digest = hashlib.sha256(given.strip()).digest()
        found = [hmac.compare_digest(digest, key) for key in self.digests]  # all of them, so that time tells nothing
        return scheme.lower() == b"bearer" and any(found)


@cache
def _api() -> FastAPI:
    """The endpoints of /v1 with their documentation; built when the first request comes."""
    api = FastAPI(
        title="Model Zoo", version=__version__, description=english("api_intro"), openapi_url=None, docs_url=None,
        redoc_url=None, redirect_slashes=False, responses=_REFUSALS,
    )  # fmt: skip
    for kind, handler in HANDLERS.items():
        api.add_exception_handler(kind, handler)
    for path, endpoint, method, model, other in (
        ("/v1/models", list_models, "GET", ModelList, {}),
        ("/v1/models/{name:path}", get_model, "GET", ModelCard, {}),
        ("/v1/completions", complete, "POST", CompletionReply, {"text/event-stream": {}}),
        ("/v1/chat/completions", chat, "POST", ChatReply, {"text/event-stream": {}}),
        ("/v1/images/generations", draw, "POST", ImageReply, {}),
        ("/v1/audio/speech", speak, "POST", None, {f"audio/{kind}": {} for kind in ("wav", "flac", "pcm")}),
    ):
        ok: dict[str, Any] = {"description": "As asked", "content": other} | ({"model": model} if model else {})
        api.add_api_route(
            path, endpoint, methods=[method], response_model=None, response_class=JSONResponse if model else Response,
            responses={200: ok}, operation_id=endpoint.__name__, summary=english(f"api_{endpoint.__name__}"),
            openapi_extra={"x-zh": chinese(f"api_{endpoint.__name__}")},
        )  # fmt: skip
    return api


async def list_models() -> Response:
    """List the checkpoints that are installed, where each is asked, and for which classes, voices or forms."""
    return _json(ModelList(data=await _in_thread(results.model_cards)))


async def get_model(name: str) -> Response:
    """Describe one checkpoint."""
    cards = {card.id: card for card in await _in_thread(results.model_cards)}
    if name not in cards:
        words = f"no checkpoint is named {quoted(name)}{suggestion(clean(name[:60]), cards)}"
        raise Refused(404, words, "model_not_found", "model")
    return _json(cards[name])


async def complete(asked: Completion, request: Request) -> Response:
    """Write a text, or a poem by its form, at once or as a stream."""
    await _in_thread(results.check_completion, asked)
    work = _steps(request, results.write(asked, _seed(asked.seed)))
    about = _about("cmpl", asked)
    if asked.stream:

        def event(pieces: Sequence[results.Piece], usage: Usage | None = None) -> BaseModel:
            return CompletionReply(**about, choices=[_choice(piece) for piece in pieces], usage=usage)

        events = _events(asked, work, event)
        return Events(await anext(events), events)  # what is refused before the first piece has its own status
    texts, usage = await _whole(asked, work)
    return _json(CompletionReply(**about, choices=[_choice(one) for one in texts], usage=usage))


async def chat(asked: ChatRequest, request: Request) -> Response:
    """Answer the last message of a conversation, at once or as a stream."""
    await _in_thread(results.check_chat, asked)
    work = _steps(request, results.answer(asked, _seed(asked.seed)))
    about = _about("chatcmpl", asked)
    if asked.stream:
        begun: set[int] = set()

        def event(pieces: Sequence[results.Piece], usage: Usage | None = None) -> BaseModel:
            return ChatChunk(**about, choices=[_delta(piece, begun) for piece in pieces], usage=usage)

        events = _events(asked, work, event)
        return Events(await anext(events), events)
    replies, usage = await _whole(asked, work)
    choices = [
        ChatChoice(
            index=one.index, message=Said(role="assistant", content=one.text), finish_reason=one.ended or "length",
            seed=one.seed, source=one.source.line(),
        )
        for one in replies
    ]  # fmt: skip
    return _json(ChatReply(**about, choices=choices, usage=usage))


async def draw(asked: ImageRequest, request: Request) -> Response:
    """Draw pictures of a class, or of the digits of a number."""
    shown = await _in_thread(results.check_pictures, asked)
    data, size = [], ""
    seed = _seed(asked.seed)
    async with aclosing(_steps(request, results.draw(asked, shown, seed))) as work:
        async for drawn in work:
            if not isinstance(drawn, results.Drawn):
                continue  # a share that is done
            text = base64.b64encode(drawn.png).decode()
            inline = asked.response_format == "b64_json"
            kept = {"b64_json": text} if inline else {"url": f"data:image/png;base64,{text}"}
            data.append(Picture(**kept, label=drawn.label, seed=drawn.seed, source=drawn.source.line()))
            size = f"{drawn.size[0]}x{drawn.size[1]}"
    return _json(ImageReply(created=int(time.time()), data=data, size=size))


async def speak(asked: Speech, request: Request) -> Response:
    """Say a number, digit by digit, or read English aloud; the reply is the sound's bytes."""
    model, said = await _in_thread(results.check_speech, asked)
    seed = _seed(asked.seed)
    async with aclosing(_steps(request, results.speak(asked, model, said, seed))) as work:
        async for step in work:
            if isinstance(step, results.Spoken):
                headers = {
                    "x-sample-rate": str(step.sample_rate), "x-seed": str(seed), "cache-control": "no-store",
                    "x-source": step.source.record.line().encode("ascii", "replace").decode(),
                }  # fmt: skip
                return Response(step.data, 200, headers, step.media_type)
    raise ClientDisconnect


class Events(StreamingResponse):
    """Server-sent events whose source is closed when the last one is sent or the client goes away."""

    media_type = "text/event-stream"

    def __init__(self, first: str, rest: AsyncGenerator[str, None]) -> None:
        super().__init__(_ahead(first, rest), headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        self.rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them."""
        async with aclosing(self.rest):
            with suppress(ClientDisconnect):
                await super().__call__(scope, receive, send)


async def _whole(
    asked: Completion | ChatRequest, work: AsyncGenerator[results.Piece, None]
) -> tuple[list[results.Piece], Usage]:
    """The texts of a request, each as one piece, and their tokens."""
    texts: list[results.Piece] = []
    read = written = 0
    async with aclosing(work):
        async for piece in work:
            so_far = texts.pop().text if len(texts) > piece.index else ""
            texts.append(replace(piece, text=so_far + piece.text))
            read, written = read + _read(asked, piece), written + piece.tokens
    return texts, Usage(prompt_tokens=read, completion_tokens=written, total_tokens=read + written)


async def _events(
    asked: Completion | ChatRequest, work: AsyncGenerator[results.Piece, None], event: Callable[..., BaseModel]
) -> AsyncGenerator[str, None]:
    """A stream as OpenAI's is: a piece an event, at the end the usage if asked for, and [DONE].

    `event` makes a reply of pieces, and of the usage.
    """
    usage = bool(asked.stream_options and asked.stream_options.include_usage)
    read = written = 0
    started = False
    async with aclosing(work):
        try:
            async for piece in work:
                started = True
                read, written = read + _read(asked, piece), written + piece.tokens
                yield _event(event([piece]))
        except Refused as refused:
            if not started:
                raise
            yield f"data: {refused.body().decode()}\n\n"
            return
    if usage:
        total = Usage(prompt_tokens=read, completion_tokens=written, total_tokens=read + written)
        yield _event(event([], total))
    yield "data: [DONE]\n\n"


def _event(reply: BaseModel) -> str:
    return f"data: {clean(reply.model_dump_json())}\n\n"


async def _ahead(first: str, rest: AsyncIterator[str]) -> AsyncIterator[str]:
    yield first
    async for event in rest:
        yield event


def _about(prefix: str, asked: Completion | ChatRequest) -> dict[str, Any]:
    return {"id": f"{prefix}-{secrets.token_hex(12)}", "created": int(time.time()), "model": asked.model}


def _read(asked: Completion | ChatRequest, piece: results.Piece) -> int:
    """Tokens of a prompt, counted once for all texts that go on from it."""
    return piece.prompt_tokens if piece.index % asked.n == 0 else 0


def _choice(piece: results.Piece) -> Choice:
    return Choice(
        index=piece.index, text=piece.text, finish_reason=piece.ended, seed=piece.seed, source=piece.source.line()
    )


def _delta(piece: results.Piece, begun: set[int]) -> ChatPiece:
    """A piece of a reply; the first one of each says whose it is. `begun` are those that have begun."""
    role: Literal["assistant"] | None = None if piece.index in begun else "assistant"
    begun.add(piece.index)
    said = Said(role=role, content=piece.text if role or piece.text else None)
    return ChatPiece(
        index=piece.index, delta=said, finish_reason=piece.ended, seed=piece.seed, source=piece.source.line()
    )


def _seed(given: int | None) -> int:
    return secrets.randbelow(1_000_000) if given is None else given


async def _steps(request: Request, work: Iterator[R]) -> AsyncGenerator[R, None]:
    """What `work` yields, each step in a thread. It is closed, and the machine free, when it ends or nobody listens.

    Raises Refused for whatever `work` raises, and when too many wait already; ClientDisconnect when the client left.
    """
    LocalContext.request.set(request)
    if len(_in_flight) >= MAX_QUEUE:
        raise Refused(503, say("busy"), "busy")
    _in_flight.add(ticket := object())
    try:
        while (step := await _in_thread(next, work, _DONE)) is not _DONE:
            if await request.is_disconnected():
                raise ClientDisconnect
            if not isinstance(step, dict):  # gradio's "no change", while others are served
                yield step
    finally:
        _in_flight.discard(ticket)
        with anyio.CancelScope(shield=True):
            await _in_thread(work.close)  # type: ignore[attr-defined]


async def _in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run it beside the event loop. Raises Refused for whatever it raises."""
    return await anyio.to_thread.run_sync(_guarded, function, *arguments, limiter=_threads)


def _guarded(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        with step():
            return function(*arguments)
    except InputError as error:
        raise refusal(error) from error
    except BaseException as error:  # noqa: BLE001, as the guard of the tabs: nothing a model does may end the server
        raise Refused(500, report(error), "incident") from None


def _json(reply: BaseModel) -> Response:
    return Response(clean(reply.model_dump_json()), 200, {"cache-control": "no-store"}, "application/json")
