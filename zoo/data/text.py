"""Texts: running prose, stories and code cut into windows, and poems written after their form, author and title."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.data.source import Info, Table, read
from zoo.data.tokenizer import train_characters, train_subwords
from zoo.entry import IGNORED
from zoo.noise import Noise

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FORMS: dict[str, tuple[int, int]] = {
    "五言绝句": (4, 5),
    "七言绝句": (4, 7),
    "五言律诗": (8, 5),
    "七言律诗": (8, 7),
}
"""Lines and characters a line of each form of regulated verse."""
BEGIN, AUTHOR, TITLE, POEM, END, PAD = "<bos>", "<author>", "<title>", "<poem>", "<eos>", "<pad>"
SPECIAL = (BEGIN, AUTHOR, TITLE, POEM, END, PAD, *FORMS)
COMMA, STOP = "，", "。"
MAX_TITLE = 20
"""Characters of a title that the model sees."""


class Windows:
    """Ids int64 (t,) as consecutive windows; if they `move`, each epoch begins at another one of the first ids."""

    lengths = None
    labels: tuple[str, ...] = ()

    def __init__(
        self, info: Info, fingerprint: str, tokenizer: Tokenizer, ids: np.ndarray, context_length: int, *, moves: bool
    ) -> None:
        self.info, self.fingerprint, self.tokenizer = info, fingerprint, tokenizer
        self.ids, self.context_length, self.moves = ids, context_length, moves

    def __len__(self) -> int:
        return max(0, (len(self.ids) - 1) // self.context_length - int(self.moves))

    def batch(self, indices: np.ndarray, epoch: int = 0) -> dict[str, Any]:
        """ids and targets int64 (n, context_length); targets are the ids one further on."""
        import torch

        first = int(Noise(epoch, stream=1).integers_array(self.context_length, 1)[0]) if self.moves else 0
        at = first + indices[:, None] * self.context_length + np.arange(self.context_length + 1)
        window = torch.from_numpy(self.ids[at])
        return {"ids": window[:, :-1].contiguous(), "targets": window[:, 1:].contiguous()}


def window_of(config: Any) -> int:
    """Tokens of a window of running text: `config.window`, or as many as the model sees where it has none."""
    return int(getattr(config, "window", config.context_length))


def documents(table: Table) -> list[str]:
    """The texts of a table; where they have titles, each is written after its own, and before its moral, if any."""
    titles, morals = (table.columns.get(key) or [""] * len(table.columns["text"]) for key in ("title", "moral"))
    parts = zip(titles, table.columns["text"], morals, strict=True)
    return ["\n\n".join(part for part in document if part) for document in parts]


class Prose(Windows):
    """A running text of the zoo as windows; those of the training split move.

    With `pieces` its tokens are at most so many pieces of words, and END stands before each of its texts and after the
    last; else they are characters, and a line ends between two texts. A `tokenizer` that is given decides itself.
    """

    def __init__(
        self,
        name: str,
        split: str,
        *,
        sample: bool = False,
        context_length: int = 256,
        tokenizer: Tokenizer | None = None,
        pieces: int = 0,
    ) -> None:
        table = read(name, split, sample=sample)
        texts = documents(table)
        if tokenizer is None:
            tokenizer = train_subwords(texts, pieces, (END,), minimum=2) if pieces else train_characters([*texts, "\n"])
        end = tokenizer.token_to_id(END)
        if end is None:
            found = tokenizer.encode("\n".join(texts)).ids
        else:
            found = [end]
            for encoded in tokenizer.encode_batch(texts):
                found += [*encoded.ids, end]
        ids = np.asarray(found, np.int64)
        super().__init__(table.info, table.fingerprint, tokenizer, ids, context_length, moves=split == "train")
        if len(self) < 1:
            raise ValueError(f"{name}/{split} has {len(self.ids)} tokens; one window needs {2 * context_length + 1}")


def poem_text(lines: list[str]) -> str:
    """The lines with a comma after each odd and a full stop after each even one."""
    return "".join(line + (COMMA if i % 2 == 0 else STOP) for i, line in enumerate(lines))


def token_id(tokenizer: Tokenizer, token: str) -> int:
    """The token's number. Raises ValueError when the tokenizer, which is then not one of verse, does not know it."""
    found = tokenizer.token_to_id(token)
    if found is None:
        raise ValueError(f"the tokenizer has no token {token!r}; it was not made from poems")
    return int(found)


def poem_prefix(tokenizer: Tokenizer, form: str, author: str, title: str) -> list[int]:
    """Ids of what stands before a poem: <bos> form [<author> ...] [<title> ...] <poem>."""
    ids = [token_id(tokenizer, BEGIN), token_id(tokenizer, form)]
    if author:
        ids += [token_id(tokenizer, AUTHOR), *tokenizer.encode(author[:5]).ids]
    if title:
        ids += [token_id(tokenizer, TITLE), *tokenizer.encode(title[:MAX_TITLE]).ids]
    return [*ids, token_id(tokenizer, POEM)]


class Verses:
    """Regulated verse as (form, author, title, lines). `moves`: the author and the title are each left out of a
    quarter of the poems, another quarter each epoch."""

    labels = tuple(FORMS)

    def __init__(
        self, info: Info, fingerprint: str, tokenizer: Tokenizer, poems: list[tuple[str, str, str, list[str]]],
        *, moves: bool,
    ) -> None:  # fmt: skip
        self.info, self.fingerprint, self.tokenizer, self.moves = info, fingerprint, tokenizer, moves
        self.poems = poems
        self.bodies = [tokenizer.encode(poem_text(lines)).ids for *_, lines in poems]
        self.lengths = np.array([len(body) for body in self.bodies])

    def __len__(self) -> int:
        return len(self.poems)

    def batch(self, indices: np.ndarray, epoch: int = 0) -> dict[str, Any]:
        """ids and targets int64 (n, t), padded on the right; only the poem itself and its end are targets."""
        import torch

        keep = [
            Noise(int(i), stream=(2 << 32) + epoch).uniform_array(2) >= 0.25 if self.moves else (True, True)
            for i in indices
        ]
        rows = []
        for index, (with_author, with_title) in zip(indices, keep, strict=True):
            form, author, title, _ = self.poems[index]
            prefix = poem_prefix(self.tokenizer, form, author if with_author else "", title if with_title else "")
            rows.append((len(prefix), [*prefix, *self.bodies[index], token_id(self.tokenizer, END)]))
        size = -(-max(len(row) for _, row in rows) // 8) * 8 + 1  # few shapes: kernels are prepared once for each
        ids = np.full((len(rows), size), token_id(self.tokenizer, PAD), np.int64)
        targets = np.full((len(rows), size), IGNORED, np.int64)
        for i, (start, row) in enumerate(rows):
            ids[i, : len(row)] = row
            targets[i, start - 1 : len(row) - 1] = row[start:]
        return {"ids": torch.from_numpy(ids[:, :-1]), "targets": torch.from_numpy(targets[:, :-1])}


class Poems(Verses):
    """One split of the zoo's regulated verse; author and title are left out at times in the training split."""

    def __init__(
        self, name: str, split: str, *, sample: bool = False, tokenizer: Tokenizer | None = None, minimum: int = 2
    ) -> None:
        table = read(name, split, sample=sample)
        names = table.labels["form"]
        columns = (table.columns[key] for key in ("form", "author", "title", "lines"))
        poems = [(names[form], author, title, lines) for form, author, title, lines in zip(*columns, strict=True)]
        tokenizer = tokenizer or self._train(table, minimum)
        super().__init__(table.info, table.fingerprint, tokenizer, poems, moves=split == "train")

    @staticmethod
    def _train(table: Table, minimum: int) -> Tokenizer:
        texts = (
            t + a + "".join(x)
            for t, a, x in zip(*(table.columns[k] for k in ("title", "author", "lines")), strict=True)
        )
        return train_characters([COMMA + STOP] * minimum + list(texts), SPECIAL, minimum)
