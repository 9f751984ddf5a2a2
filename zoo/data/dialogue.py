"""Dialogues in English and Chinese: single turns, turns with their replies, and running chats; and their tokenizers.

What a model gets is said by its config. One with the field `replies` (BERT) gets `Turns`, or `Exchanges` where that
field is true; any other (GPT) gets `Chats`.

- `Turns`: ids and mask int64 (n, t), and where the config has `num_classes`, label int64 (n,): the topic, of `TOPICS`.
- `Exchanges`: a turn as in `Turns`, and the turn that answers it as reply_ids and reply_mask.
- `Chats`: windows of dialogues written one after the other, <user> and <bot> before their turns, <eos> between them.

Both tokenizers have one token for a Chinese character. `train_pieces` makes the one of BERT (Devlin et al., 2019):
lower case, word pieces, whatever it does not know is [UNK]. `train_chat` makes one by byte-pair encoding (Sennrich,
Haddow and Birch, 2016) over characters that keeps case and spaces, so that what is written can be read again.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from string import punctuation
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.data.source import Table, read
from zoo.data.text import END, Windows
from zoo.data.tokenizer import UNKNOWN
from zoo.noise import Noise

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PAD, UNKNOWN_PIECE, FIRST, LAST, MASK = MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
"""Marks of BERT's tokenizer, numbered from 0; no other token has a lower number."""
CONTINUES = "##"
"""Before a piece that goes on with a word."""
REPLIES = "replies.safetensors"
"""The file of a checkpoint folder that holds what a replier answers with; see `zoo.generate.replies`."""
ROLES = ("user", "bot")
"""Who speaks in a chat, in turn; a data set of chats has them as its labels."""
USER, BOT = "<user>", "<bot>"
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    f"{{{{ '{USER}' if message['role'] == 'user' else '{BOT}' }}}}"
    "{{ message['content'] }}{% endfor %}"
    f"{{% if add_generation_prompt %}}{BOT}{{% endif %}}"
)
"""How a list of messages is written for the tokenizer of a chat, in the language that transformers uses for it."""
SPACE = "▁"
"""What a space is written as in the tokens of a chat."""
PIECES, CHAT_TOKENS, CHARACTERS = 7000, 6000, 2700
"""Tokens of the two tokenizers at most, and how many characters, the most frequent ones, have a token of their own."""
TOPICS: dict[str, tuple[str, ...]] = {
    "films": (
        "movies", "film", "disney", "star_wars", "thriller", "superhero", "comedy", "horror", "action", "harry_potter",
        "fast_furious",
    ),
    "music": ("music", "rock", "rap_hiphop", "pop", "beatles", "lady_gaga"),
    "sports": ("nfl_football", "baseball", "basketball", "icehockey", "sports"),
    "fashion": ("fashion",),
    "travel": ("travel",),
    "small talk": (),
}  # fmt: skip
"""Topics that a classifier tells apart, and those of the data that each is made of; small talk is the rest of the
ChatterBot corpus. "music_and_movies" is two of them and so is left out."""
_AMBIGUOUS = "music_and_movies"
RUDE = re.compile(
    r"\b(?:(?:mother)?fuck|shit|bullshit|bitch|cunt|slut|whore|nigg|faggot|retard|bastard|asshole|dickhead|pussy|porn|"
    r"rape|rapist|piss|sex)\w*|\b(?:ass|crap|damn|dick|fag)s?\b|混蛋|傻[逼B]|他?妈的|贱人|去死|色情",
    re.IGNORECASE,
)
"""Rough words, by their beginnings. A short list: it keeps the crudest turns of the crowd out, and no more."""


@dataclass(frozen=True)
class Dialogue:
    """Turns in order; `language` is "en" or "zh", `topic` one of TOPICS or ""."""

    language: str
    topic: str
    turns: tuple[str, ...]


def dialogues(table: Table) -> list[Dialogue]:
    """The rows (prompt, response) put together again; where a turn was left out, a new dialogue begins."""
    topic_of = {one: topic for topic, ones in TOPICS.items() for one in ones}
    columns = (table.columns[key] for key in ("dialogue_id", "prompt", "response", "language", "source", "topic"))
    found: list[tuple[int, int, str, list[str]]] = []
    for number, prompt, response, language, source, topic in zip(*columns, strict=True):
        if found and found[-1][0] == number and found[-1][3][-1] == prompt:
            found[-1][3].append(response)
            continue
        rest = "small talk" if table.labels["source"][source] == "chatterbot" else ""
        known = "" if topic == _AMBIGUOUS else topic_of.get(topic, rest)
        found.append((number, language, known, [prompt, response]))
    names = table.labels["language"]
    return [Dialogue(names[language], topic, tuple(turns)) for _, language, topic, turns in found]


def is_rude(text: str) -> bool:
    """Whether a text has a word of the list RUDE."""
    return RUDE.search(text) is not None


def polite(given: Iterable[Dialogue]) -> Iterator[Dialogue]:
    """Dialogues without rude turns: they end before one and begin anew after it, if two turns or more are left."""
    for dialogue in given:
        turns: list[str] = []
        for turn in (*dialogue.turns, None):
            if turn is not None and not is_rude(turn):
                turns.append(turn)
                continue
            if len(turns) > 1:
                yield Dialogue(dialogue.language, dialogue.topic, tuple(turns))
            turns = []


def train_pieces(texts: Iterable[str], size: int = PIECES) -> Tokenizer:
    """BERT's tokenizer with at most `size` tokens, learnt from `texts`: [CLS], lower-case word pieces, [SEP].

    The same texts give the same tokenizer: the library numbers what goes on with a word as it happens to meet it, so
    the characters are given to it in order.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    normalizer, splitter = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    texts = [normalizer.normalize_str(text) for text in texts]
    characters = _commonest(texts)
    inside = [CONTINUES + c for c in characters if not _stands_alone(c)]
    learner = Tokenizer(models.WordPiece(unk_token=UNKNOWN_PIECE, continuing_subword_prefix=CONTINUES))
    learner.pre_tokenizer = splitter
    trainer = trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=[*MARKS, *inside], initial_alphabet=characters, limit_alphabet=len(characters),
        continuing_subword_prefix=CONTINUES, show_progress=False,
    )  # fmt: skip
    learner.train_from_iterator(texts, trainer)
    tokenizer = Tokenizer(models.WordPiece(learner.get_vocab(), unk_token=UNKNOWN_PIECE))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    tokenizer.decoder = decoders.WordPiece(CONTINUES)
    tokenizer.add_special_tokens(list(MARKS))
    ids = [(mark, tokenizer.token_to_id(mark)) for mark in (FIRST, LAST)]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{FIRST} $A {LAST}", pair=f"{FIRST} $A {LAST} $B:1 {LAST}:1", special_tokens=ids
    )
    return tokenizer


def train_chat(texts: Iterable[str], size: int = CHAT_TOKENS) -> Tokenizer:
    """A tokenizer of chats with at most `size` tokens, learnt from `texts`.

    A token is a Chinese character, a digit, a mark of punctuation, or (a part of) a word with the space before it. The
    same texts give the same tokenizer.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(SPACE, "never"),
            pre_tokenizers.Split(Regex(rf"\p{{Han}}|\d|[^\w{SPACE}']"), "isolated"),
        ]
    )
    tokenizer.decoder = decoders.Metaspace(SPACE, "never")
    texts = list(texts)
    characters = sorted({*_commonest(texts), SPACE})
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=[UNKNOWN, USER, BOT, END], initial_alphabet=characters,
        limit_alphabet=len(characters), show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _commonest(texts: Iterable[str]) -> list[str]:
    """The CHARACTERS most frequent characters but spaces, in the order of their code points."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    known = sorted((c for c in counts if not c.isspace()), key=lambda c: (-counts[c], c))
    return sorted(known[:CHARACTERS])


def _stands_alone(character: str) -> bool:
    """Whether it is a word by itself to BERT: a Chinese character, or a mark of punctuation."""
    is_mark = unicodedata.category(character).startswith("P") or character in punctuation
    return is_mark or unicodedata.name(character, "").startswith("CJK UNIFIED")


def padded(rows: list[list[int]], longest: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of ids -> ids and mask int64 (n, t): filled up on the right with the id 0, t a multiple of 4 if it may be.

    Of a row of more than `longest` ids the first ones and the last one stay.
    """
    rows = [row if len(row) <= longest else [*row[: longest - 1], row[-1]] for row in rows]
    size = min(longest, -(-max(map(len, rows)) // 4) * 4)  # few shapes: kernels are prepared once for each
    ids, mask = np.zeros((len(rows), size), np.int64), np.zeros((len(rows), size), np.int64)
    for i, row in enumerate(rows):
        ids[i, : len(row)], mask[i, : len(row)] = row, 1
    return ids, mask


class Turns:
    """Single turns of one split, each [CLS] ... [SEP]; with classes, those whose topic is known."""

    def __init__(
        self, name: str, split: str, config: Any, *, sample: bool = False, tokenizer: Tokenizer | None = None
    ) -> None:
        table = read(name, split, sample=sample)
        self.info, self.fingerprint = table.info, table.fingerprint
        self.context_length: int = config.context_length
        self.labels: tuple[str, ...] = tuple(TOPICS) if config.num_classes else ()
        given = dialogues(table)
        self.tokenizer = tokenizer or train_pieces(turn for dialogue in given for turn in dialogue.turns)
        kept = [dialogue for dialogue in given if dialogue.topic or not self.labels]
        self._fill(kept)
        self.ids = [found.ids for found in self.tokenizer.encode_batch(self.texts)]
        self.lengths = np.array([min(len(ids), self.context_length) for ids in self.ids])
        number = {topic: i for i, topic in enumerate(TOPICS)}
        self.targets = np.array([number.get(topic, -1) for topic in self.topics], np.int64)

    def _fill(self, given: list[Dialogue]) -> None:
        """Sets `texts`, `topics`, `languages` and `numbers` (of the dialogue), one for each sample."""
        rows = [(turn, one.topic, one.language, i) for i, one in enumerate(given) for turn in one.turns]
        self.texts, self.topics, self.languages, self.numbers = (list(column) for column in zip(*rows, strict=True))

    def __len__(self) -> int:
        return len(self.ids)

    def batch(self, indices: np.ndarray, epoch: int = 0) -> dict[str, Any]:
        """ids and mask int64 (n, t), t at most context_length; label int64 (n,) where there are classes."""
        import torch

        ids, mask = padded([self.ids[i] for i in indices], self.context_length)
        found = {"ids": ids, "mask": mask} | ({"label": self.targets[indices]} if self.labels else {})
        return {key: torch.from_numpy(array) for key, array in found.items()}


class Exchanges(Turns):
    """Turns of one split that are answered, and the turns that answer them, `replies`; none of the two is rude."""

    def _fill(self, given: list[Dialogue]) -> None:
        rows = [
            (turn, one.topic, one.language, i, reply)
            for i, one in enumerate(polite(given))
            for turn, reply in zip(one.turns, one.turns[1:], strict=False)
        ]
        self.texts, self.topics, self.languages, self.numbers, self.replies = map(list, zip(*rows, strict=True))
        self.reply_ids = [found.ids for found in self.tokenizer.encode_batch(self.replies)]

    def batch(self, indices: np.ndarray, epoch: int = 0) -> dict[str, Any]:
        """As `Turns`, and reply_ids and reply_mask int64 (n, t')."""
        import torch

        ids, mask = padded([self.reply_ids[i] for i in indices], self.context_length)
        replies = {"reply_ids": torch.from_numpy(ids), "reply_mask": torch.from_numpy(mask)}
        return super().batch(indices, epoch) | replies


def chat_ids(tokenizer: Tokenizer, turns: Iterable[tuple[str, str]]) -> list[list[int]]:
    """The ids of each turn (role, text), its role's mark first. Raises ValueError when the tokenizer has no such mark.

    Marks that a text spells out are taken out of it: nobody speaks for another.
    """
    found = []
    for role, text in turns:
        mark = tokenizer.token_to_id(USER if role == ROLES[0] else BOT)
        if mark is None:
            raise ValueError("the tokenizer has no marks of turns; it was not made from dialogues")
        found.append([mark, *tokenizer.encode(without_marks(text)).ids])
    return found


def without_marks(text: str) -> str:
    """A text without the marks of turns."""
    return re.sub("|".join((USER, BOT, END, UNKNOWN)), " ", text)


class Chats(Windows):
    """One split as windows over dialogues without rude turns, one after the other.

    Anybody may begin: in training who is <user> and who <bot> is drawn for each window and epoch. All that is said is
    to be learnt, for each turn answers the one before.
    """

    labels = ROLES

    def __init__(
        self,
        name: str,
        split: str,
        *,
        sample: bool = False,
        context_length: int = 256,
        tokenizer: Tokenizer | None = None,
    ) -> None:
        table = read(name, split, sample=sample)
        self.dialogues = list(polite(dialogues(table)))
        turns = [turn for dialogue in self.dialogues for turn in dialogue.turns]
        tokenizer = tokenizer or train_chat(turns)
        marks = [found for mark in (USER, BOT, END) if (found := tokenizer.token_to_id(mark)) is not None]
        if len(marks) < 3:
            raise ValueError("the tokenizer has no marks of turns; it was not made from dialogues")
        encoded = iter(tokenizer.encode_batch(turns))
        ids: list[int] = [marks[2]]
        for dialogue in self.dialogues:
            for i in range(len(dialogue.turns)):
                ids += [marks[i % 2], *next(encoded).ids]
            ids.append(marks[2])
        self.user, self.bot = marks[:2]
        super().__init__(
            table.info, table.fingerprint, tokenizer, np.asarray(ids, np.int64), context_length, moves=split == "train"
        )
        if len(self) < 1:
            raise ValueError(f"{name}/{split} has {len(self.ids)} tokens; one window needs {2 * context_length + 1}")

    def batch(self, indices: np.ndarray, epoch: int = 0) -> dict[str, Any]:
        """ids and targets int64 (n, context_length); targets are the ids one further on."""
        import torch

        found = super().batch(indices, epoch)
        if self.moves:
            drawn = [Noise(int(index), stream=(3 << 32) + epoch).uniform_array(1)[0] < 0.5 for index in indices]
            change = torch.from_numpy(np.array(drawn))[:, None]
            for key, ids in found.items():
                users, bots = (ids == self.user) & change, (ids == self.bot) & change
                found[key] = ids.masked_fill(users, self.bot).masked_fill(bots, self.user)
        return found


def open_dialogue(
    name: str, split: str, config: Any, *, sample: bool = False, tokenizer: Tokenizer | None = None
) -> Turns | Chats:
    """One split as the config asks for it; see the module."""
    if not hasattr(config, "replies"):
        return Chats(name, split, sample=sample, context_length=config.context_length, tokenizer=tokenizer)
    kind = Exchanges if config.replies else Turns
    return kind(name, split, config, sample=sample, tokenizer=tokenizer)
