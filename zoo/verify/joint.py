"""Measures of joint models of digits: whether what they make of one modality is the same digit in another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from zoo.generate.joint import MODALITIES
from zoo.generate.plane import drawn_styles, forms_of, places_of, sound_of
from zoo.metrics.judges import Judge, judge_of
from zoo.noise import Noise
from zoo.verify.images import fit_to_judge
from zoo.verify.subject import SEED, Budget, Figure, Poll, Subject, judge_network, rows_of

ENCODED = {"word": "words", "picture": "images", "sound": "waveforms"}
"""How `zoo.generate.plane.places_of` calls what is given."""
GIVEN = (("word",), ("picture",), ("sound",), ("word", "picture"), ("word", "sound"), ("picture", "sound"))
"""Sets of modalities that leave another one to be made."""
_SOUNDS = 60
"""Sounds of each kind that are heard while training: Griffin-Lim takes its time."""
Reader = Callable[[np.ndarray], np.ndarray]


def name_of(given: tuple[str, ...], target: str) -> str:
    """The figure of what is made of what, such as "word + sound → picture"."""
    return f"{' + '.join(given)} → {target}"


def pictures_read_by(judge: Judge) -> Reader:
    """The pinned judge of pictures (n, 1, h, w) in [-1, 1] -> digits (n,)."""
    import torch

    network = judge_network(judge)

    def read(images: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            found: np.ndarray = network(fit_to_judge(torch.from_numpy(images), network)).argmax(1).numpy()
        return found

    return read


def sounds_heard_by(judge: Judge) -> Reader:
    """The pinned judge of sounds (n, t) in [-1, 1] -> digits (n,)."""
    import torch

    network = judge_network(judge)

    def hear(waveforms: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            found: np.ndarray = network(torch.from_numpy(waveforms)).argmax(1).numpy()
        return found

    return hear


def coherence(
    network: Any, data: Any, readers: dict[str, Reader], rows: int, sounds: int, *, seed: int = SEED,
    poll: Poll = lambda: None,
) -> dict[str, float]:  # fmt: skip
    """Share of what is made of each set of GIVEN, by `name_of`, that is the same digit; and of "nothing", of all three.

    `readers` say what digit they see in "picture" and hear in "sound". The first `rows` triples of the data are given;
    of what is to be heard the first `sounds`. Both are at most as many as there are.
    """
    right = {name_of(given, target): 0 for given in GIVEN for target in MODALITIES if target not in given}
    style_dim = network.config.style_dim
    for indices in rows_of(data, rows, 250, poll):
        batch = {key: value.cpu().numpy() for key, value in data.batch(indices).items()}
        truth = batch["label"]
        inputs = {"word": batch["word"], "picture": batch["image"], "sound": batch["waveform"]}
        heard = max(0, min(len(indices), sounds - int(indices[0])))
        for number, given in enumerate(GIVEN):
            poll()
            places = places_of(network, **{ENCODED[key]: inputs[key] for key in given})
            styles = drawn_styles(Noise(seed, stream=(int(indices[0]) << 8) | number), len(places), style_dim)
            made = forms_of(network, places, styles)
            answers = {"word": made.words.argmax(1)}
            if "picture" not in given:
                answers["picture"] = readers["picture"](made.images)
            if "sound" not in given and heard:
                answers["sound"] = readers["sound"](np.stack([sound_of(network, mel) for mel in made.mels[:heard]]))
            for target in MODALITIES:
                if target not in given and target in answers:
                    answer = answers[target]
                    right[name_of(given, target)] += int((answer == truth[: len(answer)]).sum())
    found = {name: count / (sounds if name.endswith("sound") else rows) for name, count in right.items()}
    return found | {"nothing": _of_nothing(network, readers, sounds, seed, poll)}


def _of_nothing(network: Any, readers: dict[str, Reader], count: int, seed: int, poll: Poll) -> float:
    """Share of places drawn from the prior where word, picture and sound agree."""
    noise, agreed = Noise(seed, stream=1 << 40), 0
    for start in range(0, count, 100):
        poll()
        n = min(100, count - start)
        places = noise.normal_array(n, 2)
        made = forms_of(network, places, drawn_styles(noise, n, network.config.style_dim))
        words, seen = made.words.argmax(1), readers["picture"](made.images)
        heard = readers["sound"](np.stack([sound_of(network, mel) for mel in made.mels]))
        agreed += int(((words == seen) & (words == heard)).sum())
    return agreed / count


def any_to_any(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """Coherence of every pair of given and made, their mean first, and of triples made of nothing; beside them what the
    judges score on the real ones. Words are read as they are, and so need no judge."""
    eye, ear = judge_of("mnist"), judge_of("spoken_digits")
    if eye is None or ear is None:
        raise ValueError("a joint model of digits is measured by the judges of mnist and of spoken_digits; pin both")
    readers = {"picture": pictures_read_by(eye), "sound": sounds_heard_by(ear)}
    rows = len(data) if budget.rows is None else min(budget.rows, len(data))
    sounds = min(len(data), budget.clips or _SOUNDS)
    shares = coherence(subject.generator, data, readers, rows, sounds, poll=poll)
    together = shares.pop("nothing")
    real: dict[str, float | None] = dict.fromkeys((*MODALITIES, "all"))
    if not budget.training:
        seen, heard = _real(data, readers, rows, poll)
        truth = data.batch(np.arange(rows))["label"].numpy()
        real = {"picture": float((seen == truth).mean()), "sound": float((heard == truth).mean())}
        real |= {"all": float(((seen == truth) & (heard == truth)).mean())}
    note = "the likeliest place of what is given, a random style; on real data: the judges of what is given or made"
    found = [
        Figure(
            "conditional coherence", float(np.mean(list(shares.values()))), "share", "higher", "test", rows, 0.01,
            note="mean of the nine below; guessing has 0.1",
        ),
        Figure(
            "joint coherence", together, "share", "higher", "generated", sounds, max(0.02, 3 / sounds),
            floor=real["all"], note="word, picture and sound of a place drawn from the prior agree; by chance 0.01",
        ),
    ]  # fmt: skip
    for name, share in shares.items():
        given, target = name.split(" → ")
        count = sounds if target == "sound" else rows
        judge = {"picture": eye, "sound": ear}.get(target)
        known = real.get(target if judge else given.split(" + ")[0])
        found.append(
            Figure(
                name, share, "share", "higher", "test", count, max(0.005, 3 / count), judge.name if judge else "",
                judge.sha256 if judge else "", known, note,
            )
        )  # fmt: skip
    return found


def _real(data: Any, readers: dict[str, Reader], rows: int, poll: Poll) -> tuple[np.ndarray, np.ndarray]:
    """What the judges see and hear in the real pictures and recordings, as the model is given them."""
    seen, heard = [], []
    for indices in rows_of(data, rows, 250, poll):
        batch = data.batch(indices)
        seen.append(readers["picture"](batch["image"].numpy()))
        heard.append(readers["sound"](batch["waveform"].numpy()))
    return np.concatenate(seen), np.concatenate(heard)
