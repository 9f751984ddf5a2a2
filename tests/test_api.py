"""/v1 as programs meet it: OpenAI's own client, curl, an MCP client, and those who mean harm."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio_client
import httpx
import numpy as np
import openai
import pytest
import soundfile
import tiny_dialogues
import tiny_zoo
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from playwright.sync_api import expect, sync_playwright
from serving import ROOT, Served, served
from starlette.applications import Starlette
from starlette.testclient import TestClient
from test_browser import visitor

from zoo import hub
from zoo.data.text import END
from zoo.data.tokenizer import train_subwords
from zoo.generate import audio, chat, image, library, provenance, speech, text
from zoo.generate.inputs import InputError
from zoo.generate.replay import Replay, replay
from zoo.noise import MAX_SEED
from zoo.ui import api, api_results, guard
from zoo.ui.api_schema import ChatRequest, Completion, ImageRequest, Message, Speech, allowed, bounds, properties

TEXT, POET, GAN, VAE, WAVENET = "gpt.shakespeare", "gpt.tang", "dcgan.mnist", "vae.mnist", "wavenet.spoken-digits"
COMPLETIONS, CHAT = "/v1/completions", "/v1/chat/completions"
IMAGES, SPEECH = "/v1/images/generations", "/v1/audio/speech"
CHATTER, FINDER, STEPS, READER = "gpt.dialogue", "bert.retrieval", "diffusion.mnist", "tts.telephone"
KEYS = ("alpha-1", "βήτα 2")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("api")) as running:
        yield running


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that wants one of two keys, and speaks MCP."""
    first = f"import os; os.environ.update(ZOO_API_KEY={', '.join(KEYS)!r}, ZOO_MCP='1')"
    with served(tmp_path_factory.mktemp("locked"), first=first) as running:
        yield running


@pytest.fixture(scope="module")
def zoo(app: Served) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{app.url}/v1", api_key="none", max_retries=0, timeout=60)


def ask(url: str, body: bytes | None = None, method: str | None = None, **headers: str) -> tuple[int, Any, Any]:
    """Status, headers and body (JSON where it is) of a plain request."""
    given = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, body, given, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            status, found, data = reply.status, reply.headers, reply.read()
    except urllib.error.HTTPError as error:
        status, found, data = error.code, error.headers, error.read()
    is_json = found.get_content_type() == "application/json"
    return status, found, json.loads(data) if is_json else data


def post(app: Served, path: str, **body: Any) -> Any:
    status, _, reply = ask(app.url + path, json.dumps(body).encode())
    assert status == 200, reply
    return reply


# --- models ---


def test_the_client_lists_the_models_and_where_each_is_asked(zoo: openai.OpenAI) -> None:
    cards = {card.id: card for card in zoo.models.list()}
    assert {TEXT, POET, GAN, VAE, WAVENET, "resnet.mnist"} <= set(cards)
    endpoints = {name: card.model_extra["endpoint"] for name, card in cards.items()}
    assert endpoints[POET] == COMPLETIONS and endpoints[VAE] == IMAGES and endpoints[WAVENET] == SPEECH
    assert endpoints["resnet.mnist"] is None
    assert cards[GAN].model_extra["choices"] == list("0123456789") and cards[VAE].model_extra["choices"] == []
    assert "jackson" in cards[WAVENET].model_extra["choices"] and "五言绝句" in cards[POET].model_extra["choices"]
    assert zoo.models.retrieve(GAN) == cards[GAN]
    with pytest.raises(openai.NotFoundError, match="perhaps you meant 'dcgan.mnist'"):
        zoo.models.retrieve("dcgan.minst")


# --- text ---


def test_a_completion_is_what_the_tab_writes_from_the_same_seed(app: Served, zoo: openai.OpenAI) -> None:
    page = gradio_client.Client(app.url, verbose=False)
    written, *_ = page.predict(TEXT, "ROMEO:", 60, 0.8, 0, 0.95, 1.0, 7, api_name="/write_text")
    reply = zoo.completions.create(model=TEXT, prompt="ROMEO:", max_tokens=60, temperature=0.8, top_p=0.95, seed=7)
    choice = reply.choices[0]
    assert "ROMEO:" + choice.text == written
    assert choice.finish_reason == "length" and choice.model_extra["seed"] == 7
    assert reply.object == "text_completion" and reply.model == TEXT
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.total_tokens) == (6, 60, 66)


def test_pieces_of_a_stream_make_the_text_that_comes_at_once(zoo: openai.OpenAI) -> None:
    asked: dict[str, Any] = {
        "model": TEXT, "prompt": ["ROMEO:", "First Witch:"], "max_tokens": 80, "seed": 5, "n": 2, "echo": True,
        "stop": ["\n\n", "the th"],
    }  # fmt: skip
    whole = zoo.completions.create(**asked)
    texts, reasons, usage, pieces = [""] * 4, [""] * 4, None, 0
    for chunk in zoo.completions.create(**asked, stream=True, stream_options={"include_usage": True}):
        pieces += 1
        usage = chunk.usage
        for choice in chunk.choices:
            texts[choice.index] += choice.text
            reasons[choice.index] = choice.finish_reason
    assert texts == [choice.text for choice in whole.choices] and len(set(texts)) == 4
    assert reasons == [choice.finish_reason for choice in whole.choices]
    assert usage == whole.usage and usage.prompt_tokens == len("ROMEO:") + len("First Witch:") and pieces > 8
    assert [choice.model_extra["seed"] for choice in whole.choices] == [5, 6, 5, 6]
    assert texts[0].startswith("ROMEO:") and texts[3].startswith("First Witch:")
    assert not any("\n\n" in text or "the th" in text for text in texts)


def test_a_stream_is_of_events_and_ends_in_done(app: Served) -> None:
    body = json.dumps({"prompt": "ROMEO:", "max_tokens": 20, "stream": True}).encode()
    status, headers, data = ask(app.url + COMPLETIONS, body)
    assert status == 200 and headers["content-type"].startswith("text/event-stream")
    events = data.decode().split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    seeds = {json.loads(event.removeprefix("data: "))["choices"][0]["seed"] for event in events[:-2]}
    assert len(seeds) == 1  # drawn once, and told
    again = post(app, COMPLETIONS, prompt="ROMEO:", max_tokens=20, seed=seeds.pop())
    pieces = [json.loads(event.removeprefix("data: "))["choices"][0]["text"] for event in events[:-2]]
    assert again["choices"][0]["text"] == "".join(pieces)


def test_a_poem_keeps_its_form_and_takes_its_title_from_the_prompt(zoo: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": POET, "seed": 3}
    reply = zoo.completions.create(**asked, prompt="春望", extra_body={"form": "七言绝句", "acrostic": "春夏秋冬"})
    verses = [verse for verse in re.split(r"[，。\s]+", reply.choices[0].text) if verse]
    assert [len(verse) for verse in verses] == [7, 7, 7, 7] and "".join(verse[0] for verse in verses) == "春夏秋冬"
    assert reply.choices[0].finish_reason == "stop" and reply.usage.completion_tokens == 28
    by_title = zoo.completions.create(**asked, prompt="", extra_body={"title": "春望", "form": "五言绝句"})
    by_prompt = zoo.completions.create(**asked, prompt="春望", extra_body={"form": "五言绝句"})
    untitled = zoo.completions.create(**asked, prompt="", extra_body={"form": "五言绝句"})
    echoed = zoo.completions.create(**asked, prompt="春望", echo=True, extra_body={"form": "五言绝句"})
    assert by_title.choices[0].text == by_prompt.choices[0].text != untitled.choices[0].text
    assert echoed.choices[0].text == f"春望\n{by_prompt.choices[0].text}"


def whole_writing(prompt: str, written: str, cuts: list[int]) -> Iterator[text.Writing]:
    """A text as `zoo.generate` tells it, in steps that end at `cuts`."""
    recipe = library.source_of(library.get(TEXT), TEXT, "text.write", {}, seed=0)
    for cut in sorted(set(cuts)):
        if cut < len(written):
            yield text.Writing(prompt + written[:cut], cut, 0.0, False, recipe, prompt)
    yield text.Writing(prompt + written, len(written), 0.0, True, recipe, prompt)


@settings(max_examples=60, deadline=None)
@given(
    st.text("ab ", max_size=30), st.lists(st.text("ab ", min_size=1, max_size=4), max_size=4),
    st.lists(st.integers(1, 29), max_size=12), st.booleans(),
)  # fmt: skip
def test_where_a_text_stops_does_not_depend_on_how_it_came_in_pieces(
    written: str, stops: list[str], cuts: list[int], echo: bool
) -> None:
    asked = Completion(stop=stops, echo=echo)

    def made(cuts: list[int]) -> tuple[str, Any, int]:
        steps = whole_writing("KING", written, cuts)
        pieces = list(api_results._pieces(asked, 0, 0, api_results._prose(steps)))
        return "".join(piece.text for piece in pieces), pieces[-1].ended, pieces[-1].tokens

    found, ended, tokens = made(cuts)
    assert (found, ended, tokens) == made(list(range(1, 30))) == made([])
    new = found.removeprefix("KING") if echo else found
    assert written.startswith(new) and not any(stop in new for stop in stops) and tokens == len(new)
    assert ended == ("stop" if any(stop in written for stop in stops) else "length")


# --- models that are not bundled: an untrained zoo, asked from inside ---


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints that chat, one that ends its texts, one that draws in many steps, and one that reads aloud."""
    folder = tiny_dialogues.make(tmp_path_factory.mktemp("untrained"))
    tiny_zoo.voice(folder)
    tiny_zoo.make(folder, WAVENET, "spoken_digits", tiny_zoo.DIGITS)
    tiny_zoo.make(folder, STEPS, "mnist", tiny_zoo.DIGITS)
    tiny_zoo.make(folder, "gpt.stories", "fairy_tales", tokenizer=train_subwords([tiny_zoo.PROSE], 400, (END,)))
    return folder


@pytest.fixture
def others(untrained: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[openai.OpenAI]:
    """OpenAI's client of an app over that zoo."""
    monkeypatch.setattr(hub, "PRETRAINED", untrained)
    library._loaded.clear()
    inside = TestClient(Starlette(routes=api.routes()), base_url="http://zoo")
    yield openai.OpenAI(base_url="http://zoo/v1", api_key="none", max_retries=0, http_client=inside)
    library._loaded.clear()


SAID: list[Any] = [
    {"role": "user", "content": "hi there"},
    {"role": "assistant", "content": "hello"},
    {"role": "user", "content": [{"type": "text", "text": "what do you "}, {"type": "text", "text": "like?"}]},
]
HEARD = [("user", "hi there"), ("bot", "hello")], "what do you like?"


def test_the_list_of_models_says_who_chats(others: openai.OpenAI) -> None:
    endpoints = {card.id: card.model_extra["endpoint"] for card in others.models.list()}
    assert endpoints[CHATTER] == endpoints[FINDER] == CHAT and endpoints["gpt.stories"] == COMPLETIONS
    assert endpoints["bert.topic"] is endpoints["bert.dialogue"] is None


def test_a_chat_answers_what_the_page_answers_from_the_same_seed(others: openai.OpenAI) -> None:
    *_, wanted = chat.reply(CHATTER, *HEARD, max_new_tokens=12, temperature=0.9, seed=5)
    asked: dict[str, Any] = {"model": CHATTER, "messages": SAID, "max_tokens": 12, "temperature": 0.9, "seed": 5}
    reply = others.chat.completions.create(**asked)
    (choice,) = reply.choices
    assert reply.object == "chat.completion" and reply.model == CHATTER and reply.id.startswith("chatcmpl-")
    assert choice.message.role == "assistant" and choice.message.content == wanted.text and wanted.text
    assert choice.model_extra["seed"] == 5 and choice.model_extra["source"] == wanted.source.line()
    said = "\n".join([turn for _, turn in HEARD[0]] + [HEARD[1]])
    assert reply.usage.prompt_tokens == text.count_tokens(CHATTER, said)
    assert reply.usage.completion_tokens == wanted.tokens
    newer = {**asked, "max_completion_tokens": asked.pop("max_tokens")}
    newer.pop("max_tokens")
    assert others.chat.completions.create(**newer).choices[0].message.content == wanted.text
    other = others.chat.completions.create(**{**newer, "messages": SAID[2:]})
    assert other.choices[0].message.content != wanted.text, "what was said before counts"


def test_pieces_of_a_chat_make_the_reply_that_comes_at_once(others: openai.OpenAI) -> None:
    asked: dict[str, Any] = {
        "model": CHATTER, "messages": SAID, "max_tokens": 12, "temperature": 1.0, "seed": 2, "n": 3, "stop": ["e"],
    }  # fmt: skip
    whole = others.chat.completions.create(**asked)
    texts, reasons, roles, usage = [""] * 3, [""] * 3, [0] * 3, None
    for chunk in others.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}):
        assert chunk.object == "chat.completion.chunk"
        usage = chunk.usage
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            reasons[choice.index] = choice.finish_reason or ""
            roles[choice.index] += choice.delta.role == "assistant"
    assert texts == [choice.message.content for choice in whole.choices] and len(set(texts)) > 1
    assert not any("e" in one for one in texts) and roles == [1, 1, 1]
    assert reasons == [choice.finish_reason for choice in whole.choices] and usage == whole.usage
    assert [choice.model_extra["seed"] for choice in whole.choices] == [2, 3, 4]


def test_a_reply_that_is_found_comes_whole_and_ends_by_itself(others: openai.OpenAI) -> None:
    *_, wanted = chat.reply(FINDER, *HEARD)
    for stream in (False, True):
        asked: dict[str, Any] = {"model": FINDER, "messages": SAID, "max_tokens": 1, "seed": 0}
        if stream:
            chunks = list(others.chat.completions.create(**asked, stream=True))
            found = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
            reason = chunks[-1].choices[0].finish_reason
        else:
            reply = others.chat.completions.create(**asked)
            found, reason = reply.choices[0].message.content, reply.choices[0].finish_reason
            assert reply.usage.prompt_tokens == text.count_tokens(FINDER, HEARD[1]), "it reads the message alone"
            assert reply.usage.completion_tokens == text.count_tokens(FINDER, wanted.text)
        assert (found, reason) == (wanted.text, "stop")


def test_a_sentence_is_read_aloud_as_the_page_reads_it_and_can_be_made_again(others: openai.OpenAI) -> None:
    card = others.models.retrieve(READER)
    assert card.model_extra and (card.model_extra["endpoint"], card.model_extra["choices"]) == (SPEECH, ["default"])
    asked: dict[str, Any] = {"input": "Please press 2.", "voice": "default", "speed": 1.5, "extra_body": {"seed": 3}}
    sounds = {
        kind: others.audio.speech.create(model=READER, response_format=kind, **asked)  # type: ignore[call-overload]
        for kind in ("wav", "flac", "pcm")
    }
    wanted = speech.say(READER, "Please press 2.", speed=1.5, seed=3).sound
    samples = np.frombuffer(sounds["pcm"].content, "<i2")
    assert np.array_equal(samples, np.round(np.clip(wanted.waveform, -1, 1) * 32767).astype(np.int16))
    assert sounds["wav"].content == provenance.wav(wanted.waveform, wanted.sample_rate, wanted.source.record)
    assert remade(sounds["wav"].content).identical
    flac, rate = soundfile.read(io.BytesIO(sounds["flac"].content), dtype="int16")
    assert rate == 8000 and np.array_equal(flac, samples)
    assert READER in sounds["wav"].response.headers["x-source"] and sounds["wav"].response.headers["x-seed"] == "3"
    slow = others.audio.speech.create(model=READER, response_format="pcm", **{**asked, "speed": 0.5})
    assert len(slow.content) > len(sounds["pcm"].content)


def spoken(client: openai.OpenAI, **body: Any) -> bytes:
    """A WAV of what is asked for in a body of which the client asks for no more."""
    return client.post(SPEECH.removeprefix("/v1"), cast_to=httpx.Response, body=body).content


def test_without_a_model_named_numbers_are_said_and_sentences_read(others: openai.OpenAI) -> None:
    said = {
        words: provenance.read(spoken(others, input=words, seed=1)).model for words in ("42", "四十二", "press two")
    }
    assert said == {"42": WAVENET, "四十二": WAVENET, "press two": READER}


@pytest.mark.parametrize(
    ("body", "parameter", "words"),
    [
        ({"input": "你好"}, "input", "cannot be read aloud; the voice reads English"),
        ({"input": "press zorbing"}, "input", "how 'zorbing' sounds is not in the list"),
        ({"input": "... !"}, "input", "there is nothing to say"),
        ({"input": "press two", "voice": "alloy"}, "voice", "has one voice alone, 'default'"),
        ({"input": "press two", "temperature": 1.5}, "temperature", "at most 1"),
        ({"input": "press two", "speed": 0.4}, "speed", "0.5 to 2"),
        ({"input": "7", "speed": 1.5, "model": WAVENET}, "speed", "digits at a speed of its own"),
        ({"input": "press two", "model": WAVENET}, "input", "is no whole number"),
    ],
)
def test_what_cannot_be_read_aloud_is_refused_by_its_parameter(
    others: openai.OpenAI, body: dict[str, Any], parameter: str, words: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=words) as caught:
        spoken(others, **{"model": READER, **body})
    assert caught.value.param == parameter


class Says:
    """A network that goes on with the tokens that it is given, one after the other, again and again."""

    def __init__(self, network: Any, ids: list[int]) -> None:
        self.config, self.parts, self.ids, self.at = network.config, network.parts, ids, 0

    def start(self, rows: int) -> None:
        self.at = 0

    def step(self, ids: np.ndarray, state: None) -> tuple[np.ndarray, None]:
        logits = np.zeros((1, self.config.vocab_size), np.float32)
        logits[0, self.ids[self.at % len(self.ids)]] = 50.0
        self.at += 1
        return logits, None


def says(model: str, words: str, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a checkpoint write these words and then its end, whatever it is asked."""
    found = library.get(model)
    tokenizer = text.tokenizer_of(found)
    ids = [*tokenizer.encode(words, add_special_tokens=False).ids, tokenizer.token_to_id(end)]
    speaking = replace(found, network=Says(found.network, ids))
    real = library.get
    monkeypatch.setattr(library, "get", lambda name, *task: speaking if name == model else real(name, *task))


def test_a_text_that_the_model_ends_itself_says_stop_and_one_that_is_cut_off_says_length(
    others: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    says("gpt.stories", "The fox", END, monkeypatch)
    for most, reason in ((50, "stop"), (3, "length")):
        asked: dict[str, Any] = {"model": "gpt.stories", "prompt": "", "max_tokens": most, "temperature": 0}
        reply = others.completions.create(**asked)
        assert reply.choices[0].finish_reason == reason
        assert (reply.choices[0].text == "The fox") == (reason == "stop")
        *_, last = others.completions.create(**asked, stream=True)
        assert last.choices[0].finish_reason == reason
    *_, late = text.write("gpt.stories", "", max_new_tokens=50, temperature=0)
    assert late.ended
    monkeypatch.setattr(text, "DEADLINE", 0.0)
    *_, late = text.write("gpt.stories", "", max_new_tokens=50, temperature=0)
    assert not late.ended, "it was cut off, though not by its length"


def test_a_reply_that_the_model_ends_itself_says_stop(others: openai.OpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    says(CHATTER, "good movie", "<user>", monkeypatch)
    for most, reason in ((12, "stop"), (1, "length")):
        asked: dict[str, Any] = {"model": CHATTER, "messages": SAID, "max_tokens": most, "temperature": 0}
        (choice,) = others.chat.completions.create(**asked).choices
        assert choice.finish_reason == reason and "good movie".startswith(choice.message.content or "-")


def test_a_conversation_that_cannot_be_answered_is_refused(others: openai.OpenAI) -> None:
    one = SAID[0]
    for body, param, words in (
        ({"messages": []}, "messages", "a list of 1 to 201"),
        ({"messages": [{**one, "role": "system"}]}, "messages", "messages.0.role is 'system'; it takes one of user"),
        ({"messages": [{"role": "user"}]}, "messages", "messages.0.content is missing"),
        ({"messages": [one, {**one, "content": "x" * 2001}]}, "messages", "messages.1.content is"),
        ({"messages": [{**one, "tone": "kind"}]}, "tone", "there is no parameter 'tone'"),
        ({"messages": SAID[:2]}, "messages", "the last message is the assistant's"),
        ({"messages": [one], "max_tokens": 101}, "max_tokens", "a whole number from 1 to 100"),
        ({"messages": [one], "max_tokens": 5, "max_completion_tokens": 6}, "max_completion_tokens", "one of them"),
        ({"messages": [one], "stream_options": {}}, "stream_options", "only for stream"),
        ({"messages": [{**one, "content": "Привет"}], "max_tokens": 9}, None, "cannot read П"),
    ):
        with pytest.raises(openai.BadRequestError) as refused:
            others.post(CHAT.removeprefix("/v1"), cast_to=object, body={"model": CHATTER, **body})
        assert refused.value.param == param and words in refused.value.message, (body, refused.value.message)
    with pytest.raises(openai.NotFoundError, match=f"gpt.stories does not do this; use one of {CHATTER}, {FINDER}"):
        others.chat.completions.create(model="gpt.stories", messages=[one])
    with pytest.raises(openai.NotFoundError, match=f"gpt.dialogue answers messages; it is asked at {CHAT}"):
        others.completions.create(model=CHATTER, prompt="hi")


def test_where_nobody_chats_that_is_said(
    others: openai.OpenAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "PRETRAINED", tmp_path)
    with pytest.raises(openai.NotFoundError, match="no model that does this is installed here, and 'gpt.dialogue' is"):
        others.chat.completions.create(model=CHATTER, messages=SAID[:1])


def test_a_model_of_many_steps_takes_steps_and_guidance_and_no_truncation(others: openai.OpenAI) -> None:
    for prompt, operation in (("7", "image.draw"), ("42", "image.draw_number")):
        sampler = {"steps": 3, "guidance": 2.5}
        reply = others.images.generate(model=STEPS, prompt=prompt, n=2, extra_body={"seed": 4, **sampler})
        for data, seed in zip(decoded(reply), (4, 5), strict=True):
            record = provenance.read(data)
            assert (record.operation, record.seed) == (operation, seed)
            assert {name: record.parameters[name] for name in sampler} == sampler
            assert remade(data).identical
    own = provenance.read(decoded(others.images.generate(model=STEPS, prompt="7"))[0]).parameters
    assert (own["steps"], own["guidance"]) == (4, 1.5)
    for sampler, param, words in (
        ({"truncation": 0.7}, "truncation", "has no truncation, but guidance"),
        ({"steps": 101}, "steps", "a whole number from 1 to 100"),
        ({"guidance": 11}, "guidance", "a number from 0 to 10"),
    ):
        with pytest.raises(openai.BadRequestError, match=words) as refused:
            others.images.generate(model=STEPS, prompt="7", extra_body=sampler)
        assert refused.value.param == param


# --- pictures ---


def decoded(reply: Any) -> list[bytes]:
    return [base64.b64decode(one.b64_json) for one in reply.data]


def remade(data: bytes) -> Replay:
    *_, found = replay(provenance.look(data))
    assert isinstance(found, Replay)
    return found


def test_pictures_are_png_that_say_how_they_were_made_and_can_be_made_again(zoo: openai.OpenAI) -> None:
    for prompt, size in (("7", "auto"), ("7", "32x32"), ("forty-two", "auto"), ("四十二", "65x32")):
        reply = zoo.images.generate(model=GAN, prompt=prompt, size=size, extra_body={"seed": 9})  # type: ignore[arg-type]
        (data,) = decoded(reply)
        record = provenance.read(data)
        assert record.model == GAN and record.seed == 9 and record.licence
        picture = Image.open(io.BytesIO(data))
        assert f"{picture.width}x{picture.height}" == reply.size and (size == "auto" or reply.size == size)
        again = remade(data)
        assert again.same and again.data == data, (prompt, size)


def test_n_pictures_come_from_seeds_one_after_the_other(zoo: openai.OpenAI) -> None:
    many = zoo.images.generate(model=GAN, prompt="3", n=3, extra_body={"seed": 5, "truncation": 0.7})
    single = zoo.images.generate(model=GAN, prompt="three", extra_body={"seed": 6, "truncation": 0.7})
    assert decoded(many)[1] == decoded(single)[0] and len(set(decoded(many))) == 3
    assert [one.model_extra["seed"] for one in many.data] == [5, 6, 7]
    last = zoo.images.generate(model=GAN, prompt="3", n=2, extra_body={"seed": MAX_SEED})
    assert [one.model_extra["seed"] for one in last.data] == [MAX_SEED, 0]


def test_classes_are_named_or_come_in_turn_and_a_model_without_classes_takes_none(zoo: openai.OpenAI) -> None:
    shoe = zoo.images.generate(model="dcgan.fashion-mnist", prompt="sneaker", response_format="url")
    assert shoe.data[0].model_extra["label"] == "Sneaker" and shoe.data[0].b64_json is None
    assert shoe.data[0].url.startswith("data:image/png;base64,iVBOR")
    turns = zoo.images.generate(model=GAN, prompt="", n=3)
    assert [one.model_extra["label"] for one in turns.data] == ["0", "1", "2"]
    assert len(decoded(zoo.images.generate(model=VAE, prompt=""))) == 1
    with pytest.raises(openai.BadRequestError, match="does not draw by class"):
        zoo.images.generate(model=VAE, prompt="7")
    with pytest.raises(openai.BadRequestError, match="Sneaker"):
        zoo.images.generate(model="dcgan.fashion-mnist", prompt="seven")


# --- sound ---


def test_speech_comes_as_wav_flac_or_bare_samples_of_the_same_sound(zoo: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": WAVENET, "voice": "jackson", "extra_body": {"seed": 2, "temperature": 0.9}}
    sounds = {
        kind: zoo.audio.speech.create(input="7", response_format=kind, **asked)  # type: ignore[call-overload]
        for kind in ("wav", "flac", "pcm")
    }
    samples = np.frombuffer(sounds["pcm"].content, "<i2")
    with wave.open(io.BytesIO(sounds["wav"].content)) as reader:
        assert (reader.getframerate(), reader.getnchannels(), reader.getsampwidth()) == (8000, 1, 2)
        assert np.array_equal(np.frombuffer(reader.readframes(reader.getnframes()), "<i2"), samples)
    flac, rate = soundfile.read(io.BytesIO(sounds["flac"].content), dtype="int16")
    assert rate == 8000 and np.array_equal(flac, samples) and len(samples) > 2000
    for kind, sound in sounds.items():
        headers = sound.response.headers
        assert headers["content-type"] == f"audio/{kind}" and headers["x-seed"] == "2", kind
        assert headers["x-sample-rate"] == "8000" and WAVENET in headers["x-source"]
    assert provenance.read(sounds["wav"].content).model == WAVENET
    assert remade(sounds["wav"].content).data == sounds["wav"].content
    with soundfile.SoundFile(io.BytesIO(sounds["flac"].content)) as file:
        assert "Made by a machine" in file.comment and WAVENET in file.comment
    words = zoo.audio.speech.create(input="七", **asked)
    assert words.content == sounds["wav"].content


# --- what is refused ---

WRONG: list[tuple[str, Any, int, str, str | None]] = [
    (COMPLETIONS, {"max_tokens": 1001}, 400, "invalid_value", "max_tokens"),
    (COMPLETIONS, {"max_tokens": 0}, 400, "invalid_value", "max_tokens"),
    (COMPLETIONS, {"max_tokens": "20"}, 400, "invalid_value", "max_tokens"),
    (COMPLETIONS, {"max_tokens": True}, 400, "invalid_value", "max_tokens"),
    (COMPLETIONS, {"max_tokens": 20.5}, 400, "invalid_value", "max_tokens"),
    (COMPLETIONS, {"n": 10**30}, 400, "invalid_value", "n"),
    (COMPLETIONS, {"n": 4, "prompt": ["a", "b"]}, 400, "invalid_value", "n"),
    (COMPLETIONS, {"temperature": 2.5}, 400, "invalid_value", "temperature"),
    (COMPLETIONS, {"temperature": 0.001, "max_tokens": 2}, 400, "invalid_value", None),
    (COMPLETIONS, {"temperature": [1]}, 400, "invalid_value", "temperature"),
    (COMPLETIONS, {"top_p": 0}, 400, "invalid_value", "top_p"),
    (COMPLETIONS, {"seed": -1}, 400, "invalid_value", "seed"),
    (COMPLETIONS, {"seed": 2**53}, 400, "invalid_value", "seed"),
    (COMPLETIONS, {"prompt": "x" * 2001}, 400, "invalid_value", "prompt"),
    (COMPLETIONS, {"prompt": [1, 2, 3]}, 400, "invalid_value", "prompt"),
    (COMPLETIONS, {"prompt": []}, 400, "invalid_value", "prompt"),
    (COMPLETIONS, {"prompt": {"a": {"b": []}}}, 400, "invalid_value", "prompt"),
    (COMPLETIONS, {"prompt": "漢字"}, 400, "invalid_value", None),
    (COMPLETIONS, {"prompt": "\ud800漢"}, 400, "invalid_value", "prompt"),
    (COMPLETIONS, {"stop": [""]}, 400, "invalid_value", "stop"),
    (COMPLETIONS, {"stop": ["a"] * 5}, 400, "invalid_value", "stop"),
    (COMPLETIONS, {"stream": "yes"}, 400, "invalid_value", "stream"),
    (COMPLETIONS, {"stream_options": {"include_usage": True}}, 400, "invalid_value", "stream_options"),
    (COMPLETIONS, {"stream_options": {"usage": True}}, 400, "unknown_parameter", "usage"),
    (COMPLETIONS, {"presence_penalty": 0.5}, 400, "invalid_value", "presence_penalty"),
    (COMPLETIONS, {"temprature": 1}, 400, "unknown_parameter", "temprature"),
    (COMPLETIONS, {"\ud800": 1}, 400, "invalid_json", None),
    (COMPLETIONS, {"acrostic": "春"}, 400, "invalid_value", "acrostic"),
    (COMPLETIONS, {"model": POET, "form": "词"}, 400, "invalid_value", "form"),
    (COMPLETIONS, {"model": POET, "max_tokens": 5}, 400, "invalid_value", "max_tokens"),
    (COMPLETIONS, {"model": POET, "repetition_penalty": 1.2}, 400, "invalid_value", "repetition_penalty"),
    (COMPLETIONS, {"model": POET, "prompt": "春", "title": "秋"}, 400, "invalid_value", "title"),
    (COMPLETIONS, {"model": POET, "acrostic": "abc"}, 400, "invalid_value", None),
    (COMPLETIONS, {"model": "gpt.shakespear"}, 404, "model_not_found", "model"),
    (COMPLETIONS, {"model": GAN}, 404, "model_not_found", "model"),
    (COMPLETIONS, {"model": "someone/anything"}, 404, "model_not_found", "model"),
    (COMPLETIONS, {"model": "../../etc/passwd"}, 404, "model_not_found", "model"),
    (COMPLETIONS, {"model": ""}, 404, "model_not_found", "model"),
    (COMPLETIONS, {"model": 5}, 400, "invalid_value", "model"),
    (IMAGES, {"n": 11}, 400, "invalid_value", "n"),
    (IMAGES, {"prompt": "123456789"}, 400, "invalid_value", "prompt"),
    (IMAGES, {"prompt": "a cat"}, 400, "invalid_value", "prompt"),
    (IMAGES, {"size": "1024x1024"}, 400, "invalid_value", "size"),
    (IMAGES, {"response_format": "jpeg"}, 400, "invalid_value", "response_format"),
    (IMAGES, {"truncation": 0}, 400, "invalid_value", "truncation"),
    (IMAGES, {"steps": 20}, 400, "invalid_value", "steps"),
    (IMAGES, {"guidance": 2.0}, 400, "invalid_value", "guidance"),
    (IMAGES, {"steps": 0}, 400, "invalid_value", "steps"),
    (CHAT, {"model": "nobody", "messages": [{"role": "user", "content": "hi"}]}, 404, "model_not_found", "model"),
    (CHAT, {}, 400, "missing", "messages"),
    (CHAT, {"messages": "hi"}, 400, "invalid_value", "messages"),
    (IMAGES, {"model": WAVENET}, 404, "model_not_found", "model"),
    (SPEECH, {}, 400, "missing", "input"),
    (SPEECH, {"input": None}, 400, "missing", "input"),
    (SPEECH, {"input": "hello", "model": WAVENET}, 400, "invalid_value", "input"),
    (SPEECH, {"input": "x" * 301}, 400, "invalid_value", "input"),
    (SPEECH, {"input": "1" * 9, "model": WAVENET}, 400, "invalid_value", "input"),
    (SPEECH, {"input": "漢字"}, 400, "invalid_value", "input"),
    (SPEECH, {"input": "7", "voice": "alloy"}, 400, "invalid_value", "voice"),
    (SPEECH, {"input": "7", "voice": "alloy", "model": WAVENET}, 400, "invalid_value", "voice"),
    (SPEECH, {"input": "7", "speed": 2, "model": WAVENET}, 400, "invalid_value", "speed"),
    (SPEECH, {"input": "7", "speed": 2.1}, 400, "invalid_value", "speed"),
    (SPEECH, {"input": "7", "response_format": "mp3"}, 400, "invalid_value", "response_format"),
    (SPEECH, {"input": "7", "model": "resnet.mnist"}, 404, "model_not_found", "model"),
]
RAW: list[tuple[bytes, int, str]] = [
    (b"", 400, "invalid_json"),
    (b"{", 400, "invalid_json"),
    (b"[]", 400, "invalid_json"),
    (b"5", 400, "invalid_json"),
    (b'"x"', 400, "invalid_json"),
    (b"null", 400, "invalid_json"),
    (b"\xff\xfe", 400, "invalid_json"),
    (b"[" * 100_000, 400, "invalid_json"),
    (b'{"a":' * 40_000, 400, "invalid_json"),
    (b'{"seed": ' + b"9" * 5000 + b"}", 400, "invalid_json"),
    (b'{"temperature": NaN}', 400, "invalid_value"),
    (b'{"temperature": Infinity}', 400, "invalid_value"),
    (b'{"temperature": 1e999}', 400, "invalid_value"),
    (b'{"prompt": "' + b"x" * 300_000 + b'"}', 413, "request_too_large"),
]


def shaped(reply: Any) -> dict[str, Any]:
    """The error of a refusal, after a look at its shape."""
    assert set(reply) == {"error"} and set(reply["error"]) == {"message", "type", "param", "code"}, reply
    message = reply["error"]["message"]
    assert len(message) > 12 and "Traceback" not in message and "number:" not in message, message
    found: dict[str, Any] = reply["error"]
    return found


def test_a_request_that_cannot_be_met_is_refused_in_openai_s_shape(app: Served) -> None:
    for path, body, status, code, param in WRONG:
        got, _, reply = ask(app.url + path, json.dumps(body).encode())
        error = shaped(reply)
        assert (got, error["code"], error["param"]) == (status, code, param), (path, body, reply)
        assert error["type"] == "invalid_request_error"
    assert "Traceback" not in app.log.read_text(), app.log.read_text()[-3000:]


def test_a_body_that_makes_no_sense_is_refused_and_leaves_no_trace(app: Served) -> None:
    for path in (COMPLETIONS, CHAT, IMAGES, SPEECH):
        for body, status, code in RAW:
            got, _, reply = ask(app.url + path, body)
            if path != COMPLETIONS and code == "invalid_value":
                continue  # others have no temperature, or want an input first
            assert (got, shaped(reply)["code"]) == (status, code), (path, body[:40], reply)
    form = ask(app.url + COMPLETIONS, b"prompt=x", content_type="application/x-www-form-urlencoded")
    assert form[0] == 400 and "content-type" in shaped(form[2])["message"]
    assert "Traceback" not in app.log.read_text(), app.log.read_text()[-3000:]


def test_a_body_of_unknown_length_is_cut_off(app: Served) -> None:
    """Chunked: no length is announced that could be refused beforehand."""
    host, port = app.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as line:
        line.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: zoo\r\nContent-Type: application/json\r\n")
        line.sendall(b"Transfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(40):
                line.sendall(b"2800\r\n" + b" " * 0x2800 + b"\r\n")
            line.sendall(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before the end was sent
        head = line.recv(4096)
    assert head.startswith(b"HTTP/1.1 413"), head[:200]
    assert "Traceback" not in app.log.read_text()


def test_addresses_and_methods_that_do_not_exist_are_named(app: Served) -> None:
    for path, method, status, code in (
        ("/v1/embeddings", "POST", 404, "not_found"), ("/v1/", "GET", 404, "not_found"),
        ("/v1/completions/", "POST", 404, "not_found"), (COMPLETIONS, "GET", 405, "method_not_allowed"),
        ("/v1/models", "DELETE", 405, "method_not_allowed"), ("/v1/models/", "GET", 404, "model_not_found"),
        ("/v1/models/a/b", "GET", 404, "model_not_found"), ("/v1/models/%00", "GET", 400, "invalid_value"),
    ):  # fmt: skip
        body = None if method == "GET" else b"{}"
        got, _, reply = ask(app.url + path, body, method)
        assert (got, shaped(reply)["code"]) == (status, code), (path, reply)


def test_the_client_raises_its_own_errors(zoo: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        zoo.completions.create(model=TEXT, prompt="ROMEO:", max_tokens=5000)
    assert refused.value.param == "max_tokens" and refused.value.code == "invalid_value"
    assert "a whole number from 1 to 1,000" in refused.value.message
    with pytest.raises(openai.NotFoundError, match="perhaps you meant 'gpt.tang'"):
        zoo.completions.create(model="gpt.tan", prompt="")
    with pytest.raises(
        openai.BadRequestError, match="has never read"
    ):  # found out by the model itself, in a stream too
        list(zoo.completions.create(model=TEXT, prompt="漢", stream=True))


def test_a_key_is_wanted_where_one_is_set(locked: Served) -> None:
    path, body = locked.url + COMPLETIONS, b'{"prompt": "ROMEO:", "max_tokens": 2}'
    for header in (
        "",
        "Bearer",
        "Bearer ",
        "Bearer alpha",
        "Bearer alpha-1,",
        "Basic alpha-1",
        "alpha-1",
        f"Bearer {','.join('ab')}",
    ):
        status, headers, reply = ask(path, body, authorization=header)
        error = shaped(reply)
        assert (status, error["code"], error["type"]) == (401, "invalid_api_key", "authentication_error"), header
        assert headers["www-authenticate"] == "Bearer"
    assert ask(f"{locked.url}/v1/models")[0] == 401
    for key in KEYS:
        header = f"Bearer {key}".encode().decode("latin-1")
        assert ask(path, body, authorization=header)[0] == 200
    wrong = openai.OpenAI(base_url=f"{locked.url}/v1", api_key="alpha-2", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        wrong.models.list()
    right = openai.OpenAI(base_url=f"{locked.url}/v1", api_key=KEYS[0], max_retries=0)
    assert right.models.list().data
    assert ask(locked.url)[0] == ask(f"{locked.url}/openapi.json")[0] == 200
    page = ask(f"{locked.url}/docs")[2].decode()
    assert 'id="key"' in page and "authorization: Bearer YOUR_KEY" in page
    assert not any(key in page for key in KEYS)


# --- one machine ---


def line_to(app: Served, path: str, body: dict[str, Any]) -> socket.socket:
    """A connection on which a request was sent."""
    host, port = app.url.removeprefix("http://").split(":")
    data = json.dumps(body).encode()
    line = socket.create_connection((host, int(port)), timeout=60)
    head = f"POST {path} HTTP/1.1\r\nHost: zoo\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    line.sendall(head.encode() + data)
    return line


LONG = {"model": TEXT, "prompt": ["KING:", "QUEEN:", "ROMEO:", "First"], "max_tokens": 1000, "temperature": 1.0}


def test_a_client_that_hangs_up_frees_the_machine(app: Served, zoo: openai.OpenAI) -> None:
    def quick() -> float:
        begun = time.monotonic()
        zoo.images.generate(model=GAN, prompt="1")
        return time.monotonic() - begun

    begun = time.monotonic()
    whole = zoo.completions.create(**{**LONG, "prompt": "KING:"})  # type: ignore[call-overload]
    alone = time.monotonic() - begun
    assert whole.usage.completion_tokens == 1000
    for stream in (True, False):
        with line_to(app, COMPLETIONS, {**LONG, "stream": stream}) as line:
            if stream:
                while b"data:" not in line.recv(65536):
                    pass
            else:
                time.sleep(0.3)  # by now it computes
            with line_to(app, COMPLETIONS, {**LONG, "stream": True}):
                time.sleep(0.3)  # and this one waits
        assert quick() < max(2.0, 4 * alone), (stream, alone)  # the eight texts would take eight times as long
    assert "Traceback" not in app.log.read_text(), app.log.read_text()[-3000:]


@pytest.fixture
def inside() -> TestClient:
    return TestClient(Starlette(routes=api.routes()), raise_server_exceptions=True)


@contextmanager
def all_served() -> Iterator[None]:
    """As many visitors are served as can be at once."""
    for _ in range(guard.SLOTS):
        guard._turn.acquire()
    yield
    guard._turn.release(guard.SLOTS)


def test_a_program_waits_while_visitors_are_served(inside: TestClient) -> None:
    replies: list[int] = []
    asked = threading.Thread(target=lambda: replies.append(inside.post(IMAGES, json={"prompt": "7"}).status_code))
    with all_served():
        asked.start()
        asked.join(0.7)
        assert asked.is_alive() and not replies
    asked.join(30)
    assert replies == [200]


def test_who_waits_too_long_or_finds_the_queue_full_is_told_to_come_back(
    inside: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "MAX_WAIT", 0.3)
    with all_served():
        reply = inside.post(IMAGES, json={"prompt": "7"})
    assert reply.status_code == 503 and reply.headers["retry-after"]
    assert shaped(reply.json())["code"] == "busy" and reply.json()["error"]["type"] == "server_error"
    others = [object() for _ in range(guard.MAX_QUEUE)]
    api._in_flight.update(others)
    try:
        for body in ({"prompt": "ROMEO:"}, {"prompt": "ROMEO:", "stream": True}):
            assert inside.post(COMPLETIONS, json=body).status_code == 503
    finally:
        api._in_flight.difference_update(others)
    assert inside.post(IMAGES, json={"prompt": "7"}).status_code == 200 and not api._in_flight


def test_a_request_that_takes_too_long_is_stopped(inside: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MAX_RUN", 0.0)
    reply = inside.post(COMPLETIONS, json={"prompt": "ROMEO:", "max_tokens": 50})
    assert reply.status_code == 503 and "stopped" in shaped(reply.json())["message"]
    streamed = inside.post(COMPLETIONS, json={"prompt": "ROMEO:", "max_tokens": 50, "stream": True})
    events = [event.removeprefix("data: ") for event in streamed.text.split("\n\n") if event]
    assert streamed.status_code == 200 and shaped(json.loads(events[-1]))["code"] == "busy"
    assert "[DONE]" not in events and "choices" in json.loads(events[0])


def test_a_fault_inside_becomes_an_incident_and_frees_the_machine(
    inside: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*arguments: Any, **options: Any) -> Iterator[text.Writing]:
        yield from whole_writing("", "ab", [1])
        raise RuntimeError("secret /etc/x")

    with monkeypatch.context() as patched:
        patched.setattr(text, "write", fails)
        patched.setattr(api_results, "_undecided", lambda written, stops: 0)
        whole = inside.post(COMPLETIONS, json={"prompt": ["ROMEO:", "KING:"]})
        assert whole.status_code == 200  # the fault comes after what was asked for
        patched.setattr(text, "write", lambda *a, **k: (_ for _ in ()).throw(SystemExit(3)))
        reply = inside.post(COMPLETIONS, json={"prompt": "ROMEO:"})
    assert reply.status_code == 500 and reply.json()["error"]["code"] == "incident"
    assert "secret" not in reply.text and "incident" in caplog.text
    assert inside.post(COMPLETIONS, json={"prompt": "ROMEO:", "max_tokens": 3}).status_code == 200


def test_a_flood_is_slowed_down_in_openai_s_shape() -> None:
    from zoo.ui.gate import BURST, Gate

    async def nothing(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    answers: list[tuple[int, bytes]] = []

    async def ask_often() -> None:
        gate = Gate(nothing)

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answers.append((message["status"], b""))
            else:
                answers[-1] = (answers[-1][0], message["body"])

        scope = {"type": "http", "method": "POST", "path": COMPLETIONS, "headers": [], "client": ("a", 1)}
        for _ in range(int(BURST) + 20):
            await gate(scope, None, send)  # type: ignore[arg-type]

    asyncio.run(ask_often())
    refused = [body for status, body in answers if status == 429]
    assert len(refused) >= 10 and answers[0][0] == 200
    error = shaped(json.loads(refused[0]))
    assert (error["code"], error["type"]) == ("rate_limit_exceeded", "rate_limit_error")


def test_a_proxy_s_prefix_does_not_come_between() -> None:
    behind = TestClient(Starlette(routes=api.routes()), root_path="/zoo")
    assert behind.get("/v1/models").status_code == 200
    assert behind.get("/zoo/v1/models").status_code == 200
    assert behind.get("/docs").status_code == 200


# --- one schema ---


def beyond(asked: type[Any], name: str) -> tuple[float, float]:
    """Just below and just above what the schema allows."""
    low, high = bounds(asked, name)
    step = 1 if properties(asked)[name].get("type") == "integer" else 0.001
    return (low if "exclusiveMinimum" in properties(asked)[name] else low - step), high + step


def test_the_schema_states_the_limits_that_generate_enforces() -> None:
    def writes(**options: Any) -> None:
        text.write(TEXT, "ROMEO:", **options)

    def draws(**options: Any) -> None:
        image.draw(GAN, "7", count=1, **options)

    def speaks(**options: Any) -> None:
        audio.speak(WAVENET, "7", **options)

    cases: list[tuple[type[Any], str, Any, str]] = [
        (Completion, name, writes, argument)
        for name, argument in {
            "max_tokens": "max_new_tokens", "temperature": "temperature", "top_p": "top_p", "top_k": "top_k",
            "repetition_penalty": "repetition_penalty",
        }.items()
    ]  # fmt: skip
    cases += [(ImageRequest, "truncation", draws, "truncation"), (Speech, "temperature", speaks, "temperature")]
    for asked, name, function, argument in cases:
        low, high = bounds(asked, name)
        for value in beyond(asked, name):
            with pytest.raises(InputError):
                function(**{argument: value})
        for value in (high, *([] if "exclusiveMinimum" in properties(asked)[name] else [low])):
            function(**{argument: value})
    for function in (writes, draws, speaks):
        function(seed=MAX_SEED)
        with pytest.raises(InputError):
            function(seed=MAX_SEED + 1)


SAME = {  # a tab's endpoint: its parameters that a request has too
    "write_text": (Completion, {"length": "max_tokens", "temperature": "temperature", "top_k": "top_k",
                                "top_p": "top_p", "repetition_penalty": "repetition_penalty"}),
    "compose_poem": (Completion, {"temperature": "temperature", "top_k": "top_k", "top_p": "top_p"}),
    "draw_images": (ImageRequest, {"truncation": "truncation", "steps": "steps", "guidance": "guidance"}),
    "speak_digits": (Speech, {"temperature": "temperature"}),
}  # fmt: skip


def test_the_tabs_sliders_and_words_keep_to_the_schema() -> None:
    import gradio as gr

    from zoo.ui.shell import build

    demo = build()
    info = demo.get_api_info()["named_endpoints"]
    for endpoint, (asked, names) in SAME.items():
        function = next(fn for fn in demo.fns.values() if fn.api_name == endpoint)
        parameters = {one["parameter_name"]: one for one in info[f"/{endpoint}"]["parameters"]}
        components = dict(zip(parameters, function.inputs, strict=True))
        for parameter, name in names.items():
            low, high = bounds(asked, name)
            slider = components[parameter]
            assert isinstance(slider, gr.Slider)
            assert low <= slider.minimum < slider.maximum <= high, (endpoint, parameter)
            words = parameters[parameter]["python_type"]["description"]
            stated = [float(found.replace(",", "")) for found in re.findall(r"\d[\d,.]*\d|\d", words)]
            assert all(low <= value <= high for value in stated), (endpoint, parameter, words)


def test_every_field_is_explained_in_both_languages_and_says_what_it_takes() -> None:
    for asked in (Completion, ChatRequest, Message, ImageRequest, Speech):
        for name, field in properties(asked).items():
            assert field["description"] and re.search("[\u4e00-\u9fff]", field["x-zh"]), name
            assert allowed(field) and allowed(field, "zh-CN"), name
        assert asked is Message or asked(**json.loads(json.dumps(asked.model_json_schema()["example"])))


def test_the_documentation_is_there_in_both_languages_and_asks_no_other_host(app: Served) -> None:
    status, headers, description = ask(f"{app.url}/openapi.json")
    assert status == 200 and set(description["paths"]) == {
        "/v1/models", "/v1/models/{name}", COMPLETIONS, CHAT, IMAGES, SPEECH,
    }  # fmt: skip
    assert "HTTPValidationError" not in json.dumps(description)
    pages = {}
    for language in ("en", "zh-CN"):
        status, headers, data = ask(f"{app.url}/docs?lang={language}")
        page = pages[language] = data.decode()
        assert status == 200 and f'<html lang="{language}">' in page
        assert "default-src 'self'" in headers["content-security-policy"]
        assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", page) and "@import" not in page
        for asked in (Completion, ChatRequest, ImageRequest, Speech):
            assert all(f"<code>{name}</code>" in page for name in asked.model_fields)
        assert all(str(code) in page for code in (400, 401, 404, 413, 429, 503))
    assert "Go on" not in pages["zh-CN"] and "写多少个词元" in pages["zh-CN"] and "写多少个词元" not in pages["en"]
    assert "/v1" not in json.dumps(ask(f"{app.url}/gradio_api/openapi.json")[2]["paths"])


def test_each_request_can_be_tried_on_the_page_on_a_telephone_too(app: Served, tmp_path: Path) -> None:
    phone: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "leaves": True}
    with sync_playwright() as playwright, visitor(playwright, tmp_path, app.url, "zh-CN", **phone) as page:
        page.goto(f"{app.url}/docs")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        forms = page.locator("form")
        expect(forms).to_have_count(6)
        for number in range(6):
            page.locator("summary").nth(number).click()
        for number, (shown, seen) in enumerate(
            (("", TEXT), ("", GAN), ("", "ROMEO"), ("", "assistant"), ("img", ""), ("audio", ""))
        ):
            if seen == "assistant" and not chat.choices():
                continue  # nobody chats here; what is said then has a test of its own
            form = forms.nth(number)
            if seen == "ROMEO":
                form.locator("textarea").fill('{"prompt": "ROMEO:", "max_tokens": 20, "echo": true, "stream": true}')
                seen = "[DONE]"
            form.locator("button").click()
            if shown:
                expect(form.locator(f"output {shown}")).to_be_visible(timeout=60_000)
            else:
                expect(form.locator("output")).to_contain_text(seen, timeout=60_000)
        assert forms.nth(4).locator("img").evaluate("image => image.naturalWidth") > 100


# --- MCP ---


def test_an_mcp_client_lists_the_tools_and_calls_one(locked: Served) -> None:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async def talk() -> tuple[set[str], Any, Any]:
        async with (
            streamablehttp_client(f"{locked.url}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            assert all(tool.description for tool in tools)
            asked = {"model": POET, "form": "五言绝句", "title": "", "acrostic": "春夏秋冬", "author": "",
                         "temperature": 0.6, "top_k": 0, "top_p": 0.9, "seed": 1}  # fmt: skip
            good = await session.call_tool("compose_poem", asked)
            bad = await session.call_tool("compose_poem", {**asked, "acrostic": "abc"})
            return {tool.name for tool in tools}, good, bad

    names, good, bad = asyncio.run(talk())
    assert {"write_text", "compose_poem", "draw_images", "speak_digits", "from_text"} <= names
    assert not good.isError and "春" in good.content[0].text and POET in good.content[0].text
    assert bad.isError and "Chinese characters only" in bad.content[0].text


def test_without_its_package_no_mcp_is_offered_and_the_log_says_what_is_wanted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from zoo.ui import shell

    assert not shell._speaks_mcp() and not caplog.text
    monkeypatch.setenv("ZOO_MCP", "1")
    assert shell._speaks_mcp()
    monkeypatch.setitem(sys.modules, "mcp", None)  # what a package that is missing looks like
    assert not shell._speaks_mcp()
    assert "pip install 'mcp" in caplog.text


# --- the README ---


def examples(name: str) -> list[tuple[str, str]]:
    """What follows each `<!-- api: ... -->` of a README: the mark, and the fenced code."""
    found = re.findall(r"<!-- api: (\w+) -->\n```\w+\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found


EXAMPLES = [(readme, mark, code) for readme in ("README.md", "README.zh.md") for mark, code in examples(readme)]


@pytest.mark.parametrize(("readme", "mark", "code"), EXAMPLES, ids=[f"{r}-{m}" for r, m, _ in EXAMPLES])
def test_the_readmes_examples_work(app: Served, tmp_path: Path, readme: str, mark: str, code: str) -> None:
    if mark == "shell" and not shutil.which("curl"):
        pytest.skip("there is no curl")
    assert "http://127.0.0.1:7860" in code
    code = code.replace("http://127.0.0.1:7860", app.url)
    start = ["bash", "-euc", code.replace("curl ", "curl -sS --fail-with-body ")]
    if mark != "shell":
        start = [sys.executable, "-c", code]
    environment = {**os.environ, "no_proxy": "127.0.0.1", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(start, cwd=tmp_path, capture_output=True, timeout=120, env=environment)
    out = done.stdout.decode()
    assert done.returncode == 0, out + done.stderr.decode()[-2000:]
    if mark == "shell":
        assert '"object":"list"' in out and '"text_completion"' in out
        assert json.loads((tmp_path / "pictures.json").read_text())["data"][0]["label"] == "42"
        assert provenance.read(tmp_path / "answer.wav").model == WAVENET
    elif mark == "openai":
        assert len(out) > 30
        for path in [*tmp_path.glob("*.png"), *tmp_path.glob("*.flac")]:
            assert path.stat().st_size > 500
        assert readme != "README.md" or len(list(tmp_path.iterdir())) == 3
    else:
        assert GAN in out and ".png" in out


def test_the_api_waits_for_no_torch(tmp_path: Path) -> None:
    """A text, a picture and a sound are made without it."""
    code = f"""
import sys
from starlette.applications import Starlette
from starlette.testclient import TestClient
from zoo.ui import api
ask = TestClient(Starlette(routes=api.routes()))
for path, body in (({COMPLETIONS!r}, {{"max_tokens": 2}}), ({IMAGES!r}, {{}}), ({SPEECH!r}, {{"input": "7"}})):
    assert ask.post(path, json=body).status_code == 200, path
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=120)


def test_two_programs_at_once_both_get_their_own(app: Served) -> None:
    replies: dict[int, Any] = {}

    def write(seed: int) -> None:
        replies[seed] = post(app, COMPLETIONS, prompt="ROMEO:", max_tokens=40, seed=seed)

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    texts = {replies[seed]["choices"][0]["text"] for seed in range(4)}
    assert len(texts) == 4 and all(replies[seed]["choices"][0]["seed"] == seed for seed in range(4))
