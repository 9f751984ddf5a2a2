"""Compression: a text comes back from its bytes, which are as many as its likelihood says."""

from __future__ import annotations

import gzip
import lzma
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tiny_zoo

from zoo import hub
from zoo.data.text import COMMA, END, FORMS, SPECIAL, STOP
from zoo.data.tokenizer import train_characters, train_subwords
from zoo.generate import compression, library
from zoo.generate.compression import MAX_TEXT, Compressed, compress, decompress, sizes
from zoo.generate.inputs import InputError
from zoo.metrics.compression import COUNTS, Decoder, Encoder, counts_of, gzip_size, unigram_loss, xz_size
from zoo.noise import Noise

LETTERS, PIECES, VERSE = "gpt.shakespeare", "rnn.pieces", "gpt.tang"
TEXT = "To be, or not to be:\nthat is the question. " * 3


@pytest.fixture(scope="module", autouse=True)
def _zoo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Three untrained checkpoints: of letters, of pieces of words, and of verse."""
    folder = tmp_path_factory.mktemp("zoo")
    pieces = train_subwords([tiny_zoo.PROSE, TEXT], 400, (END,))
    tiny_zoo.make(folder, LETTERS, "tiny_shakespeare", tokenizer=train_characters([tiny_zoo.PROSE]))
    tiny_zoo.make(folder, PIECES, "fairy_tales", tokenizer=pieces)
    verse = train_characters([tiny_zoo.VERSE, COMMA + STOP], SPECIAL)
    tiny_zoo.make(folder, VERSE, "tang_poems", tuple(FORMS), verse)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hub, "PRETRAINED", folder)
        library._loaded.clear()
        yield
    library._loaded.clear()


# The coder


@pytest.mark.parametrize("seed", range(4))
def test_what_was_coded_comes_back_and_takes_the_bits_that_its_probabilities_say(seed: int) -> None:
    noise, coder, bits = Noise(seed), Encoder(), 0.0
    table = [np.exp(4 * noise.normal_array(n)).astype(np.float64) for n in (2, 3, 50, 4096, 60_000)]
    steps = []
    for i in range(300):
        shares = table[i % len(table)] / table[i % len(table)].sum()
        token = int(shares.cumsum().searchsorted(noise.uniform_array(1)[0]))
        begins = counts_of(shares)
        assert (np.diff(begins) > 0).all() and begins[-1] <= COUNTS, "every token can be coded"
        coder.add(int(begins[token]), int(begins[token + 1]), int(begins[-1]))
        bits -= math.log2(np.diff(begins)[token] / begins[-1])
        steps.append((begins, token))
    data = coder.finish()
    decoder = Decoder(data)
    assert [decoder.next(begins) for begins, _ in steps] == [token for _, token in steps]
    assert bits <= 8 * len(data) <= bits + 10, "whole bytes, and two bits for the end"


def test_a_certain_token_costs_nothing_and_an_impossible_one_little_more_than_three_bytes() -> None:
    for token, most in ((0, 1), (1, 4 * 24 / 8 + 1)):
        coder = Encoder()
        for _ in range(4):
            begins = counts_of(np.array([1.0, 0.0]))
            coder.add(int(begins[token]), int(begins[token + 1]), int(begins[-1]))
        assert len(coder.finish()) <= most


def test_plain_numbers_stand_among_the_intervals() -> None:
    coder = Encoder()
    begins = counts_of(np.array([0.25, 0.75]))
    for value in (0, 1, 0x10FFFF, 123_456):
        coder.bits(value, 22)
        coder.add(int(begins[1]), int(begins[2]), int(begins[-1]))
    decoder = Decoder(coder.finish())
    for value in (0, 1, 0x10FFFF, 123_456):
        assert decoder.bits(22) == value and decoder.next(begins) == 1


def test_the_compressors_are_those_of_the_command_line() -> None:
    data = TEXT.encode()
    assert len(gzip.decompress(gzip.compress(data, 9, mtime=0))) == len(data)
    assert gzip_size(data) == len(gzip.compress(data, 9, mtime=0))
    assert xz_size(data) == len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
    novel = Noise(0).integers_array(256, 3000).astype(np.uint8).tobytes()
    assert xz_size(novel, novel) < 100 < 3000 < xz_size(novel), "known text costs next to nothing"


def test_a_unigram_is_fitted_with_one_added_to_each_count() -> None:
    known = np.array([0, 0, 0, 1])
    assert unigram_loss(known, np.array([0, 2]), 3) == pytest.approx(-(math.log(4 / 7) + math.log(1 / 7)) / 2)


# With a model


@pytest.mark.parametrize("model", [LETTERS, PIECES])
@pytest.mark.parametrize("text", [TEXT, "x", "\n", "你好 — 🎉 <unk> <eos> <0x41> naïve\tß", "a" * 300])
def test_a_text_comes_back_whatever_the_model_knows_of_its_letters(model: str, text: str) -> None:
    made = compress(model, text)
    assert decompress(model, made.data) == text
    assert made.bits <= 8 * (len(made.data) - 13) + 8
    assert 8 * len(made.data) <= made.bits + 8 * 13 + 10 + 0.01 * made.tokens, (
        "a head of 13 bytes, and the end's two bits"
    )
    assert made.characters == len(text) and made.tokens == len(made.odds)
    shown = "".join(odds.text for odds in made.odds)
    assert shown == (text if model == LETTERS else text.replace(END, "")), "a mark shows no text"


def test_bits_are_those_of_the_odds_and_alternatives_are_the_likeliest() -> None:
    made = compress(PIECES, TEXT)
    assert made.bits == pytest.approx(-sum(math.log2(odds.probability) for odds in made.odds))
    for odds in made.odds:
        shares = [share for _, share in odds.alternatives]
        assert shares == sorted(shares, reverse=True) and len(shares) == compression.ALTERNATIVES
        assert odds.probability <= shares[0] and 0 < sum(shares) <= 1 + 1e-9


def test_a_text_beyond_the_context_comes_back_too() -> None:
    context = library.get(LETTERS).network.config.context_length
    text = TEXT * 3
    assert len(text) > 2 * context
    assert decompress(LETTERS, compress(LETTERS, text).data) == text


def test_a_model_that_knows_the_text_needs_less() -> None:
    """A network that has the text by heart: little more than the head of the file is left."""

    class Knowing:
        def __init__(self, text: str, tokenizer: Any) -> None:
            self.ids, self.size = tokenizer.encode(text).ids, tokenizer.get_vocab_size()
            self.config = library.get(LETTERS).network.config

        def start(self, rows: int) -> int:
            return -1

        def step(self, ids: np.ndarray, state: int) -> tuple[np.ndarray, int]:
            state += ids.shape[1]
            logits = np.zeros((1, self.size), np.float32)
            logits[0, self.ids[state % len(self.ids)]] = 9.0
            return logits, state

    found = library.get(LETTERS)
    text = "To be, or not to be"
    plain = compress(LETTERS, text)
    knowing = type(found)(**{**found.__dict__, "network": Knowing(text, library_tokenizer())})
    made: Compressed = compression._compress(knowing, LETTERS, text)
    assert len(made.data) <= 13 + 2 < len(plain.data)


def library_tokenizer() -> Any:
    from zoo.generate.text import tokenizer_of

    return tokenizer_of(library.get(LETTERS))


def test_sizes_set_compressors_and_models_side_by_side() -> None:
    found = list(sizes(TEXT))
    assert [size.name for size in found] == ["UTF-8", "gzip -9", "xz -9e", LETTERS, PIECES], "verse has no say here"
    assert [size.kind for size in found] == ["as it is", "compressor", "compressor", "model", "model"]
    assert found[0].size == len(TEXT) and found[0].bits_a_character == 8
    for size in found:
        assert size.size and size.bits_a_character == pytest.approx(8 * size.size / len(TEXT))
    assert found[3].size == len(compress(LETTERS, TEXT).data)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: b"PK" + data, "no file that compress"),
        (lambda data: data[:3] + bytes(4) + data[7:], "was not compressed with gpt.shakespeare"),
        (lambda data: data[:11], "cut off"),
        (lambda data: data[:20], "does not give its text back"),
        (lambda data: data[:14] + bytes([data[14] ^ 64]) + data[15:], "does not give its text back"),
        (lambda data: data[:11] + b"\xff\x7f" + bytes(70_000), "no file that compress"),
        (lambda data: "ZC", "no file that compress"),
    ],
)
def test_what_is_no_whole_file_of_this_model_is_refused_in_words(change: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        decompress(LETTERS, change(compress(LETTERS, "To be, or not to be").data))


def test_files_of_one_model_are_not_of_another() -> None:
    with pytest.raises(InputError, match=f"not compressed with {PIECES}"):
        decompress(PIECES, compress(LETTERS, "To be").data)


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "empty"), ("\x00", "empty"), ("a" * (MAX_TEXT + 1), "at most 4,000"), (7, "must be text")],
)
def test_texts_that_cannot_be_packed_are_refused_in_words(text: Any, said: str) -> None:
    for what in (lambda: compress(LETTERS, text), lambda: list(sizes(text))):
        with pytest.raises(InputError, match=said):
            what()


def test_a_model_of_verse_is_not_asked() -> None:
    with pytest.raises(InputError, match="writes poems by form"):
        compress(VERSE, "春夏秋冬")
