"""Tokens as they were written, each on a ground that says how sure the model was, with what else it thought of."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Protocol

from zoo.ui.strings import say


class Token(Protocol):
    """A token with its probability, and the likeliest ones at its place."""

    @property
    def text(self) -> str:
        """As it was written; "" for the end."""
        ...

    @property
    def probability(self) -> float:
        """Its own, 0 to 1."""
        ...

    @property
    def alternatives(self) -> Sequence[tuple[str, float]]:
        """The likeliest tokens there, itself perhaps among them, and their probabilities."""
        ...


MAX_TINTED = 400
"""Tokens of a line that are tinted; the rest follows plainly, for a page to stay light."""


def tinted(lines: Iterable[Sequence[Token]], *, gap: str = "") -> str:
    """HTML of one block a line; nothing of what the tokens hold is taken for markup."""
    shown = []
    for line in lines:
        rest = gap.join(html.escape(token.text) for token in line[MAX_TINTED:])
        shown.append(f"<div>{gap.join(map(_span, line[:MAX_TINTED]))}{rest}</div>")
    return f'<div class="zoo-tint" lang="">{"".join(shown)}</div>'


def _span(token: Token) -> str:
    rows = "".join(
        f"<span><span>{_visible(text)}</span><span>{100 * share:.1f} %</span></span>"
        for text, share in token.alternatives[:4]
    )
    own = f"<b>{_visible(token.text)}</b> {100 * token.probability:.1f} %"
    tip = f'<span class="zoo-tip" role="tooltip">{own}{rows}</span>'
    text = html.escape(token.text) if token.text else '<i aria-hidden="true">∎</i>'
    return f'<span class="zoo-token" tabindex="0" style="--doubt:{1 - token.probability:.3f}">{text}{tip}</span>'


def _visible(text: str) -> str:
    """A token for a table: the end in words, white space as signs."""
    if not text:
        return html.escape(say("the_end"))
    return html.escape(text.replace(" ", "␣").replace("\n", "⏎").replace("\t", "⇥"))
