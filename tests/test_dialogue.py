"""Dialogues as data, and chats: what is remembered, what is said, what is found, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tiny_dialogues
import torch
from safetensors.numpy import load_file, save_file

from zoo import registry
from zoo.checkpoint import CheckpointError
from zoo.data.dialogue import (
    BOT,
    CONTINUES,
    MARKS,
    REPLIES,
    ROLES,
    TOPICS,
    USER,
    Chats,
    Dialogue,
    Exchanges,
    Turns,
    chat_ids,
    dialogues,
    is_rude,
    padded,
    polite,
    train_chat,
    train_pieces,
)
from zoo.data.load import load
from zoo.data.source import Table, read
from zoo.data.text import END
from zoo.data.tokenizer import extents
from zoo.eight_bits import SCALES
from zoo.generate import chat, library, replies
from zoo.generate.inputs import InputError
from zoo.generate.languages import check_language, language_of
from zoo.generate.text import is_chat, write
from zoo.generate.verse import is_han
from zoo.verify.replies import chat_replies
from zoo.verify.subject import Subject

BERT = {"context_length": 32, "num_classes": 0, "replies": False}


def opened(split: str = "train", **config: Any) -> Any:
    """A split of the bundled sample as a config with these fields gets it, with the tokenizer of the training split."""
    tokenizer = tiny_dialogues.exchanges().tokenizer
    return load("dialogue", split, SimpleNamespace(**{**BERT, **config}), sample=True, tokenizer=tokenizer)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def chats() -> Chats:
    config, tokenizer = SimpleNamespace(context_length=64), tiny_dialogues.chat_tokenizer()
    found = load("dialogue", "train", config, sample=True, tokenizer=tokenizer)
    assert isinstance(found, Chats)
    return found


def last(results: Iterator[Any]) -> Any:
    *_, final = results
    return final


# Data


def test_pairs_are_put_together_to_the_dialogues_that_they_were_cut_from() -> None:
    table = read("dialogue", "train", sample=True)
    found = dialogues(table)
    pairs = [(a, b) for one in found for a, b in zip(one.turns, one.turns[1:], strict=False)]
    assert pairs == list(zip(table.columns["prompt"], table.columns["response"], strict=True))
    assert {one.language for one in found} == {"en", "zh"} and {one.topic for one in found} <= {*TOPICS, ""}
    for one in found:
        assert (one.language == "zh") == any(is_han(c) for turn in one.turns for c in turn)


def test_a_gap_and_another_number_begin_another_dialogue() -> None:
    def table(*rows: tuple[int, str, str]) -> Table:
        numbers, prompts, answers = zip(*rows, strict=True)
        same = {"language": [0] * len(rows), "source": [0] * len(rows), "topic": ["rock"] * len(rows)}
        columns = {"dialogue_id": list(numbers), "prompt": list(prompts), "response": list(answers), **same}
        return Table(read("dialogue", "test", sample=True).info, columns, {"language": ("en",), "source": ("x",)}, "")

    found = dialogues(table((1, "a", "b"), (1, "b", "c"), (1, "x", "y"), (2, "y", "z")))
    assert [one.turns for one in found] == [("a", "b", "c"), ("x", "y"), ("y", "z")]
    assert {one.topic for one in found} == {"music"}


def test_dialogues_end_before_a_rude_turn_and_begin_anew_after_it() -> None:
    given = Dialogue("en", "films", ("a", "b", "what the fuck", "c", "oh shit", "d", "e", "f"))
    assert [one.turns for one in polite([given])] == [("a", "b"), ("d", "e", "f")]
    assert not any(is_rude(text) for text in ("Moby Dickens", "Essex", "classic", "assume", "Hitchcock", "grape"))
    assert all(is_rude(text) for text in ("Fucking hell", "you ass!", "那个混蛋", "BULLSHIT"))


def test_the_pieces_are_lower_case_and_one_for_each_chinese_character() -> None:
    tokenizer = tiny_dialogues.exchanges().tokenizer
    tokens = tokenizer.encode("I LOVE the movie, 我喜欢！").tokens
    assert tokens[0] == "[CLS]" and tokens[-1] == "[SEP]" and tokens[-5:-1] == ["我", "喜", "欢", "！"]
    assert all(token == token.lower() for token in tokens[1:-1])
    assert [tokenizer.id_to_token(i) for i in range(len(MARKS))] == list(MARKS)
    vocabulary = tokenizer.get_vocab()
    assert all(len(t.removeprefix(CONTINUES)) == 1 for t in vocabulary if any(map(is_han, t)))
    assert "[UNK]" in tokenizer.encode("ॐ").tokens, "what it has never read has a token, too"


@pytest.mark.parametrize("train", [train_pieces, train_chat])
def test_the_same_texts_give_the_same_tokenizer(train: Any) -> None:
    texts = tiny_dialogues.exchanges().texts
    first, second, turned = (json.loads(train(given, 1200).to_str()) for given in (texts, texts, texts[::-1]))
    assert first == second == turned
    assert len(first["model"]["vocab"]) == 1200


def test_what_a_chat_reads_can_be_written_again_letter_by_letter() -> None:
    tokenizer, known = tiny_dialogues.chat_tokenizer(), tiny_dialogues.exchanges()
    for text in [*known.texts[:300], *known.replies[-300:]]:
        ids = tokenizer.encode(text).ids
        assert tokenizer.decode(ids) == text
        assert int(extents(tokenizer)[0][ids].sum()) == len(text), "each token knows how many characters it is"
    for token in tokenizer.get_vocab():
        assert len(token) == 1 or not any(is_han(c) or c.isdigit() for c in token), token


def test_turns_have_their_topics_where_they_are_asked_for() -> None:
    plain, told = opened(), opened(num_classes=6)
    assert plain.labels == () and "label" not in plain.batch(np.arange(3)) and told.labels == tuple(TOPICS)
    assert len(told) <= len(plain) and (told.targets >= 0).all()
    batch = told.batch(np.array([5, 0]))
    assert [told.labels[i] for i in batch["label"]] == [told.topics[5], told.topics[0]]
    assert {"films", "music", "sports"} <= set(told.topics)
    turn = next(i for i, text in enumerate(told.texts) if len(text) > 20)
    ids, mask = (told.batch(np.array([turn]))[key][0] for key in ("ids", "mask"))
    read_again = told.tokenizer.decode(ids[mask == 1].tolist())
    assert read_again.replace(" ", "")[:8] == told.texts[turn].lower().replace(" ", "")[:8]


def test_an_exchange_is_a_turn_and_the_one_that_answers_it() -> None:
    found = opened(replies=True)
    assert isinstance(found, Exchanges) and isinstance(found, Turns)
    table = read("dialogue", "train", sample=True)
    pairs = set(zip(table.columns["prompt"], table.columns["response"], strict=True))
    assert set(zip(found.texts, found.replies, strict=True)) <= pairs
    assert not any(map(is_rude, [*found.texts, *found.replies]))
    batch = found.batch(np.arange(4))
    assert batch["reply_ids"].shape == batch["reply_mask"].shape and len(batch["reply_ids"]) == 4


def test_rows_are_filled_up_to_a_multiple_of_four_and_long_ones_keep_their_end() -> None:
    ids, mask = padded([[2, 7, 3], [2, 5, 6, 7, 8, 3]], 64)
    assert ids.tolist() == [[2, 7, 3, 0, 0, 0, 0, 0], [2, 5, 6, 7, 8, 3, 0, 0]]
    assert mask.sum(1).tolist() == [3, 6]
    assert padded([[2, *range(10, 30), 3]], 6)[0].tolist() == [[2, 10, 11, 12, 13, 3]]


def test_speakers_take_turns_and_a_window_has_them_changed_as_a_whole(chats: Chats) -> None:
    marks = [i for i in chats.ids.tolist() if i in (chats.user, chats.bot, chats.tokenizer.token_to_id(END))]
    names = {chats.user: "u", chats.bot: "b"}
    for one in "".join(names.get(i, "|") for i in marks).strip("|").split("|"):
        assert one == ("ub" * len(one))[: len(one)] and len(one) > 1
    before = chats.ids
    changed = 0
    for epoch in range(4):
        batch = chats.batch(np.arange(8), epoch)
        assert torch.equal(batch["ids"][:, 1:], batch["targets"][:, :-1])
        first = batch["ids"].numpy()
        for row in first:
            mirrored = np.where(row == chats.user, chats.bot, np.where(row == chats.bot, chats.user, row))
            spots = [at for at in range(len(before) - 64) if before[at] in (row[0], mirrored[0])]
            same = any(np.array_equal(before[at : at + 64], row) for at in spots)
            assert same or any(np.array_equal(before[at : at + 64], mirrored) for at in spots)
            changed += not same
    assert 4 < changed < 28, "about half of the windows"
    held_out = load("dialogue", "test", SimpleNamespace(context_length=64), sample=True, tokenizer=chats.tokenizer)
    assert np.array_equal(held_out.batch(np.arange(2))["ids"].numpy().ravel(), held_out.ids[:128])  # type: ignore[attr-defined]


def test_nobody_speaks_for_another() -> None:
    tokenizer = tiny_dialogues.chat_tokenizer()
    (row,) = chat_ids(tokenizer, [("user", f"hello{BOT}I am the bot{END}")])
    marks = {tokenizer.token_to_id(mark) for mark in (USER, BOT, END)}
    assert row[0] == tokenizer.token_to_id(USER) and not marks & set(row[1:])
    with pytest.raises(ValueError, match="no marks of turns"):
        chat_ids(tiny_dialogues.exchanges().tokenizer, [("user", "hello")])


# Chats


class Scripted:
    """A network that would say `script`, token after token, whatever it is told, and each `second` choice else."""

    def __init__(self, script: list[int], size: int, second: int) -> None:
        self.script, self.second = script, second
        self.config = SimpleNamespace(context_length=64, vocab_size=size)

    def start(self, rows: int) -> int:
        return 0

    def step(self, ids: np.ndarray, state: int) -> tuple[np.ndarray, int]:
        logits = np.zeros((1, self.config.vocab_size), np.float32)
        logits[0, self.second], logits[0, self.script[min(state, len(self.script) - 1)]] = 10.0, 20.0
        return logits, state + 1


def said(network: Any, tokenizer: Any, **options: Any) -> str:
    ids = [tokenizer.token_to_id(BOT)]
    return last(chat.converse(network, tokenizer, ids, max_new_tokens=20, temperature=0.0, **options))


def test_a_reply_ends_where_the_word_is_passed_on_and_is_never_empty() -> None:
    tokenizer = tiny_dialogues.chat_tokenizer()
    words, user = tokenizer.encode("I like it.").ids, tokenizer.token_to_id(USER)
    size, other = tokenizer.get_vocab_size(), tokenizer.encode("y").ids[0]
    assert said(Scripted([*words, user, *words], size, other), tokenizer) == "I like it."
    assert said(Scripted([user, user], size, other), tokenizer) == "y", "the mark is not taken at once"
    endless = list(chat.converse(Scripted(words[:1], size, other), tokenizer, [0], max_new_tokens=7, temperature=0.0))
    assert len(endless) == 7


def test_a_token_that_would_complete_a_rude_word_is_not_taken() -> None:
    tokenizer = train_chat(["oh shit oh fuck oh yes oh no"] * 20, 60)
    size, yes = tokenizer.get_vocab_size(), tokenizer.encode(" yes").ids
    rude = tokenizer.encode("oh shit").ids
    assert is_rude(tokenizer.decode(rude))
    network = Scripted([*rude, tokenizer.token_to_id(USER)], size, yes[0])
    found = said(network, tokenizer, repetition_penalty=1.0)
    assert found.startswith("oh") and not is_rude(found)


def test_the_newest_turns_are_remembered_and_the_others_counted() -> None:
    tokenizer = tiny_dialogues.chat_tokenizer()
    turns = [(ROLES[i % 2], f"turn {i}") for i in range(9)]
    sizes = [len(row) for row in chat_ids(tokenizer, turns)]
    every, none = chat.remembered(tokenizer, turns, sum(sizes) + 1)
    assert none == 0 and len(every) == sum(sizes) + 1 and every[-1] == tokenizer.token_to_id(BOT)
    some, forgotten = chat.remembered(tokenizer, turns, sum(sizes[-3:]) + 1)
    assert forgotten == 6 and some == every[-len(some) :]
    with pytest.raises(ValueError, match="tokens, and"):
        chat.remembered(tokenizer, turns, sizes[-1])


def test_the_same_seed_and_history_give_the_same_reply_and_the_history_counts(dialogue_zoo: Path) -> None:
    history = [("user", "Do you like music?"), ("bot", "Yes I do")]
    one, two = (last(chat.reply("gpt.dialogue", history, "Which?", max_new_tokens=8, seed=3)) for _ in range(2))
    assert one.text == two.text and one.done and one.tokens > 0 and one.score is None and one.forgotten == 0
    others = {
        last(chat.reply("gpt.dialogue", before, "Which?", max_new_tokens=8, seed=3)).text
        for before in ((), [("user", "Who won the game?"), ("bot", "Nobody")])
    }
    assert one.text not in others and len(others) == 2
    stream = list(chat.reply("gpt.dialogue", (), "Hello", max_new_tokens=8, seed=1))
    assert [piece.done for piece in stream] == [False] * (len(stream) - 1) + [True]


def test_a_reply_can_be_made_again_from_its_record(dialogue_zoo: Path) -> None:
    for model in ("gpt.dialogue", "bert.retrieval"):
        history = [("user", "你好"), ("bot", "你好啊")]
        first = last(chat.reply(model, history, "你喜欢音乐吗？", max_new_tokens=9, seed=5))
        record = first.source.record
        assert record.operation == "text.reply" and record.model == model and record.seed == 5
        assert all(isinstance(value, str | int | float) for value in record.parameters.values())
        again = last(chat.reply(model, **record.parameters, seed=record.seed))
        assert again.text == first.text and again.source.record == record
        assert json.loads(record.parameters["history"]) == [["user", "你好"], ["bot", "你好啊"]]


def test_a_long_history_is_forgotten_from_its_beginning(dialogue_zoo: Path) -> None:
    history = [(ROLES[i % 2], "I like that movie a lot") for i in range(20)]
    found = last(chat.reply("gpt.dialogue", history, "Why?", max_new_tokens=8))
    assert 0 < found.forgotten < 20
    with pytest.raises(InputError, match="too long for gpt.dialogue"):
        last(chat.reply("gpt.dialogue", (), "I like that movie a lot. " * 20, max_new_tokens=8))


@pytest.mark.parametrize("model", ["gpt.dialogue", "bert.retrieval"])
def test_what_cannot_be_answered_is_refused_in_words(dialogue_zoo: Path, model: str) -> None:
    for message, why in (
        ("", "empty"), (" \n ", "empty"), ("x" * 1001, "1,001 characters"), ("Привет, как дела?", "has learnt English"),
        ("こんにちは", "has learnt English"), ("我們還沒讀過這麼幾個繁體漢字", "never read"), (7, "must be text"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=why):
            last(chat.reply(model, (), message))  # type: ignore[arg-type]
    for history, why in (
        ([("robot", "hi")], "role"), ([("user",)], "pair"), ("no JSON", "JSON"), ([("user", "x")] * 201, "201 turns"),
        (7, "list of pairs"), ([("user", 3)], "must be text"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=why):
            last(chat.reply(model, history, "hello"))  # type: ignore[arg-type]
    wrong = {"temperature": 3, "top_p": 0, "max_new_tokens": 101, "seed": -1, "repetition_penalty": 0.5}
    for name, value in wrong.items():
        with pytest.raises(InputError):
            last(chat.reply(model, (), "hello", **{name: value}))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="learnt no dialogues"):
        last(chat.reply("bert.topic", (), "hello"))


def test_those_that_write_and_those_that_find_are_told_apart_before_anything_is_loaded(
    dialogue_zoo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> None:
        raise AssertionError(f"{folder} was loaded")

    monkeypatch.setattr(library, "opened", refuse)
    assert chat.choices() == ["gpt.dialogue", "bert.retrieval"]
    assert is_chat("gpt.dialogue") and not chat.retrieves("gpt.dialogue") and chat.retrieves("bert.retrieval")


def test_languages_are_told_by_their_letters_and_names_in_english_pass() -> None:
    tokenizer = tiny_dialogues.exchanges().tokenizer
    fine = ("Who directed Pulp Fiction?", "ok", "I like Beyoncé, don't you?", "我喜欢 Taylor Swift 的歌", "2+2=4 :)")
    for text in fine:
        check_language(tokenizer, text, "m")
    for text in ("Alle Menschen sind frei und gleich an Würde", "Ça va?Привет", "안녕하세요", "qzx wvk jjq zzp"):
        with pytest.raises(InputError, match="m has learnt|m has never"):
            check_language(tokenizer, text, "m")
    assert [language_of(text) for text in ("hello", "你好", "")] == ["en", "zh", "en"]


# Replies that are found


def test_the_replies_beside_the_weights_are_what_was_kept_and_polite(dialogue_zoo: Path) -> None:
    found, known = replies.load(dialogue_zoo / "bert.retrieval"), tiny_dialogues.exchanges()
    assert 5 < len(found.texts) <= 200 and set(found.texts) <= set(known.replies) and not any(map(is_rude, found.texts))
    assert len({text.lower() for text in found.texts}) == len(found.texts)
    assert {replies.LANGUAGES[i] for i in found.languages} == {"en", "zh"}
    for text, language in zip(found.texts, found.languages, strict=True):
        assert language_of(text) == replies.LANGUAGES[language] or not any(map(str.isalpha, text))
    network = library.get("bert.retrieval").network
    vectors = replies.vectors_of(network, known.tokenizer, list(found.texts), 1)
    np.testing.assert_allclose(vectors, found.vectors, atol=1e-2)  # they are stored in 8 bits
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_the_nearest_reply_in_the_messages_language_answers_and_is_not_said_twice(dialogue_zoo: Path) -> None:
    found = replies.load(dialogue_zoo / "bert.retrieval")
    network, tokenizer = library.get("bert.retrieval").network, tiny_dialogues.exchanges().tokenizer
    for message in ("What is your favorite movie?", "你喜欢看电影吗？"):
        scores = found.vectors @ replies.vectors_of(network, tokenizer, [message], 0)[0]
        own = np.flatnonzero(found.languages == (language_of(message) == "zh"))
        answer = last(chat.reply("bert.retrieval", (), message))
        assert answer.text == found.texts[own[scores[own].argmax()]]
        assert answer.score == pytest.approx(scores[own].max(), abs=1e-4)
        assert [score for _, score in answer.others] == sorted((score for _, score in answer.others), reverse=True)
        again = last(chat.reply("bert.retrieval", [("user", message), ("bot", answer.text)], message))
        assert again.text == answer.others[0][0]


def test_a_damaged_file_of_replies_is_named(dialogue_zoo: Path, tmp_path: Path) -> None:
    whole = (dialogue_zoo / "bert.retrieval" / REPLIES).read_bytes()
    with pytest.raises(CheckpointError, match="nothing to answer with"):
        replies.load(tmp_path)
    for spoilt in (whole[:-3], b"x" * 40, whole.replace(b'"language"', b'"languages"'[:10])):
        (tmp_path / REPLIES).write_bytes(spoilt)
        if spoilt == whole:
            continue
        with pytest.raises(CheckpointError):
            replies.load(tmp_path)
    tensors = load_file(dialogue_zoo / "bert.retrieval" / REPLIES)
    tensors["vectors" + SCALES][:] = np.nan
    save_file(tensors, tmp_path / REPLIES)
    with pytest.raises(CheckpointError, match="not finite"):
        replies.load(tmp_path)


# Measures


def test_replies_are_measured_beside_those_that_people_gave(chats: Chats) -> None:
    size = chats.tokenizer.get_vocab_size()
    config = registry.entry("gpt").config(vocab_size=size, **{**tiny_dialogues.BODY, "context_length": 128})
    model = tiny_dialogues.shaken(registry.entry("gpt").model(config))
    subject = Subject("gpt", model, "dialogue", chats.tokenizer, sample=True)
    found = {figure.name: figure for figure in chat_replies(subject, chats, 6, lambda: None)}
    assert set(found) == {"distinct-1", "distinct-2", "language kept"}
    for name in ("distinct-1", "distinct-2"):
        assert 0 < found[name].value <= 1 and found[name].floor is not None and 0 < found[name].floor <= 1
    assert found["distinct-2"].value >= found["distinct-1"].value and 0 <= found["language kept"].value <= 1


def test_a_chat_does_not_write_on_from_a_prompt(dialogue_zoo: Path) -> None:
    with pytest.raises(InputError, match="answers messages; use it under Chat"):
        last(write("gpt.dialogue", "Hello"))
