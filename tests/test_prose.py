"""Prose in pieces of words: tokenizers, stories and code as data, writing them, and their figures."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import alone
import numpy as np
import pytest
import tiny_zoo
import torch

from train.recipe import course
from zoo import checkpoint, export, hub
from zoo.data import python_stdlib
from zoo.data.load import load
from zoo.data.python_stdlib import HELD_OUT, LEFT_OUT, TABLES, modules
from zoo.data.source import Table, find, read
from zoo.data.text import END, Prose, documents
from zoo.data.tokenizer import UNKNOWN, extents, is_byte, train_characters, train_subwords
from zoo.generate import library, text
from zoo.generate.inputs import InputError
from zoo.generate.prose import Odds, Spelling, continue_text, continue_tokens, write_texts
from zoo.metrics.compression import xz_size
from zoo.metrics.distinct import distinct, words_of
from zoo.models.text.gpt import GPTConfig
from zoo.verify import QUICK, TRAINING, Subject, measure

STORY = 'The Fox and the Grapes\n\nA fox saw a vine, and the vine was high. "Sour," said the fox; it\'s so.\n'
CODE = "class Fox:\n    def eat(self, grapes):\n        return [grape for grape in grapes]  # 1234567\n\n\n"
ODD = ["", "\n", "  x", "naïve 你好 🎉\u200d\n\n\n\t<0x41> <eos", "a\r\nb", "\x00\x7f", "İ", "e\u0301"]


@pytest.fixture(scope="module")
def pieces() -> Any:
    """A tokenizer of the two texts, with the mark between stories."""
    return train_subwords([STORY * 5, CODE * 5], 420, (END,))


# Tokenizers


@pytest.mark.parametrize("given", [STORY, CODE, *ODD])
def test_any_text_is_encoded_and_comes_back_as_it_was(pieces: Any, given: str) -> None:
    ids = pieces.encode(given).ids
    assert pieces.decode(ids, skip_special_tokens=False) == given
    again = type(pieces).from_str(pieces.to_str())
    assert again.encode(given).ids == ids and again.decode(ids, skip_special_tokens=False) == given


def test_the_same_texts_give_the_same_tokenizer_and_marks_come_first(pieces: Any) -> None:
    again = train_subwords([STORY * 5, CODE * 5], 420, (END,))
    assert again.to_str() == pieces.to_str()
    names = [pieces.id_to_token(i) for i in range(pieces.get_vocab_size())]
    assert len(names) <= 420 and names[0] == END and all(map(is_byte, names[1:257]))
    assert set(names[257:]) >= set(STORY + CODE)


def test_frequent_words_are_one_piece_and_no_piece_reaches_over_words_or_lines(pieces: Any) -> None:
    assert pieces.encode(" the fox").tokens == [" the", " fox"]
    assert pieces.encode("        return").tokens == ["       ", " return"], "an indentation is one piece"
    for token in pieces.get_vocab():
        assert token.strip(" ").count(" ") == 0 and "\n" not in token.rstrip("\n")
        assert not (any(c.isalpha() for c in token) and any(c.isdigit() for c in token)) or is_byte(token)
    assert max(len(token) for token in pieces.encode("1234567").tokens) <= 3


def test_rare_characters_are_bytes_and_too_few_tokens_are_refused() -> None:
    rare = train_subwords(["aa bb aa é"], 300, minimum=2)
    assert rare.token_to_id("a") is not None and rare.token_to_id("é") is None
    assert rare.encode("é").tokens == ["<0xC3>", "<0xA9>"]
    with pytest.raises(ValueError, match="258 tokens are too few for 257 marks and 4 characters"):
        train_subwords(["abc "], 258, (END,))


@pytest.mark.parametrize("given", [STORY, CODE, *ODD])
def test_the_extents_of_a_texts_tokens_are_its_characters_and_bytes(pieces: Any, given: str) -> None:
    ids = pieces.encode(given).ids
    characters, sizes = extents(pieces)
    assert characters[ids].sum() == len(given) and sizes[ids].sum() == len(given.encode())
    assert characters[pieces.token_to_id(END)] == sizes[pieces.token_to_id(END)] == 0


def test_of_a_tokenizer_of_characters_each_token_is_one() -> None:
    letters = train_characters(["aé"], ("<mark>",))
    characters, sizes = extents(letters)
    assert [(characters[i], sizes[i]) for i in map(letters.token_to_id, ("a", "é", UNKNOWN, "<mark>"))] == [
        (1, 1), (1, 2), (1, 1), (0, 0)
    ]  # fmt: skip


# Data


def test_a_story_is_its_title_its_text_and_its_moral_between_marks() -> None:
    config = SimpleNamespace(context_length=64, vocab_size=600)
    data = load("fairy_tales", "train", config, sample=True)
    table = read("fairy_tales", "train", sample=True)
    assert isinstance(data, Prose) and len(data.tokenizer.get_vocab()) == 600
    end = data.tokenizer.token_to_id(END)
    stories = "".join(data.tokenizer.decode(data.ids.tolist(), skip_special_tokens=False)).split(END)
    assert stories[0] == stories[-1] == "" and data.ids[0] == data.ids[-1] == end
    assert stories[1:-1] == documents(table)
    for story, title, body, moral in zip(
        stories[1:], *(table.columns[key] for key in ("title", "text", "moral")), strict=False
    ):
        assert story == f"{title}\n\n{body}" + (f"\n\n{moral}" if moral else "")
    assert any(table.columns["moral"])
    bare = Table(table.info, {"title": ["One", ""], "text": ["a", "b"], "moral": ["", "Be."]}, {}, "")
    assert documents(bare) == ["One\n\na", "b\n\nBe."]


def test_validation_reads_with_the_tokenizer_of_training() -> None:
    config = SimpleNamespace(context_length=64, vocab_size=600)
    train = load("fairy_tales", "train", config, sample=True)
    held = load("fairy_tales", "validation", config, sample=True, tokenizer=train.tokenizer)
    batch = held.batch(np.arange(2))
    assert batch["ids"].shape == (2, 64) and bool((batch["ids"][:, 1:] == batch["targets"][:, :-1]).all())
    assert held.tokenizer is train.tokenizer and not held.moves and train.moves


def test_plays_are_read_in_characters_as_before() -> None:
    data = Prose("tiny_shakespeare", "train", sample=True, context_length=64)
    assert data.tokenizer.token_to_id(END) is None
    written = read("tiny_shakespeare", "train", sample=True).columns["text"][0]
    assert data.tokenizer.decode(data.ids.tolist()) == written


@pytest.fixture
def library_of_python(tmp_path: Path) -> Path:
    """A folder like an interpreter's, of a few modules."""
    files = {
        "os.py": "import stat\n", "heapq.py": "heap = []\n", "glob.py": "# -*- coding: latin-1 -*-\nname = '\xe9'\n",
        "json/decoder.py": "NAN = 0\n", "test/test_os.py": "assert 0\n", "json/tests/a.py": "1\n",
        "json/heapq.py": "2\n",
        "html/entities.py": "3\n", "_sysconfigdata_x.py": "4\n", "config-3/x.py": "5\n", "site-packages/p/q.py": "6\n",
    }  # fmt: skip
    for name, content in files.items():
        path = tmp_path / "lib" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode("latin-1"))
    return tmp_path / "lib"


def test_modules_go_into_their_split_and_tests_tables_and_packages_into_none(library_of_python: Path) -> None:
    found = {split: modules(split, library_of_python) for split in ("train", "validation", "test")}
    paths = {split: columns["path"] for split, (columns, _) in found.items()}
    assert paths == {
        "train": ["json/decoder.py", "json/heapq.py", "os.py"],
        "validation": ["glob.py"],
        "test": ["heapq.py"],
    }
    assert found["validation"][0]["text"] == ["# -*- coding: latin-1 -*-\nname = 'é'\n"]
    assert len({fingerprint for _, fingerprint in found.values()}) == 3
    version = ".".join(map(str, sys.version_info[:3]))
    assert all(f"-{version}-" in fingerprint for _, fingerprint in found.values())
    before = found["train"][1]
    (library_of_python / "os.py").write_text("import stat \n")
    assert modules("train", library_of_python)[1] != before


def test_this_interpreter_has_the_library_and_nothing_of_the_held_out_modules_is_learnt() -> None:
    train, _ = modules("train")
    assert len(train["path"]) > 300 and sum(map(len, train["text"])) > 5_000_000
    held = {path for paths in HELD_OUT.values() for path in paths}
    assert not held & set(train["path"]) and not TABLES & set(train["path"])
    assert not any(LEFT_OUT & set(path.split("/")[:-1]) for path in train["path"])
    for split, paths in HELD_OUT.items():
        columns, _ = modules(split)
        assert columns["path"] == sorted(paths), "each is there in this version"
        assert 80_000 < sum(map(len, columns["text"])) < 130_000


def test_the_test_split_ships_whole_and_the_rest_is_the_interpreters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library_of_python: Path
) -> None:
    for root in (None, tmp_path):
        monkeypatch.delenv("ZOO_DATA", raising=False)
        if root:
            monkeypatch.setenv("ZOO_DATA", str(root))
        table = read("python_stdlib", "test")
        assert table.columns["path"] == sorted(HELD_OUT["test"])
        assert table.fingerprint == checkpoint.sha256_of(find("python_stdlib", "test", sample=True))
    monkeypatch.setattr(python_stdlib.sysconfig, "get_path", lambda name: str(library_of_python))
    assert read("python_stdlib", "train").columns["path"] == ["json/decoder.py", "json/heapq.py", "os.py"]
    monkeypatch.setattr(python_stdlib.sysconfig, "get_path", lambda name: str(tmp_path / "empty"))
    with pytest.raises(OSError, match="holds no modules of Python's standard library for the split 'train'"):
        read("python_stdlib", "train")


def test_a_folder_that_was_written_is_read_in_place_of_the_interpreters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library_of_python: Path
) -> None:
    python_stdlib.write(tmp_path / "python_stdlib", library_of_python)
    monkeypatch.setenv("ZOO_DATA", str(tmp_path))
    for split, paths in (("train", ["json/decoder.py", "json/heapq.py", "os.py"]), ("test", ["heapq.py"])):
        table = read("python_stdlib", split)
        assert table.columns["path"] == paths
        assert table.fingerprint == checkpoint.sha256_of(find("python_stdlib", split))
    with pytest.raises(OSError, match="holds something already"):
        python_stdlib.write(tmp_path / "python_stdlib", library_of_python)


def test_the_samples_of_code_come_with_their_licence() -> None:
    folder = find("python_stdlib", "test", sample=True).parent.parent
    assert "PSF LICENSE AGREEMENT FOR PYTHON" in (folder / "LICENSE.txt").read_text().upper().replace(
        "PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2", "PSF LICENSE AGREEMENT FOR PYTHON"
    )
    assert not set(read("python_stdlib", "train", sample=True).columns["path"]) & set(HELD_OUT["test"])


# Writing


class Given:
    """A "model" that gives its tokens in turn, with logits 5 against 0, and notes what it is fed."""

    def __init__(self, ids: list[int], vocabulary: int, context_length: int = 100) -> None:
        self.ids, self.vocabulary, self.fed = ids, vocabulary, []
        self.config, self.given = SimpleNamespace(context_length=context_length), 0

    def start(self, rows: int) -> None:
        return None

    def step(self, ids: np.ndarray, state: None) -> tuple[np.ndarray, None]:
        self.fed.append(ids[0].tolist())
        logits = np.zeros((len(ids), self.vocabulary), np.float32)
        logits[:, self.ids[self.given % len(self.ids)]] = 50.0
        self.given += 1
        return logits, state


def test_a_character_is_shown_when_it_is_whole(pieces: Any) -> None:
    ids = pieces.encode("a 你é🎉b").ids
    spelling = Spelling(pieces)
    shown = [spelling.add(token) for token in ids]
    assert "".join(shown) == "a 你é🎉b"
    assert [piece for piece in shown if piece] == ["a", " ", "你", "é", "🎉", "b"] and "" in shown
    network = Given(ids, pieces.get_vocab_size())
    assert list(continue_text(network, pieces, "x", count=len(ids))) == shown
    odds = list(continue_tokens(Given(ids, pieces.get_vocab_size()), pieces, "x", count=len(ids)))
    assert [token.text for token in odds] == shown
    assert odds[2].alternatives[0][0] == "<0xE4>", "a byte has no text, so it is named"


def test_bytes_that_are_no_character_do_not_hold_up_what_follows(pieces: Any) -> None:
    spelling = Spelling(pieces)
    bad = pieces.token_to_id("<0x80>")
    shown = "".join(spelling.add(token) for token in [bad] * 5 + pieces.encode(" the fox").ids)
    assert shown.endswith(" the fox") and set(shown.removesuffix(" the fox")) == {"\ufffd"}
    assert spelling.add(pieces.token_to_id("<0xE4>")) == "", "what is not whole at the end is left out"


def test_a_story_begins_after_the_mark_and_writing_stops_where_it_ends(pieces: Any) -> None:
    end, story = pieces.token_to_id(END), pieces.encode("The fox").ids
    network = Given([*story, end, *story], pieces.get_vocab_size())
    assert "".join(continue_text(network, pieces, "", count=50)) == "The fox"
    assert network.fed[0] == [end]
    network = Given([*story, end], pieces.get_vocab_size())
    list(continue_text(network, pieces, "A vine", count=3))
    assert network.fed[0] == [end, *pieces.encode("A vine").ids]


def test_something_is_written_even_where_the_model_would_rather_end(pieces: Any) -> None:
    end = pieces.token_to_id(END)
    assert len(list(continue_text(Given([end], pieces.get_vocab_size()), pieces, "", count=5))) == 1


def test_beyond_its_context_the_model_goes_on_from_the_last_half(pieces: Any) -> None:
    token = pieces.token_to_id(" fox")
    network = Given([token], pieces.get_vocab_size(), context_length=8)
    assert "".join(continue_text(network, pieces, "the", count=12)) == " fox" * 12
    assert [len(ids) for ids in network.fed] == [1 + len(pieces.encode("the").ids), 1, 1, 1, 1, 1, 4, 1, 1, 1, 1, 4]
    assert network.fed[6] == network.fed[11] == [token] * 4


@pytest.mark.parametrize("penalty", [1.0, 1.5])
def test_odds_are_the_models_own_and_leave_the_tokens_as_they_are(pieces: Any, penalty: float) -> None:
    class Steady(Given):
        def step(self, ids: np.ndarray, state: None) -> tuple[np.ndarray, None]:
            return 2 * np.sin(np.arange(self.vocabulary) * (1 + ids[0, -1]))[None].astype(np.float32), state

    size = pieces.get_vocab_size()
    options = {"count": 30, "seed": 3, "temperature": 0.7, "top_k": 40, "repetition_penalty": penalty}
    plain = list(continue_text(Steady([0], size), pieces, "a", **options))
    odds = list(continue_tokens(Steady([0], size), pieces, "a", **options, alternatives=3))
    assert [token.text for token in odds] == plain and len(set(plain)) > 5
    last = pieces.encode("a").ids[-1]
    for token in odds[:1]:
        logits = 2 * np.sin(np.arange(size) * (1 + last)).astype(np.float32)
        logits[pieces.token_to_id(END)] = -np.inf
        shares = np.exp(logits.astype(np.float64)) / np.exp(logits.astype(np.float64)).sum()
        assert min(abs(shares - token.probability)) < 1e-9
        assert [share for _, share in token.alternatives] == pytest.approx(sorted(shares)[:-4:-1])
    assert all(len(token.alternatives) == 3 for token in odds)


def test_texts_are_written_side_by_side_and_marks_between_them_show_as_empty_lines(pieces: Any) -> None:
    end, story = pieces.token_to_id(END), pieces.encode("The fox").ids
    written = write_texts(Given([*story, end, *story], pieces.get_vocab_size()), pieces, 3, count=2 * len(story) + 1)
    assert written == ["The fox\n\nThe fox"] * 3


# A checkpoint


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory, pieces: Any) -> Iterator[Path]:
    """An untrained GPT over pieces of words among the bundled checkpoints."""
    folder = tmp_path_factory.mktemp("stories")
    made = tiny_zoo.make(folder, "gpt.stories", "fairy_tales", tokenizer=pieces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hub, "PRETRAINED", folder)
        library._loaded.clear()
        yield made
    library._loaded.clear()


def test_a_story_is_written_in_whole_characters_and_the_same_again(stories: Path) -> None:
    *some, last = text.write("gpt.stories", "The Fox", max_new_tokens=120, seed=4, temperature=1.0)
    again = [*text.write("gpt.stories", "The Fox", max_new_tokens=last.tokens, seed=4, temperature=1.0)][-1]
    assert last.text.startswith("The Fox") and again.text == last.text and last.source.record == again.source.record
    assert all(last.text.startswith(writing.text) for writing in some)


def test_the_odds_of_what_is_written_come_with_it(stories: Path) -> None:
    options = {"max_new_tokens": 60, "seed": 2}
    plain = [*text.write("gpt.stories", "A fox", **options)][-1]
    shown = [*text.write_with_odds("gpt.stories", "A fox", alternatives=4, **options)][-1]
    assert shown.text == plain.text and shown.source.record == plain.source.record and plain.odds == ()
    assert len(shown.odds) == shown.tokens == plain.tokens
    assert shown.text == "A fox" + "".join(odds.text for odds in shown.odds)
    assert all(isinstance(odds, Odds) and 0 < odds.probability <= 1 for odds in shown.odds)
    for wrong in (0, 21, 1.5):
        with pytest.raises(InputError, match="the number of alternatives"):
            text.write_with_odds("gpt.stories", alternatives=wrong)


def test_letters_that_no_story_had_are_refused_and_typography_becomes_what_the_story_had(stories: Path) -> None:
    with pytest.raises(InputError, match="has never read 你 好 and cannot go on from there"):
        list(text.write("gpt.stories", "The 你好"))
    last = [*text.write("gpt.stories", "“Sour,” it’s", max_new_tokens=1)][-1]
    assert last.prompt == '"Sour," it\'s'


OPEN = """
import json, sys
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline, set_seed
model, loading = AutoModelForCausalLM.from_pretrained("native", output_loading_info=True)
tokenizer = AutoTokenizer.from_pretrained("native")
prompts = json.loads(sys.argv[1])
ids = [tokenizer(prompt).input_ids for prompt in prompts]
with torch.no_grad():
    logits = [model(torch.tensor([row])).logits[0].tolist() for row in ids]
    padded = tokenizer(prompts[:2], return_tensors="pt", padding=True, padding_side="left")
    beside = model.generate(**padded, max_new_tokens=4, do_sample=False)[:, -4:].tolist()
    lone = [model.generate(torch.tensor([row]), max_new_tokens=4, do_sample=False)[0, -4:].tolist() for row in ids[:2]]
    set_seed(0)
    begun = model.generate()[0].tolist()
write = pipeline("text-generation", "native")
print(json.dumps({
    "ids": ids, "logits": logits, "beside": beside, "lone": lone, "begun": begun,
    "special": tokenizer.special_tokens_map,
    "decoded": [tokenizer.decode(row) for row in ids], "loading": {k: len(v) for k, v in loading.items()},
    "whole": write(prompts[0])[0]["generated_text"],
}))
"""


def test_transformers_alone_opens_a_gpt_of_pieces_with_its_tokenizer(
    stories: Path, tmp_path: Path, pieces: Any
) -> None:
    export.export(stories, "transformers", tmp_path / "native")
    prompts = ["The fox saw a vine", 'it\'s  "so".\n\n    return', "naïve 你好", "<eos>The Fox"]
    there = json.loads(alone.run(OPEN, tmp_path, json.dumps(prompts)).splitlines()[-1])
    assert there["ids"] == [pieces.encode(prompt).ids for prompt in prompts]
    assert there["decoded"] == prompts and not any(there["loading"].values())
    model = checkpoint.load(stories).model
    for ids, logits in zip(there["ids"], there["logits"], strict=True):
        given = model(torch.tensor([ids]))[0]
        assert (given - torch.tensor(logits)).abs().max() / given.abs().max().clamp_min(1) < 1e-5
    end = pieces.token_to_id(END)
    assert there["special"] == {"bos_token": END, "eos_token": END, "pad_token": END}
    assert there["begun"][0] == end and (len(there["begun"]) == 96 or there["begun"][-1] == end)
    assert there["beside"] == there["lone"] and there["whole"].startswith(prompts[0])


# Figures


class Uniform(torch.nn.Module):
    """The same probability for every token, whatever stands before."""

    def __init__(self, size: int, config: GPTConfig) -> None:
        super().__init__()
        self.size, self.config, self.nothing = size, config, torch.nn.Parameter(torch.zeros(1))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return torch.zeros(*ids.shape, self.size)

    def start(self, rows: int) -> list[Any]:
        return []

    def step(self, ids: torch.Tensor, state: list[Any]) -> tuple[torch.Tensor, list[Any]]:
        return self(ids), state

    def parts(self) -> tuple[Any, ...]:
        return ()


@pytest.mark.parametrize("dataset", ["tiny_shakespeare", "fairy_tales"])
def test_bits_a_character_are_of_characters_whatever_a_token_is(dataset: str) -> None:
    config = GPTConfig(context_length=64, vocab_size=500)
    train = load(dataset, "train", config, sample=True)
    size = train.tokenizer.get_vocab_size()
    data = load(dataset, "test", config, sample=True, tokenizer=train.tokenizer)
    subject = Subject("gpt", Uniform(size, config), dataset, train.tokenizer, sample=True)
    found = {figure.name: figure for figure in measure(subject, data, QUICK)}
    count = min(len(data), 100) * 64
    written = train.tokenizer.decode(data.ids[1 : count + 1].tolist())
    assert found["loss"].value == pytest.approx(math.log(size), rel=1e-6) and found["loss"].samples == count
    assert found["perplexity"].value == pytest.approx(size, rel=1e-5)
    assert found["bits a character"].value == pytest.approx(count * math.log2(size) / len(written), rel=1e-6)
    assert found["bits a byte"].value == pytest.approx(count * math.log2(size) / len(written.encode()), rel=1e-6)
    unit = "character" if dataset == "tiny_shakespeare" else "token"
    assert found["loss"].unit == f"nats a {unit}" and f"64 {unit}s" in found["loss"].note
    floor = found["loss"].floor
    assert floor is not None and 0 < floor < math.log(size), "frequencies know more than nothing"
    whole, known = (train.tokenizer.decode(part.ids.tolist()) for part in (data, train))
    assert found["bits a character"].floor == pytest.approx(8 * xz_size(whole.encode(), known.encode()) / len(whole))
    for n in (1, 2, 3):
        figure = found[f"distinct-{n}"]
        assert 0 < figure.value <= 1 and figure.floor is not None and 0 < figure.floor <= 1
    assert found["distinct-1"].floor < found["distinct-2"].floor <= found["distinct-3"].floor
    plain = {figure.name for figure in measure(subject, data, TRAINING)}
    assert plain == {"loss", "perplexity", "bits a character", "bits a byte"}, "no floors and no samples between steps"


def test_distinct_runs_are_counted_within_passages() -> None:
    passages = [words_of("a b a b"), words_of("b a")]
    assert passages == [["a", "b", "a", "b"], ["b", "a"]]
    assert distinct(passages, 1) == 2 / 6
    assert distinct(passages, 2) == 2 / 4
    assert distinct(passages, 3) == 2 / 2
    assert distinct(passages, 5) == 0.0
    assert words_of("Don't, 你好x1 _y") == ["Don", "'", "t", ",", "你", "好", "x1", "_y"]


# Recipes


@pytest.mark.parametrize(("preset", "dataset"), [("stories", "fairy_tales"), ("code", "python_stdlib")])
def test_presets_of_pieces_have_three_to_six_million_parameters_and_a_sample_to_train_on(
    preset: str, dataset: str
) -> None:
    recipe = course("gpt").presets[preset]
    assert recipe.dataset == dataset and recipe.config.vocab_size in (2048, 4096)
    with torch.device("meta"):
        model = course("gpt").build(recipe, SimpleNamespace(tokenizer=SimpleNamespace(get_vocab_size=lambda: 4096)))
    assert 3e6 < checkpoint.count_parameters(model) < 6e6
    data = load(dataset, "train", recipe.config, sample=True)
    assert 1000 < data.tokenizer.get_vocab_size() <= recipe.config.vocab_size and len(data) > 5


def test_the_builder_of_code_is_a_command() -> None:
    done = subprocess.run([sys.executable, "-m", "zoo.data.python_stdlib"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr == "python -m zoo.data.python_stdlib FOLDER\n"
