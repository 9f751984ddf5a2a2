"""Pairs of sequences: their data and tokenizers, the figures, and translating and pronouncing as a visitor does."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_zoo
import torch
from torchaudio.functional import edit_distance as oracle

from train.recipe import course
from zoo import hub, registry, verify
from zoo.data import sequences
from zoo.data.load import load
from zoo.data.sequences import (
    EXAMPLES,
    LETTERS,
    PHONEMES,
    PRONOUNCING,
    TRANSLATING,
    Pair,
    Sequences,
    as_source,
    as_target,
    spelling,
    tidy,
    train_sentences,
)
from zoo.data.source import INFOS, read
from zoo.engine.modules import Modules
from zoo.entry import IGNORED, TRANSLATION
from zoo.generate import library, translation
from zoo.generate.inputs import InputError
from zoo.generate.translation import ipa, pronounce, sentences_of, translate, translated
from zoo.metrics.edit_distance import edit_distance, error_rates
from zoo.metrics.word_table import word_table
from zoo.noise import Noise
from zoo.verify.sequences import bleu, chrf, letter_by_letter, references_of, word_by_word

CONFIG = registry.entry("seq2seq").tiny
WIDE = replace(CONFIG, context_length=64)


@pytest.fixture(scope="module")
def sentences() -> Sequences:
    return load("tatoeba_en_zh", "train", WIDE, sample=True)  # type: ignore[return-value]


@pytest.fixture(scope="module")
def words() -> Sequences:
    return load("cmudict", "train", CONFIG, sample=True)  # type: ignore[return-value]


# Texts and their tokens


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("“Don’t  go” — he said…", "en", "\"Don't go\" - he said..."),
        ("你喜欢吗 ?", "zh", "你喜欢吗？"),
        ("他是一个 DJ 。", "zh", "他是一个DJ。"),
        ("「Good morning」,他说.", "zh", "“Good morning”，他说。"),
        ("有1,000只\u200b狗!", "zh", "有1,000只狗！"),
        ("K AE1 T", "arpabet", "K AE1 T"),
    ],
)  # fmt: skip
def test_a_tidy_text_is_written_in_one_way_and_stays_so(text: str, language: str, expected: str) -> None:
    assert tidy(text, language) == expected == tidy(expected, language)


def test_sources_are_in_small_letters_after_their_direction_and_targets_as_they_are() -> None:
    assert as_source("I saw Tom.", "en-zh") == "<zh> i saw tom." and as_target("我见过Tom 。", "en-zh") == "我见过Tom。"
    assert as_source("我见过Tom。", "zh-en") == "<en>我见过tom。" and as_target("I saw Tom.", "zh-en") == " I saw Tom."
    assert as_source("O'Clock", PRONOUNCING) == "o'clock"


def test_a_sentence_is_made_of_chinese_characters_and_pieces_of_english_words(sentences: Sequences) -> None:
    tokenizer = sentences.tokenizer
    for pair in sentences.pairs:
        tokens = tokenizer.encode(as_source(pair.source, pair.direction)).tokens
        assert tokens[0] == f"<{pair.direction[3:]}>" and tokens[-1] == "<eos>"
        for token in tokens[1:-1]:
            assert " " not in token[1:], "no token holds more than a word"
            assert len(token) == 1 or not any("\u4e00" <= c <= "\u9fff" for c in token), "characters stand alone"
    common = [f" {word}" for word in ("the", "you", "tom", "I", "to", "is")]
    assert all(tokenizer.token_to_id(word) is not None for word in common)


def test_what_has_no_unknown_character_comes_back_from_its_tokens(sentences: Sequences, words: Sequences) -> None:
    whole = 0
    for data in (sentences, words):
        unknown = data.tokenizer.token_to_id("<unk>")
        for pair, ids in zip(data.pairs, data.targets, strict=True):
            if unknown not in ids:
                assert data.tokenizer.decode(ids) == tidy(pair.target, pair.direction.split("-")[1])
                whole += 1
    assert whole > 0.9 * (len(sentences) + len(words))


def test_a_tokenizer_is_the_same_each_time_it_is_made(sentences: Sequences) -> None:
    assert train_sentences(sentences.pairs).to_str() == sentences.tokenizer.to_str()
    assert train_sentences(sentences.pairs, 900).get_vocab_size() == 900


def test_every_letter_and_phoneme_of_the_dictionary_has_its_token(words: Sequences) -> None:
    assert spelling().get_vocab_size() == 3 + len(LETTERS) + len(PHONEMES) == CONFIG.vocab_size
    unknown = words.tokenizer.token_to_id("<unk>")
    assert not any(unknown in ids for ids in (*words.sources, *words.targets))
    assert {p for pair in words.pairs for p in pair.target.split()} <= set(PHONEMES)
    assert words.tokenizer.encode("cat").tokens == ["c", "a", "t", "<eos>"]
    assert words.tokenizer.encode("K AE1 T").tokens == ["K", "AE1", "T", "<eos>"]


def test_a_tokenizer_says_what_its_model_does_and_what_no_target_has(sentences: Sequences, words: Sequences) -> None:
    assert sequences.directions_of(sentences.tokenizer) == sentences.labels == TRANSLATING
    assert sequences.directions_of(words.tokenizer) == words.labels == (PRONOUNCING,)
    for data in (sentences, words):
        never = set(sequences.never_written(data.tokenizer))
        unknown = data.tokenizer.token_to_id("<unk>")
        assert unknown in never and not any(never - {unknown} & set(ids) for ids in data.targets)
    assert {words.tokenizer.token_to_id(letter) for letter in LETTERS} <= set(sequences.never_written(words.tokenizer))


# Batches


def test_a_decoder_is_given_what_stands_before_each_target(sentences: Sequences) -> None:
    rows = np.array([0, 1, 500, 1001])
    batch = sentences.batch(rows)
    end = sentences.tokenizer.token_to_id("<eos>")
    for i, row in enumerate(rows):
        wanted = [token for token in batch["targets"][i].tolist() if token != IGNORED]
        assert wanted == sentences.targets[row] and wanted[-1] == end
        assert batch["ids"][i, : len(wanted)].tolist() == [end, *wanted[:-1]]
        assert batch["source"][i][batch["mask"][i].bool()].tolist() == sentences.sources[row]
        assert batch["mask"][i].sum() == len(sentences.sources[row])
    assert all(value.dtype == torch.int64 and value.shape[1] % 4 == 0 for value in batch.values())
    assert all(torch.equal(value, sentences.batch(rows, epoch=3)[key]) for key, value in batch.items())


def test_sentences_go_both_ways_and_words_keep_every_pronunciation(sentences: Sequences, words: Sequences) -> None:
    table = read("tatoeba_en_zh", "train", sample=True)
    assert len(sentences) == 2 * len(table.columns["en"]) == len(sentences.lengths)
    for there, back in zip(sentences.pairs[::2], sentences.pairs[1::2], strict=True):
        assert (there.direction, back.direction) == TRANSLATING and there == Pair("en-zh", back.target, back.source)
    assert len(words) == len(read("cmudict", "train", sample=True).columns["word"])


def test_a_sequence_that_the_model_cannot_see_whole_is_an_error() -> None:
    with pytest.raises(ValueError, match="a sequence of 16 tokens; this model sees at most 15"):
        Sequences(
            INFOS["cmudict"], "", spelling(), [Pair(PRONOUNCING, "fifteen-letters", "F IH2 F")], context_length=15
        )


@pytest.mark.slow  # it wants the full data, which ZOO_DATA names
def test_the_examples_of_sheets_are_rows_of_the_validation_splits() -> None:
    table = read("tatoeba_en_zh", "validation").columns
    assert EXAMPLES["en-zh"] == tuple(zip(table["en"][50::64], table["zh"][50::64], strict=True))
    table = read("cmudict", "validation").columns
    spoken = [" ".join(phonemes) for phonemes in table["phonemes"]]
    assert EXAMPLES[PRONOUNCING] == tuple(zip(table["word"][100::206], spoken[100::206], strict=True))


# Figures


def test_the_edit_distance_is_torchaudios() -> None:
    noise = Noise(4)
    for size in range(8):
        for _ in range(6):
            one, other = (["abcd"[i] for i in noise.integers_array(4, n)] for n in (size, 1 + size * 3 % 7))
            assert edit_distance(one, other) == edit_distance(other, one) == oracle(one, other)
    assert edit_distance("kitten", "sitting") == 3 and edit_distance("", "abc") == 3


def test_a_word_is_right_when_any_of_its_pronunciations_is_met() -> None:
    read_, cat = [["R", "IY", "D"], ["R", "EH", "D"]], ["K", "AE", "T"]
    known = [read_, [cat], [["AH"], ["EY"]]]
    assert error_rates([read_[1], cat, ["EY"]], known) == (0.0, 0.0)
    phonemes, wrong = error_rates([["R", "EH"], [*cat, "S"], ["EY"]], known)
    assert wrong == 2 / 3 and phonemes == 2 / (3 + 3 + 1)
    for given, wanted in (([], []), ([["K"]], [[]]), ([["K"]], known)):
        with pytest.raises(ValueError, match="each word needs one"):
            error_rates(given, wanted)


def plain_table(pairs: list[tuple[list[str], list[str]]], rounds: int) -> dict[str, dict[str, float]]:
    """IBM model 1 as a textbook writes it, word by word."""
    targets = {word for _, target in pairs for word in target}
    chance: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(targets, 1 / len(targets)))
    for _ in range(rounds):
        counts: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for source, target in pairs:
            for made in target:
                total = sum(chance[given][made] for given in ["", *source])
                for given in ["", *source]:
                    counts[given][made] += chance[given][made] / total
        for given, row in counts.items():
            total = sum(row.values())
            chance[given] = defaultdict(float, {made: count / total for made, count in row.items()})
    return chance


def test_the_table_of_words_is_the_textbooks(sentences: Sequences) -> None:
    chosen = [pair for pair in sentences.pairs[:240] if pair.direction == "en-zh"]
    pairs = [(pair.source.lower().split(), list(pair.target)) for pair in chosen]
    table, expected = word_table(pairs, 4), plain_table(pairs, 4)
    assert table.keys() == expected.keys() - {""}
    for word, made in table.items():
        assert expected[word][made] == pytest.approx(max(expected[word].values()), rel=1e-9)


def test_the_table_learns_which_word_is_which() -> None:
    pairs = [("das haus", "the house"), ("das buch", "the book"), ("ein buch", "a book"), ("ein haus", "a house")]
    table = word_table([(source.split(), target.split()) for source, target in pairs], 20)
    assert table == {"das": "the", "haus": "house", "buch": "book", "ein": "a"}
    with pytest.raises(ValueError, match="at least one pair"):
        word_table([])


def test_simple_translators_beat_a_copy_and_not_much_more(sentences: Sequences, words: Sequences) -> None:
    """On the very pairs that the tables were made of."""
    for direction in TRANSLATING:
        pairs = [pair for pair in sentences.pairs if pair.direction == direction]
        asked = references_of(pairs, direction)
        table, language = word_by_word(pairs, direction), direction[3:]
        made = [table(source) for source in asked]
        copied = bleu(list(asked), list(asked.values()), language)
        assert copied < 1 < bleu(made, list(asked.values()), language) < 40
    asked = references_of(words.pairs, PRONOUNCING)
    known = [[text.split() for text in row] for row in asked.values()]
    letters = letter_by_letter(words.pairs)
    phonemes, wrong = error_rates([letters(word) for word in asked], known)
    assert 0.2 < phonemes < 0.8 and wrong > 0.8


def test_bleu_and_chrf_are_100_for_any_of_the_references_and_0_for_nothing_alike() -> None:
    references = [["我喜欢读书。", "我爱看书。"], ["他明天会来北京。"]]
    assert bleu(["我爱看书。", "他明天会来北京。"], references, "zh") == pytest.approx(100)
    assert chrf(["我爱看书。", "他明天会来北京。"], references, "zh") == pytest.approx(100)
    assert bleu(["I like books.", "He comes."], references, "zh") < 5
    halves = bleu(["我爱看书。", "他昨天去了北京。"], references, "zh")
    assert 20 < halves < 80, "of Chinese characters, not of whole sentences"
    assert bleu(["He reads a book today."], [["He reads a book today."]], "en") == pytest.approx(100)


def test_without_sacrebleu_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    with pytest.raises(ValueError, match="pip install sacrebleu"):
        bleu(["a"], [["a"]], "en")


class Reference:
    """A network of one's own that knows every answer: it stands where a model's own stands."""

    def __init__(self, data: Sequences) -> None:
        self.answers = {(pair.direction, pair.source): pair.target for pair in data.pairs}

    def __call__(self, network: Any, tokenizer: Any, texts: list[str], direction: str, *, beams: int) -> list[str]:
        return [self.answers[direction, text] for text in texts]


def subject(name: str, dataset: str, data: Sequences) -> verify.Subject:
    recipe = replace(course("seq2seq").presets["tiny"], dataset=dataset)
    torch.manual_seed(0)
    model = course("seq2seq").build(replace(recipe, config=replace(CONFIG, context_length=64)), data).eval()
    return verify.Subject("seq2seq", model, dataset, data.tokenizer, sample=True)


def test_translations_are_measured_on_sources_that_training_has_not_and_a_perfect_one_has_100(
    monkeypatch: pytest.MonkeyPatch, sentences: Sequences
) -> None:
    test: Any = load("tatoeba_en_zh", "test", WIDE, sample=True, tokenizer=sentences.tokenizer)
    met = [pair for pair in sentences.pairs if pair.direction == "zh-en"][:7]
    data = Sequences(test.info, "", sentences.tokenizer, [*test.pairs, *met], context_length=64)
    monkeypatch.setattr(translation, "translated", Reference(data))
    measured = subject("seq2seq", "tatoeba_en_zh", sentences)
    figures = {figure.name: figure for figure in verify.measure(measured, data, replace(verify.QUICK, rows=None))}
    assert [*figures][:2] == ["BLEU en-zh", "chrF en-zh"]
    for direction in TRANSLATING:
        asked = references_of(data.pairs, direction)
        known = {pair.source for pair in sentences.pairs}
        bleu_, chrf_ = figures[f"BLEU {direction}"], figures[f"chrF {direction}"]
        assert bleu_.samples == chrf_.samples == len(asked.keys() - known) < len(asked) + (direction == "en-zh")
        assert bleu_.value == pytest.approx(100) and chrf_.value == pytest.approx(100)
        assert bleu_.floor is not None and 0 <= bleu_.floor < 20 and "word by word from a table" in bleu_.note
    assert "without 7 that are in the training split" in figures["BLEU zh-en"].note


def test_pronunciations_are_measured_without_stress_and_with_it(
    monkeypatch: pytest.MonkeyPatch, words: Sequences
) -> None:
    data: Any = load("cmudict", "test", CONFIG, sample=True)
    perfect = Reference(data)
    monkeypatch.setattr(translation, "translated", perfect)
    measured = subject("seq2seq", "cmudict", words)
    names = (
        "word error rate without stress",
        "phoneme error rate without stress",
        "word error rate",
        "phoneme error rate",
    )
    found = verify.measure(measured, data, verify.QUICK)
    assert [figure.name for figure in found[:4]] == [*names]
    assert [figure.value for figure in found[:4]] == [0, 0, 0, 0]
    assert all(figure.floor is not None and figure.floor > 0.2 for figure in found[:4])
    perfect.answers = {key: text.replace("1", "0") for key, text in perfect.answers.items()}
    shifted = {figure.name: figure.value for figure in verify.measure(measured, data, verify.QUICK)}
    assert shifted[names[0]] == shifted[names[1]] == 0 and shifted[names[2]] > 0.9 > shifted[names[3]] > 0.1


def test_the_likelihood_is_that_of_the_references(words: Sequences) -> None:
    measured = subject("seq2seq", "cmudict", words)
    data: Any = load("cmudict", "validation", CONFIG, sample=True)
    figures = {figure.name: figure for figure in verify.measure(measured, data, replace(verify.TRAINING, rows=30))}
    with torch.no_grad():
        rows = np.linspace(0, len(data) - 1, 30).round().astype(int)  # evenly, for a split is in alphabetical order
        loss = measured.model.loss(data.batch(rows), Noise(0))
    assert figures["perplexity"].value == pytest.approx(float(loss["loss"].exp()), rel=1e-4)
    assert figures["perplexity"].samples == figures["token accuracy"].samples == int(loss["items"])
    assert 0 <= figures["token accuracy"].value <= 1


# As a visitor does


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, sentences: Sequences) -> Path:
    folder = tmp_path_factory.mktemp("pretrained")
    tiny_zoo.make(folder, "seq2seq.en-zh", "tatoeba_en_zh", TRANSLATING, sentences.tokenizer)
    tiny_zoo.make(folder, "seq2seq.g2p", "cmudict", (PRONOUNCING,), spelling())
    return folder


@pytest.fixture
def zoo(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two untrained checkpoints in place of the bundled ones."""
    monkeypatch.setattr(hub, "PRETRAINED", made)
    monkeypatch.delenv("ZOO_NAMESPACE", raising=False)
    library._loaded.clear()
    library._added.clear()


@pytest.mark.usefixtures("zoo")
def test_a_translation_says_what_was_read_and_how_likely_each_token_is() -> None:
    found = translate("seq2seq.en-zh", "Tom is happy. I want to go ", beams=3)
    assert found.direction == "en-zh" and [one.read for one in found.sentences] == ["Tom is happy.", "I want to go."]
    assert found.text == "".join(one.text for one in found.sentences)
    for one in found.sentences:
        assert "".join(token.text for token in one.tokens).strip() == one.text and not one.long
        assert len(one.others) <= 2 and one.text not in one.others
        for token in one.tokens:
            chances = [chance for _, chance in token.alternatives]
            assert 0 < token.probability <= 1 and len(token.alternatives) == 5
            assert chances == sorted(chances, reverse=True) and token.probability <= chances[0] + 1e-6
    again = translate("seq2seq.en-zh", "Tom is happy. I want to go ", beams=3)
    assert (again.text, again.sentences, again.source) == (found.text, found.sentences, found.source)
    record = found.source.record
    assert (record.operation, record.model, record.seed) == ("text.translate", "seq2seq.en-zh", None)
    assert record.parameters == {"text": "Tom is happy. I want to go ", "direction": "en-zh", "beams": 3}
    assert len(record.sha256) == 64
    back = translate("seq2seq.en-zh", "你好！我很好", direction="auto")
    assert back.direction == "zh-en" and [one.read for one in back.sentences] == ["你好！", "我很好。"]
    assert back.text == " ".join(one.text for one in back.sentences)


@pytest.mark.usefixtures("zoo")
def test_a_sentence_longer_than_the_model_has_learnt_is_marked() -> None:
    found = translate("seq2seq.en-zh", "I go to the house and " * 6 + "I go.", beams=1)
    assert [(one.long, one.strange) for one in found.sentences] == [(True, False)]


@pytest.mark.usefixtures("zoo")
def test_a_sentence_whose_words_the_model_has_not_met_is_marked() -> None:
    for text in (
        "Wo ist der Bahnhof?",
        "Vorrei un bicchiere d'acqua.",
        "asdf qwer zxcv",
        "Photosynthesis absorbs light.",
    ):
        assert [one.strange for one in translate("seq2seq.en-zh", text, beams=1).sentences] == [True]
    for text in ("I want to go there.", "我想去那里。"):
        assert [one.strange for one in translate("seq2seq.en-zh", text, beams=1).sentences] == [False]


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("", {}, "the text is empty"),
        (" \n\t", {}, "the text is empty"),
        ("?!", {}, "has no words"),
        ("你好", {"direction": "en-zh"}, "has Chinese characters .*choose zh-en"),
        ("Hello.", {"direction": "zh-en"}, "has no Chinese character.*choose en-zh"),
        ("Hello.", {"direction": "en-de"}, "the direction 'en-de' does not exist; perhaps you meant 'en-zh'"),
        ("Привет.", {}, "has never read П"),
        ("你爱读書吗？", {}, "has never read 書 .it reads simplified characters."),
        ("a" * 1001, {}, "1,001 characters; at most 1,000"),
        ("Go. " * 21, {}, "21 sentences; at most 20"),
        ("xyzzy " * 100, {}, "reads at most 96: make it shorter"),
        ("Hi.", {"beams": 0}, "allowed are whole numbers from 1 to 8"),
        ("Hi.", {"model": "seq2seq.g2p"}, "seq2seq.g2p pronounces"),
        ("Hi.", {"model": "seq2seq.de"}, "no checkpoint is named 'seq2seq.de'"),
        (3, {}, "it must be text"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("zoo")
def test_what_cannot_be_translated_is_refused_in_words(text: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        translate(**{"model": "seq2seq.en-zh", "text": text, **options})


@pytest.mark.usefixtures("zoo")
def test_words_are_pronounced_one_by_one() -> None:
    found = pronounce("seq2seq.g2p", "Hello, naïve World! It's 'fine', he said.", beams=2)
    assert [one.word for one in found.words] == ["hello", "naive", "world", "it's", "fine", "he", "said"]
    for one in found.words:
        assert one.phonemes and set(one.phonemes) <= set(PHONEMES) and len(one.others) <= 1
        assert [token.text for token in one.tokens if token.text] == [*one.phonemes]
        assert one.ipa == ipa(one.phonemes)
    assert found.text.splitlines()[0] == f"hello  {' '.join(found.words[0].phonemes)}  /{found.words[0].ipa}/"
    record = found.source.record
    assert record.operation == "text.pronounce" and record.parameters["beams"] == 2 and record.seed is None


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("", {}, "there is no word"),
        ("--- '' ?!", {}, "there is no word"),
        ("你好", {}, "write it in English letters"),
        ("route 66", {}, "write numbers as words"),
        ("a" * 96, {}, "96 letters; seq2seq.g2p reads words of at most 95"),
        ("go " * 41, {}, "41 words; at most 40"),
        ("go", {"model": "seq2seq.en-zh"}, "seq2seq.en-zh knows en-zh, zh-en"),
        ("go", {"beams": 9}, "allowed are whole numbers from 1 to 8"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("zoo")
def test_what_cannot_be_pronounced_is_refused_in_words(text: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        pronounce(**{"model": "seq2seq.g2p", "text": text, **options})


@pytest.mark.usefixtures("zoo")
def test_many_texts_at_once_give_what_each_gives_alone() -> None:
    found = library.get("seq2seq.g2p", TRANSLATION)
    tokenizer = spelling()
    texts = ["a", "mississippi", "go", "strengths", "cat"]
    together = translated(found.network, tokenizer, texts, PRONOUNCING, beams=2)
    assert together == [translated(found.network, tokenizer, [text], PRONOUNCING, beams=2)[0] for text in texts]
    assert isinstance(found.network, Modules)


def test_sentences_end_with_their_marks_but_not_after_a_title() -> None:
    text = 'Mr. Smith left. "Go!" he said; why?\nNobody knows 3.5 reasons... Well.'
    expected = ["Mr. Smith left.", '"Go!" he said;', "why?", "Nobody knows 3.5 reasons...", "Well."]
    assert sentences_of(text) == expected
    assert sentences_of("“你好！”他说。真的吗？！好。") == ["“你好！”他说。", "真的吗？！", "好。"]
    assert sentences_of(" ... ！") == []


def test_phonemes_are_written_in_the_ipa_with_the_stress_before_the_vowel() -> None:
    said = {"K AE1 T": "kˈæt", "AH0 B AW1 T": "əbˈaʊt", "HH AH0 L OW1": "həlˈoʊ", "B ER1 D ER0": "bˈɝdɚ"}
    for phonemes, expected in {**said, "CH EH1 R M AH2 N": "tʃˈɛɹmˌʌn", "SH UH1 G ER0": "ʃˈʊɡɚ"}.items():
        assert ipa(phonemes.split()) == expected
    assert len({ipa([phoneme]) for phoneme in PHONEMES}) == len(PHONEMES), "no two are written alike"


@pytest.mark.usefixtures("zoo")
def test_the_bench_sets_a_network_beside_simple_methods(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], made: Path
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "bench"))
    import translation as bench

    monkeypatch.setattr(bench, "BEAMS", (1,))
    bench.main([str(made / "seq2seq.en-zh"), str(made / "seq2seq.g2p"), "--rows", "8", "--sample"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = {(line["direction"], line["method"]): line for line in lines}
    assert len(found) == len(lines) == 11 and all(line["rows"] == 8 for line in lines)
    for direction in TRANSLATING:
        assert found[direction, "copy"]["BLEU"] < 5 and found[direction, "network, 1 beam"]["ms"] > 0
    letters, memory = found[PRONOUNCING, "letter by letter"], found[PRONOUNCING, "translation memory"]
    assert letters["WER with stress"] >= letters["WER without stress"] > letters["PER without stress"]
    assert memory["WER without stress"] > 50, "no word of the test split is in the training split"
