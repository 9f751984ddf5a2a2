"""What a translator or a pronouncer gains over simple methods, and what each beam of its search adds and costs.

    ZOO_DATA=path/to/data python tests/bench/translation.py [NAME ...] [--rows N] [--sample]

NAME is a bundled checkpoint or a folder (by default all of seq2seq). Each direction is measured on the test split, on
the sources that the training split does not have: BLEU and chrF of translations, error rates of pronunciations. The
methods: the source itself; word by word (or letter by letter) from a table of IBM model 1; translation memory, which
is the target of the training source that is likest by its character n-grams (tf-idf, cosine); and the network with 1,
2, 4 and 8 beams. One JSON line each, with the CPU milliseconds of a source where a network was asked.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from zoo import hub, verify
from zoo.data.load import load
from zoo.data.sequences import PRONOUNCING, Pair, tidy, without_stress
from zoo.generate.translation import translated
from zoo.metrics.edit_distance import error_rates
from zoo.verify.sequences import bleu, chrf, evenly, letter_by_letter, references_of, word_by_word

BEAMS = (1, 2, 4, 8)


def memory(pairs: Sequence[Pair], asked: Sequence[str]) -> list[str]:
    """For each source the target of the likest one among `pairs`."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), sublinear_tf=True)
    known = vectors.fit_transform([pair.source for pair in pairs])
    nearest = np.asarray((vectors.transform(asked) @ known.T).argmax(axis=1)).ravel()
    return [pairs[i].target for i in nearest]


def figures(made: Sequence[str], references: Sequence[Sequence[str]], direction: str) -> dict[str, float]:
    """BLEU and chrF, or error rates in per cent."""
    if direction != PRONOUNCING:
        language = direction[3:]
        return {"BLEU": bleu(made, references, language), "chrF": chrf(made, references, language)}
    found = {}
    for name, change in (("without stress", without_stress), ("with stress", str)):
        rates = error_rates(
            [change(text).split() for text in made], [[change(text).split() for text in row] for row in references]
        )
        found |= {f"PER {name}": 100 * rates[0], f"WER {name}": 100 * rates[1]}
    return found


def methods(subject: verify.Subject, pairs: Sequence[Pair], asked: Sequence[str], direction: str) -> Iterator[Any]:
    """Each method's name, what it makes of the sources, and seconds of CPU or None."""
    if direction == PRONOUNCING:
        letters = letter_by_letter(pairs)
        yield "letter by letter", [" ".join(letters(word)) for word in asked], None
    else:
        yield "copy", list(asked), None
        words = word_by_word(pairs, direction)
        yield "word by word", [words(text) for text in asked], None
    yield "translation memory", memory(pairs, asked), None
    for beams in BEAMS:
        begun = time.process_time()
        made = translated(subject.generator, subject.tokenizer, asked, direction, beams=beams)
        yield f"network, {beams} beam{'s' if beams > 1 else ''}", made, time.process_time() - begun


def measure(folder: Path, rows: int | None, *, sample: bool) -> Iterator[dict[str, Any]]:
    """Lines of one checkpoint."""
    subject = replace(verify.subject_of(folder), sample=sample)
    config, name = subject.model.config, subject.dataset
    test: Any = load(name, "test", config, sample=sample, tokenizer=subject.tokenizer)
    training: Any = load(name, "train", config, sample=sample, tokenizer=subject.tokenizer)
    for direction in test.labels:
        language = direction.split("-")[0]
        pairs = [pair for pair in training.pairs if pair.direction == direction]
        known = {tidy(pair.source, language).lower() for pair in pairs}
        found = references_of(test.pairs, direction)
        unseen = evenly([source for source in found if tidy(source, language).lower() not in known], rows)
        references = [found[source] for source in unseen]
        for method, made, seconds in methods(subject, pairs, unseen, direction):
            line: dict[str, Any] = {"name": folder.name, "direction": direction, "method": method, "rows": len(unseen)}
            line |= {key: round(value, 2) for key, value in figures(made, references, direction).items()}
            if seconds is not None:
                line["ms"] = round(1000 * seconds / len(unseen), 1)
            yield line


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--rows", type=int, help="sources of a direction at most")
    parser.add_argument("--sample", action="store_true", help="the bundled sample in place of the whole splits")
    given = parser.parse_args(arguments)
    names = given.names or sorted(path.name for path in hub.PRETRAINED.glob("seq2seq.*"))
    for name in names:
        for line in measure(hub.resolve(name), given.rows, sample=given.sample):
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
