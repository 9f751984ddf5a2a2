"""A message and what was said before -> a reply: written by a GPT of dialogues, or found among replies people gave.

There is no state here: what a chat remembers is the history that it is given, and an empty one begins anew. Both kinds
keep the words of `zoo.data.dialogue.RUDE` out of what they say; that is a short list and no judgement of what is said.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from zoo.checkpoint import CheckpointError
from zoo.data.dialogue import BOT, ROLES, USER, chat_ids, is_rude
from zoo.data.text import END
from zoo.data.tokenizer import UNKNOWN
from zoo.engine import Network
from zoo.entry import RETRIEVAL, TEXT_GENERATION
from zoo.generate import library, replies
from zoo.generate.inputs import InputError, number, one_of, seed_of, whole, words
from zoo.generate.languages import check_language, language_of, plain
from zoo.generate.library import Loaded, Source, source_of
from zoo.generate.replies import Replies
from zoo.generate.sampling import choose, penalise
from zoo.generate.text import MAX_PENALTY, MAX_TEMPERATURE, MAX_TOP_K, PAUSE, is_chat, tokenizer_of
from zoo.noise import Noise
from zoo.runtime import pause

__all__ = ["Reply", "answer", "choices", "converse", "is_chat", "remembered", "reply", "retrieves", "sample_chats"]

MAX_MESSAGE, MAX_TURN, MAX_TURNS = 1000, 2000, 200
"""Characters of a message and of a turn of a history, and turns of a history."""
MAX_NEW_TOKENS = 100
MIN_TOP_P = 0.01
OTHERS = 4
"""Replies that came next, which a replier that retrieves shows as well."""
_TRIES = 50
"""Tokens that are tried in place of one that would end a rude word."""
OPENINGS = (
    ("Hi! Have you seen any good movies lately?", "Who was in it?"),
    ("What kind of music do you like?", "What's your favorite song of theirs?"),
    ("Did you watch the game last night?", "Who do you think will win this year?"),
    ("你好，你喜欢看电影吗？", "导演是谁呢？"),
    ("你知道故宫怎么走吗？", "门票多少钱？"),
)
"""What a sheet of samples says to a model: a message and what follows its reply."""


@dataclass(frozen=True)
class Reply:
    """A reply as far as it is written; `done` when it ends. `forgotten` counts turns of the history that did not fit.

    A reply that was found has the cosine `score` of its vector and the message's, and `others` that came next.
    """

    text: str
    tokens: int
    seconds: float
    done: bool
    source: Source
    forgotten: int = 0
    score: float | None = None
    others: tuple[tuple[str, float], ...] = ()


def choices() -> list[str]:
    """Names of the checkpoints that reply: those that write first, then those that find. Nothing is loaded."""
    return [*filter(is_chat, library.choices(TEXT_GENERATION)), *library.choices(RETRIEVAL)]


def retrieves(model: str) -> bool:
    """Whether a checkpoint finds its replies among those that people gave. Raises InputError; loads nothing."""
    return RETRIEVAL in library.does(library.config_of(model))


def reply(
    model: str = "bert.retrieval",
    history: Sequence[Sequence[str]] | str = (),
    message: str = "",
    *,
    max_new_tokens: int = 60,
    temperature: float = 0.7,
    top_k: int = 0,
    top_p: float = 0.9,
    repetition_penalty: float = 1.1,
    seed: int = 0,
) -> Iterator[Reply]:
    """Answer `message` (up to 1,000 characters), given the `history`: pairs of a role, "user" or "bot", and a text.

    The history may also be such a list as JSON, as a record states it. Of it the newest turns are read that fit into
    the model's context beside the reply. Yields the reply so far as `zoo.generate.text.write` does; the last one is
    `done`. `max_new_tokens` is 1 to 100, the rest as there. A model that retrieves answers at once with a reply that is
    not in the history, by the message alone, and takes no notice of the options of sampling.
    Raises InputError for a message that is empty, too long, or in a language that the model cannot read.
    """
    turns = _turns(history)
    message = plain(words("the message", message, longest=MAX_MESSAGE))
    if not message:
        raise InputError("the message is empty; write a sentence in English or Chinese")
    options = {
        "max_new_tokens": whole("the length", max_new_tokens, 1, MAX_NEW_TOKENS),
        "temperature": number("the temperature", temperature, 0.0, MAX_TEMPERATURE),
        "top_k": whole("top-k", top_k, 0, MAX_TOP_K),
        "top_p": number("top-p", top_p, MIN_TOP_P, 1.0),
        "repetition_penalty": number("the repetition penalty", repetition_penalty, 1.0, MAX_PENALTY),
    }
    if 0.0 < options["temperature"] < 0.01:
        raise InputError(f"the temperature is {temperature}; allowed are 0, or 0.01 to {MAX_TEMPERATURE:g}")
    seed = seed_of(seed)
    tasks = library.does(library.config_of(model))
    if RETRIEVAL not in tasks and not (TEXT_GENERATION in tasks and is_chat(model)):
        others = ", ".join(choices()) or "none that is installed"
        raise InputError(f"{model} has learnt no dialogues; those that have: {others}")
    stated = json.dumps([list(turn) for turn in turns], ensure_ascii=False)
    parameters = {"history": stated, "message": message, **options}
    if RETRIEVAL in tasks:
        return _found(library.get(model, RETRIEVAL), model, turns, message, parameters, seed)
    return _written(library.get(model, TEXT_GENERATION), model, turns, message, options, parameters, seed)


def _turns(history: object) -> list[tuple[str, str]]:
    """A history in its one true form, without empty turns. Raises InputError."""
    if isinstance(history, str):
        if len(history) > MAX_TURNS * MAX_TURN:
            raise InputError("the history is too long")
        try:
            history = json.loads(history)
        except (ValueError, RecursionError) as error:
            raise InputError("the history is text, and not a list as JSON") from error
    if not isinstance(history, list | tuple):
        raise InputError("the history must be a list of pairs: a role, and what was said")
    if len(history) > MAX_TURNS:
        raise InputError(f"the history has {len(history):,} turns; at most {MAX_TURNS} are allowed")
    turns = []
    for turn in history:
        if not isinstance(turn, list | tuple) or len(turn) != 2:
            raise InputError("a turn of the history must be a pair: a role, and what was said")
        said = plain(words("a turn of the history", turn[1], longest=MAX_TURN))
        turns += [(one_of("the role", turn[0], ROLES), said)] if said else []
    return turns


def _written(
    found: Loaded,
    name: str,
    history: list[tuple[str, str]],
    message: str,
    options: dict[str, Any],
    parameters: dict[str, Any],
    seed: int,
) -> Iterator[Reply]:
    tokenizer = tokenizer_of(found)
    check_language(tokenizer, message, name)
    source = source_of(found, name, "text.reply", parameters, seed=seed)
    turns = [*history, (ROLES[0], message)]
    room = found.network.config.context_length - options["max_new_tokens"]
    try:
        ids, forgotten = remembered(tokenizer, turns, room)
    except ValueError as error:
        raise InputError(f"the message is too long for {name}: {error}") from error
    begun = shown = time.monotonic()
    text, tokens = "", 0
    for text in converse(found.network, tokenizer, ids, seed=seed, **options):
        tokens, now = tokens + 1, time.monotonic()
        if now - shown >= pause(PAUSE) or tokens == 1:
            shown = now
            yield Reply(text, tokens, now - begun, False, source, forgotten)
    yield Reply(text, tokens, time.monotonic() - begun, True, source, forgotten)


def remembered(tokenizer: Any, turns: Sequence[tuple[str, str]], room: int) -> tuple[list[int], int]:
    """Ids of the newest turns that fit into `room` with the mark of the reply, and how many older ones do not.

    Raises ValueError when the newest turn alone does not fit.
    """
    rows = chat_ids(tokenizer, turns)
    ids, kept = [int(tokenizer.token_to_id(BOT))], 0
    for row in reversed(rows):
        if len(row) + len(ids) > room:
            break
        ids, kept = [*row, *ids], kept + 1
    if rows and not kept:
        raise ValueError(f"it has {len(rows[-1]) - 1} tokens, and {room - 2} fit beside a reply of that length")
    return ids, len(rows) - kept


def converse(
    network: Network,
    tokenizer: Any,
    ids: list[int],
    *,
    max_new_tokens: int,
    temperature: float = 0.7,
    top_k: int = 0,
    top_p: float = 0.9,
    repetition_penalty: float = 1.1,
    seed: int = 0,
) -> Iterator[str]:
    """Yield the reply to the turns `ids`, which end in the mark of who replies, token by token: all of it so far.

    It ends where the model passes on the word, and says one token at least. The penalty is on what the reply itself has
    said already. A token that would complete a rude word is not taken.
    """
    marks = [tokenizer.token_to_id(mark) for mark in (USER, BOT, END)]
    unknown = tokenizer.token_to_id(UNKNOWN)
    uniforms = Noise(seed).uniform_array(max_new_tokens)
    said: list[int] = []
    state, given = network.start(1), ids
    for i in range(max_new_tokens):
        logits, state = network.step(np.array([given]), state)
        logits[:, unknown] = -np.inf
        if not said:
            logits[:, marks] = -np.inf
        logits = penalise(logits, [np.array(sorted(set(said)), int)], repetition_penalty)
        for _ in range(_TRIES):
            token = int(choose(logits, uniforms[i : i + 1], temperature=temperature, top_k=top_k, top_p=top_p)[0])
            text = tokenizer.decode([*said, token]).strip()
            if token in marks or not is_rude(text):
                break
            logits[0, token] = -np.inf
        if token in marks or is_rude(text):
            return
        said.append(token)
        given = [token]
        yield text


def answer(network: Network, tokenizer: Any, ids: list[int], **options: Any) -> str:
    """The whole reply that `converse` writes with these options."""
    written = list(converse(network, tokenizer, ids, **options))
    return written[-1] if written else ""


@lru_cache(maxsize=4)
def _replies_of(folder: Path, sha256: str) -> Replies:
    return replies.load(folder)


def _found(
    found: Loaded, name: str, history: list[tuple[str, str]], message: str, parameters: dict[str, Any], seed: int
) -> Iterator[Reply]:
    tokenizer = tokenizer_of(found)
    check_language(tokenizer, message, name)
    count, seen = len(tokenizer.encode(message).ids), found.network.config.context_length
    if count > seen:
        raise InputError(f"the message is too long for {name}: it has {count} tokens, and {seen} are seen at once")
    try:
        known = _replies_of(found.folder, found.sha256)
    except (CheckpointError, OSError) as error:
        raise InputError(f"{name} cannot be used: {error}") from error
    begun = time.monotonic()
    vector = replies.vectors_of(found.network, tokenizer, [message], 0)[0]
    if known.vectors.shape[1] != len(vector):
        raise InputError(f"{name} cannot be used: its replies are of another model")
    said = frozenset(text for role, text in history if role == ROLES[1])
    near = known.nearest(vector, language_of(message), 1 + OTHERS, said)
    if not near:
        raise InputError(f"{name} has no reply left in this language; begin anew")
    (text, score), *others = near
    source = source_of(found, name, "text.reply", parameters, seed=seed)
    yield Reply(text, 0, time.monotonic() - begun, True, source, len(history), score, tuple(others))


def sample_chats(network: Network, tokenizer: Any) -> str:
    """The chats of OPENINGS as text, drawn from fixed noise: what a sheet of samples shows."""
    room, lines = network.config.context_length, []
    longest = min(60, room // 4)
    for seed, messages in enumerate(OPENINGS):
        turns: list[tuple[str, str]] = []
        for message in messages:
            turns.append((ROLES[0], message))
            try:
                ids, _ = remembered(tokenizer, turns, room - longest)
            except ValueError:  # a context as small as in tests
                ids = [int(tokenizer.token_to_id(BOT))]
            turns.append((ROLES[1], answer(network, tokenizer, ids, max_new_tokens=longest, seed=seed)))
        lines += [f"{role}: {text}" for role, text in turns] + [""]
    return "\n".join(lines)
