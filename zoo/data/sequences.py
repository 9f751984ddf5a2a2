"""Pairs of sequences, a source and its target: sentences in English and Chinese, words and their pronunciation.

A direction such as "en-zh" names what is read and what is written. A model that knows several is told by the source's
first token, <zh> or <en>, what to write (Johnson et al., "Google's multilingual neural machine translation system",
TACL 2017). One tokenizer serves both sides: for sentences byte pair encoding (Sennrich et al., ACL 2016) of English
words and Chinese character by character, for pronunciations letters and the phonemes of ARPAbet.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.data.source import Info, read
from zoo.data.text import END, PAD
from zoo.data.tokenizer import UNKNOWN
from zoo.entry import IGNORED

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TRANSLATING = ("en-zh", "zh-en")
PRONOUNCING = "en-arpabet"
VOWELS = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
CONSONANTS = (
    "B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG", "P", "R", "S", "SH", "T", "TH", "V", "W", "Y",
    "Z", "ZH",
)  # fmt: skip
"""ARPAbet as the CMU dictionary has it; a vowel is followed by its stress: 1 primary, 2 secondary, 0 none."""
PHONEMES = (*(f"{vowel}{stress}" for vowel in VOWELS for stress in "012"), *CONSONANTS)
LETTERS = tuple("'-.abcdefghijklmnopqrstuvwxyz")
VOCABULARY = 4500
"""Tokens of a tokenizer of sentences: about 2,300 Chinese characters, the rest English words and their pieces."""
EXAMPLES = {
    "en-zh": (
        ("I played tennis.", "我打网球了。"),
        ("Tom is coming, too.", "汤姆也来。"),
        ("How is your new class?", "新的班级怎么样？"),
        ("You sing like an angel.", "你唱歌像天使。"),
        ("The red dress suited her.", "这件红色的洋装适合她。"),
        ("I wish I could talk to you.", "我希望能与你谈话。"),
        ("He wants to pay off his loan.", "他想还清贷款。"),
        ("Let's take a trip to New York.", "去纽约吧！"),
        ("The children were flying kites.", "孩子们在放风筝。"),
        ("Do you really believe that story?", "你真的相信那故事吗？"),
        ("I'm sure Tom wanted to come along.", "我确定汤姆想来。"),
        ("Our friendship was put to the test.", "我们的友谊受到了考验。"),
        ("I'm developing an Android application.", "我正在开发一个安卓应用。"),
        ("I always get nervous just before a match.", "比赛前我一直都很紧张。"),
        ("Their traditional life style no longer exists.", "他们传统的生活方式不再存在。"),
        ("The only sound to be heard was the ticking of the clock.", "唯一能听到的声音是钟的滴答声。"),
    ),
    PRONOUNCING: (
        ("anafranil", "AH0 N AE1 F R AH0 N IH2 L"),
        ("blaker", "B L EY1 K ER0"),
        ("chavers", "CH EY1 V ER0 Z"),
        ("darcey", "D AA1 R S IY0"),
        ("enfranchise", "IH0 N F R AE1 N CH AY2 Z"),
        ("gacy", "G EY1 S IY2"),
        ("hemorrhagic", "HH EH2 M ER0 AE1 G IH0 K"),
        ("joerg", "JH AO1 R G"),
        ("liford", "L IH1 F ER0 D"),
        ("metagogued", "M EH1 T AH0 G AO2 G D"),
        ("oaths", "OW1 TH S"),
        ("posh", "P AA1 SH"),
        ("revile", "R IY0 V AY1 L"),
        ("shouted", "SH AW1 T IH0 D"),
        ("teall", "T IY1 L"),
        ("vic's", "V IH1 K S"),
    ),
}
"""What sheets of samples show: rows of the validation splits, every 64th and every 206th, which none has learnt from.

The other way is read from right to left.
"""
_PIECES = r" ?\p{Latin}+(?:'\p{Latin}+)?| ?\d|\p{Han}| ?[^\s\p{L}\p{N}]|\s|."
"""An English word with the space before it, or one digit, Chinese character or mark: no token reaches beyond."""
_STRAIGHT = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "\u00a0": " "})
_WIDE = str.maketrans({"?": "？", "!": "！", ":": "：", ";": "；", "「": "“", "」": "”", "﹐": "，", "\u200b": None})


@dataclass(frozen=True)
class Pair:
    """A source and one of its targets, as the data have them. Phonemes stand apart by spaces."""

    direction: str
    source: str
    target: str


def tidy(text: str, language: str) -> str:
    """One way to write it: plain quotes in English; full-width marks, and spaces between Latin words only, in Chinese.

    Other languages, such as "arpabet", are left as they are.
    """
    if language == "en":
        return " ".join(text.translate(_STRAIGHT).split())
    if language == "zh":
        text = re.sub(r",(?!\d)", "，", text.translate(_WIDE))
        text = re.sub(r"\.$", "。", text.strip())
        return re.sub(r"(?<![A-Za-z0-9])\s+|\s+(?![A-Za-z0-9])", "", text)
    return text


def as_source(text: str, direction: str) -> str:
    """The text of a source as the tokenizer takes it: tidy, in small letters, after the token of the direction."""
    source, target = direction.split("-")
    if direction not in TRANSLATING:
        return text.lower()
    return f"<{target}>{_written(text, source).lower()}"


def as_target(text: str, direction: str) -> str:
    """The text of a target as the tokenizer takes it."""
    return _written(text, direction.split("-")[1])


def _written(text: str, language: str) -> str:
    """A tidy text; an English word carries the space before it, the first one too."""
    return f" {tidy(text, language)}" if language == "en" else tidy(text, language)


def without_stress(phonemes: str) -> str:
    """Phonemes without the digits of their stress."""
    return re.sub(r"[0-2]", "", phonemes)


def number_of(tokenizer: Tokenizer, token: str) -> int:
    """The token's number. Raises ValueError when the tokenizer, which is then not one of pairs, does not know it."""
    found = tokenizer.token_to_id(token)
    if found is None:
        raise ValueError(f"the tokenizer has no token {token!r}; it was not made of pairs of sequences")
    return int(found)


def directions_of(tokenizer: Tokenizer) -> tuple[str, ...]:
    """What a model with this tokenizer can do: TRANSLATING, PRONOUNCING, or nothing that is known here."""
    if tokenizer.token_to_id("<en>") is not None and tokenizer.token_to_id("<zh>") is not None:
        return TRANSLATING
    return (PRONOUNCING,) if tokenizer.token_to_id("AH0") is not None else ()


def never_written(tokenizer: Tokenizer) -> list[int]:
    """Ids of tokens that no target has: the unknown, the filling, the tokens of directions, and letters of words."""
    others = LETTERS if directions_of(tokenizer) == (PRONOUNCING,) else ("<en>", "<zh>")
    found = (tokenizer.token_to_id(token) for token in (UNKNOWN, PAD, *others))
    return sorted(i for i in found if i is not None)


def train_sentences(pairs: Sequence[Pair], vocabulary: int = VOCABULARY) -> Tokenizer:
    """A tokenizer of English and Chinese; characters that occur once are unknown. Every text ends in END."""
    english, chinese = ([_written(text, language) for text in _texts(pairs, language)] for language in ("en", "zh"))
    texts = [*english, *(text.lower() for text in english), *chinese]  # sources come in small letters
    return train_bilingual(texts, vocabulary, least=2)


def train_bilingual(texts: Sequence[str], vocabulary: int, *, least: int = 1) -> Tokenizer:
    """A tokenizer of texts in English, with a space before each, and Chinese; it has the tokens <en> and <zh> as well.

    Characters that occur less than `least` times are unknown. Every text ends in END.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    counts = Counter(character for text in texts for character in text)
    special = [PAD, END, UNKNOWN, "<en>", "<zh>"]
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_PIECES), "isolated")
    tokenizer.decoder = decoders.Sequence([decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, min_frequency=2, special_tokens=special, show_progress=False,
        limit_alphabet=sum(count >= least for count in counts.values()),
    )  # fmt: skip
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {END}", special_tokens=[(END, special.index(END))]
    )
    return tokenizer


def _texts(pairs: Sequence[Pair], language: str) -> list[str]:
    """The texts of one of the two languages, each once."""
    return list(dict.fromkeys(p.source if p.direction.startswith(language) else p.target for p in pairs))


def spelling() -> Tokenizer:
    """The tokenizer of letters and phonemes, which needs no training. Every text ends in END."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors

    special = [PAD, END, UNKNOWN]
    vocabulary = {token: i for i, token in enumerate([*special, *LETTERS, *PHONEMES])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    apart = pre_tokenizers.Split(Regex(r"[A-Z]+[0-2]?|."), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), apart])
    tokenizer.add_special_tokens(special)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {END}", special_tokens=[(END, vocabulary[END])]
    )
    return tokenizer


class Sequences:
    """Pairs as ids. `labels` are the directions that they hold."""

    def __init__(
        self, info: Info, fingerprint: str, tokenizer: Tokenizer, pairs: Sequence[Pair], *, context_length: int
    ) -> None:
        self.info, self.fingerprint, self.tokenizer, self.pairs = info, fingerprint, tokenizer, list(pairs)
        self.labels = tuple(dict.fromkeys(pair.direction for pair in pairs))
        sides = [
            [as_source(pair.source, pair.direction) for pair in pairs],
            [as_target(pair.target, pair.direction) for pair in pairs],
        ]
        self.sources, self.targets = ([encoded.ids for encoded in tokenizer.encode_batch(texts)] for texts in sides)
        self.lengths = np.array([len(s) + len(t) for s, t in zip(self.sources, self.targets, strict=True)])
        longest = max(map(len, (*self.sources, *self.targets)), default=0)
        if longest > context_length:
            raise ValueError(
                f"{info.name} has a sequence of {longest} tokens; this model sees at most {context_length}"
            )

    def __len__(self) -> int:
        return len(self.pairs)

    def batch(self, indices: np.ndarray, epoch: int = 0) -> dict[str, Any]:
        """source int64 (n, s) and its mask, 1 where there is a token; ids, what a decoder is given, and targets, what
        it should say next, int64 (n, t). Padded on the right; targets there are IGNORED.
        """
        import torch

        end, pad = (number_of(self.tokenizer, token) for token in (END, PAD))
        sources, targets = [self.sources[i] for i in indices], [self.targets[i] for i in indices]
        source = filled(sources, pad)
        ids, wanted = filled([[end, *row[:-1]] for row in targets], pad), filled(targets, IGNORED)
        mask = filled([[1] * len(row) for row in sources], 0)
        rows = {"source": source, "mask": mask, "ids": ids, "targets": wanted}
        return {name: torch.from_numpy(array) for name, array in rows.items()}


def filled(rows: Sequence[Sequence[int]], filling: int) -> np.ndarray:
    """Rows of different lengths -> int64 (n, t), `filling` on the right, t a multiple of 4: few shapes, for kernels
    are prepared once for each."""
    size = -(-max(map(len, rows)) // 4) * 4
    found = np.full((len(rows), size), filling, np.int64)
    for row, values in zip(found, rows, strict=True):
        row[: len(values)] = values
    return found


def translations(
    name: str, split: str, *, sample: bool = False, tokenizer: Tokenizer | None = None, context_length: int
) -> Sequences:
    """English and Chinese sentences in both directions, in turn; without a tokenizer one is made of the split."""
    table = read(name, split, sample=sample)
    pairs = [
        pair
        for en, zh in zip(table.columns["en"], table.columns["zh"], strict=True)
        for pair in (Pair("en-zh", en, zh), Pair("zh-en", zh, en))
    ]
    tokenizer = tokenizer or train_sentences(pairs)
    return Sequences(table.info, table.fingerprint, tokenizer, pairs, context_length=context_length)


def pronunciations(
    name: str, split: str, *, sample: bool = False, tokenizer: Tokenizer | None = None, context_length: int
) -> Sequences:
    """Words and their phonemes with stress; a word with several pronunciations is as many pairs."""
    table = read(name, split, sample=sample)
    columns = (table.columns[key] for key in ("word", "phonemes"))
    pairs = [Pair(PRONOUNCING, word, " ".join(phonemes)) for word, phonemes in zip(*columns, strict=True)]
    return Sequences(table.info, table.fingerprint, tokenizer or spelling(), pairs, context_length=context_length)
