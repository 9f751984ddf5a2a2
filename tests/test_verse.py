"""Regulated verse: whatever an untrained model would rather write, the form holds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tiny_zoo import VERSE

from zoo.data.text import COMMA, FORMS, SPECIAL, STOP
from zoo.data.tokenizer import train_characters
from zoo.generate import text
from zoo.generate.verse import allowed_characters, compose_poems, is_han, keeps_form, write_poems


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_characters([VERSE + "abc1！", COMMA + STOP], SPECIAL)


class Stubborn:
    """A "model" that wants one token only, whatever stands before; it notes what it is fed."""

    def __init__(self, vocabulary: int, wanted: int) -> None:
        self.vocabulary, self.wanted, self.fed = vocabulary, wanted, []

    def start(self, rows: int) -> None:
        return None

    def step(self, ids: np.ndarray, state: None) -> tuple[np.ndarray, None]:
        self.fed.append(ids.tolist())
        logits = np.zeros((len(ids), self.vocabulary), np.float32)
        logits[:, self.wanted] = 50.0
        return logits, state


@pytest.mark.parametrize("token", ["<eos>", "<pad>", "<unk>", "<poem>", "五言绝句", COMMA, STOP, "a", "1", "！"])
def test_the_form_holds_against_a_model_that_wants_something_else(tokenizer: Any, token: str) -> None:
    model = Stubborn(tokenizer.get_vocab_size(), tokenizer.token_to_id(token))
    forms = list(FORMS) * 2
    for poem, form in zip(write_poems(model, tokenizer, forms, seed=1), forms, strict=True):
        assert keeps_form(poem, form)


@pytest.mark.parametrize("form", list(FORMS))
def test_the_model_reads_its_poem_with_its_marks_in_their_places(tokenizer: Any, form: str) -> None:
    model = Stubborn(tokenizer.get_vocab_size(), tokenizer.token_to_id("月"))
    (poem,) = write_poems(model, tokenizer, [form])
    fed = [tokenizer.id_to_token(step[0][-1]) for step in model.fed[1:]]
    count, length = FORMS[form]
    expected = "".join(line + (COMMA, STOP)[i % 2] for i, line in enumerate(poem))
    assert "".join(fed) == expected[:-1] and len(expected) == count * (length + 1)


def test_an_acrostic_begins_each_line(tokenizer: Any) -> None:
    model = Stubborn(tokenizer.get_vocab_size(), tokenizer.token_to_id("月"))
    *_, (poem,) = compose_poems(model, tokenizer, ["七言律诗"], acrostic="春夏秋冬")
    assert [line[0] for line in poem[:4]] == list("春夏秋冬") and keeps_form(poem, "七言律诗")


def test_an_acrostic_that_cannot_be_kept_is_refused(tokenizer: Any) -> None:
    model = Stubborn(tokenizer.get_vocab_size(), 0)
    for acrostic, words in (("春a", "'a'"), ("龘", "龘"), ("春夏秋冬春", "5 characters; this form has 4 lines")):
        with pytest.raises(ValueError, match=words):
            next(compose_poems(model, tokenizer, ["五言绝句"], acrostic=acrostic))


def test_a_poem_grows_by_one_character_and_is_the_same_again(tokenizer: Any) -> None:
    model = Stubborn(tokenizer.get_vocab_size(), tokenizer.token_to_id(COMMA))
    lengths = [sum(map(len, poems[0])) for poems in compose_poems(model, tokenizer, ["五言绝句"], seed=3)]
    assert lengths[-1] == 20 and set(np.diff([0, *lengths])) == {0, 1}  # marks add nothing
    assert write_poems(model, tokenizer, ["五言绝句"], seed=3) == write_poems(model, tokenizer, ["五言绝句"], seed=3)
    assert write_poems(model, tokenizer, ["五言绝句"], seed=3) != write_poems(model, tokenizer, ["五言绝句"], seed=4)


def test_only_chinese_characters_are_allowed(tokenizer: Any) -> None:
    allowed = allowed_characters(tokenizer)
    tokens = {tokenizer.id_to_token(int(i)) for i in np.flatnonzero(allowed)}
    assert tokens == set(VERSE)


def test_is_han_knows_characters_from_everything_else() -> None:
    assert all(map(is_han, "一春龘㐀〇𠀀"))
    assert not any(map(is_han, ["", "春夏", "a", "，", "1", "あ", "한", "ｱ", " ", "\u3000", "々"]))


@pytest.mark.parametrize("lines", [["春夏秋冬"] * 4, ["春夏秋冬风"] * 3, ["春夏秋冬a"] * 4, ["春夏秋冬风花"] * 4, []])
def test_a_broken_form_is_noticed(lines: list[str]) -> None:
    assert keeps_form(["春夏秋冬风"] * 4, "五言绝句") and not keeps_form(lines, "五言绝句")


def test_the_forms_of_generate_are_those_of_the_data() -> None:
    assert text.LINES == FORMS and tuple(FORMS) == text.FORMS


def test_a_vocabulary_without_verse_is_no_place_for_an_acrostic() -> None:
    nothing = SimpleNamespace(token_to_id=lambda token: None)
    with pytest.raises(ValueError, match="春"):
        next(compose_poems(None, nothing, ["五言绝句"], acrostic="春"))
