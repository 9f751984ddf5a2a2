"""What visitors ask for, tab by tab, with the inputs that stand on the page at first; and seeds that vary."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.load.visitor import App


@dataclass(frozen=True)
class Wish:
    """An endpoint, how often it is asked for, and inputs in the place of the page's first ones, by their elements."""

    tab: str
    endpoint: str
    weight: int
    given: Mapping[str, Any] = field(default_factory=dict)

    def inputs(self, app: App, rng: random.Random) -> dict[str, Any]:
        """The inputs that are not the page's, with a seed of its own where there is one."""
        elements = app.endpoints[self.endpoint].elements
        seeds = {element: rng.randrange(1_000_000) for element in elements if element.endswith("_seed")}
        return {**self.given, **seeds}


MIX: Sequence[Wish] = (
    Wish("text", "write_text", 4),
    Wish("image", "draw_images", 4),
    Wish("audio", "speak_digits", 3),
    Wish("crossmodal", "from_text", 2),
    Wish("text", "compose_poem", 2),
    Wish("image", "interpolate_images", 2),
    Wish("audio", "hit_drum", 2, {"_instrument": "kick"}),
    Wish("crossmodal", "draw_emoji", 2),
    Wish("text", "translate_text", 1),
    Wish("image", "latent_map", 1),
    Wish("audio", "read_aloud", 1),
    Wish("crossmodal", "find_emoji", 1),
)
"""The first four are one of each tab."""
LIGHT = "list_models"
"""A call that computes nothing."""


def wish(rng: random.Random, kinds: int) -> Wish:
    """One of the first `kinds`, by weight."""
    return rng.choices(MIX[:kinds], [one.weight for one in MIX[:kinds]])[0]
