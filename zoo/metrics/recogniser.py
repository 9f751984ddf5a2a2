"""Words that an independent recogniser hears: PocketSphinx with its own model of English sounds, and a language model
of the texts that a voice has learnt, so that telephone speech is within its reach.

The package `pocketsphinx` is wanted for this alone. A word that its dictionary lacks is added as the zoo's list has it.
"""

from __future__ import annotations

import math
import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

RATE = 16_000
"""Samples a second that it hears."""
_DISCOUNT = 0.5
"""Of each count of a pair of words, kept for pairs that were not seen."""


def bigrams(sentences: Sequence[Sequence[str]]) -> str:
    """A language model of word pairs with absolute discounting, as an ARPA file (base-10 logarithms)."""
    bounded = [["<s>", *sentence, "</s>"] for sentence in sentences]
    single = Counter(word for sentence in bounded for word in sentence)
    pairs = Counter(pair for sentence in bounded for pair in pairwise(sentence))
    total = sum(single.values()) - len(bounded)  # nothing is followed by <s>
    firsts = Counter(first for first, _ in pairs)
    starts = Counter(dict.fromkeys(single, 0))
    for (first, _), count in pairs.items():
        starts[first] += count
    lines = ["\\data\\", f"ngram 1={len(single)}", f"ngram 2={len(pairs)}", "", "\\1-grams:"]
    share = {word: (count / total if word != "<s>" else 0.0) for word, count in single.items()}
    seen: dict[str, float] = dict.fromkeys(single, 0.0)
    for first, second in pairs:
        seen[first] += share[second]
    for word in sorted(single):
        left = _DISCOUNT * firsts[word] / starts[word] if starts[word] else 1.0
        back = left / max(1e-9, 1 - seen[word])
        log_share = math.log10(share[word]) if share[word] else -99.0
        lines.append(f"{log_share:.4f} {word} {math.log10(max(back, 1e-9)):.4f}")
    lines += ["", "\\2-grams:"]
    for (first, second), count in sorted(pairs.items()):
        lines.append(f"{math.log10((count - _DISCOUNT) / starts[first]):.4f} {first} {second}")
    return "\n".join([*lines, "", "\\end\\", ""])


class Recogniser:
    """Waveforms -> words."""

    def __init__(self, sentences: Sequence[Sequence[str]], pronunciations: Mapping[str, Sequence[str]]) -> None:
        """`sentences` are what is expected, as words; `pronunciations` tell words in ARPAbet with stress."""
        from pocketsphinx import Decoder

        self.decoder: Any = Decoder(samprate=RATE, lm=None, loglevel="FATAL")
        for word in sorted({word for sentence in sentences for word in sentence}):
            if self.decoder.lookup_word(word) is None:
                self.decoder.add_word(word, " ".join(re.sub("[0-2]", "", p) for p in pronunciations[word]), False)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "expected.lm"
            path.write_text(bigrams(sentences), encoding="utf-8")
            self.decoder.add_lm_file("expected", str(path))
        self.decoder.activate_search("expected")

    def words(self, waveform: np.ndarray, sample_rate: int) -> list[str]:
        """What is heard in float (t,) in [-1, 1], in small letters."""
        import soxr

        heard = soxr.resample(waveform.astype(np.float32), sample_rate, RATE)
        heard = np.pad(heard * (0.9 / max(float(np.abs(heard).max()), 1e-3)), RATE // 4)
        self.decoder.start_utt()
        self.decoder.process_raw((heard * 32767).astype("<i2").tobytes(), full_utt=True)
        self.decoder.end_utt()
        found = self.decoder.hyp()
        return [re.sub(r"\(\d+\)$", "", word) for word in found.hypstr.split()] if found else []
