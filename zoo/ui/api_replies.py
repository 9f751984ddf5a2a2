"""What /v1 answers: OpenAI's shapes, with a few fields of our own, and its refusals."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

Code = Literal[
    "invalid_value", "missing", "unknown_parameter", "invalid_json", "model_not_found", "not_found",
    "method_not_allowed", "invalid_api_key", "request_too_large", "rate_limit_exceeded", "busy", "incident",
]  # fmt: skip


class Usage(BaseModel):
    """Tokens read and written."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Choice(BaseModel):
    """One text. `source` and `seed` are ours: where it came from."""

    index: int
    text: str
    finish_reason: Literal["stop", "length"] | None
    logprobs: None = None
    seed: int
    source: str


class CompletionReply(BaseModel):
    """The texts; in a stream, one piece of one of them an event."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage | None = None


class Said(BaseModel):
    """A reply, or in a stream the next piece of it."""

    role: Literal["assistant"] | None = None
    content: str | None = None


class ChatChoice(BaseModel):
    """One reply. `source` and `seed` are ours: where it came from."""

    index: int
    message: Said
    finish_reason: Literal["stop", "length"]
    logprobs: None = None
    seed: int
    source: str


class ChatReply(BaseModel):
    """The replies."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChatChoice]
    usage: Usage


class ChatPiece(BaseModel):
    """A piece of a reply in a stream."""

    index: int
    delta: Said
    finish_reason: Literal["stop", "length"] | None
    logprobs: None = None
    seed: int
    source: str


class ChatChunk(BaseModel):
    """An event of a stream."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChatPiece]
    usage: Usage | None = None


class Picture(BaseModel):
    """One PNG, in base64 or as a data: URL. `label`, `seed` and `source` are ours."""

    b64_json: str | None = None
    url: str | None = None
    label: str
    seed: int
    source: str


class ImageReply(BaseModel):
    """The pictures. Each PNG carries its own record of where it came from."""

    created: int
    data: list[Picture]
    output_format: Literal["png"] = "png"
    size: str


class ModelCard(BaseModel):
    """A checkpoint. Beyond OpenAI's four fields: what it does, where to ask it, for what, and how good it is."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str
    task: str
    endpoint: str | None
    choices: list[str]
    parameters: int
    figure: str
    licence: str
    data: str


class ModelList(BaseModel):
    """Every checkpoint that is installed here."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


class Problem(BaseModel):
    """What was refused, and what is allowed."""

    message: str
    type: str
    param: str | None = None
    code: Code


class ErrorReply(BaseModel):
    """Every refusal of /v1."""

    error: Problem


def problem(status: int, message: str, code: Code, param: str | None = None) -> bytes:
    """A refusal in OpenAI's shape, as JSON."""
    kinds = {401: "authentication_error", 429: "rate_limit_error"}
    kind = kinds.get(status, "invalid_request_error" if status < 500 else "server_error")
    found = ErrorReply(error=Problem(message=message, type=kind, param=param, code=code))
    return found.model_dump_json().encode()
