"""What a joint model of digits makes of each set of modalities, beside the chain of single models, by several judges.

    ZOO_DATA=path/to/data python tests/bench/joint.py [CHECKPOINT ...] [--seeds 3] [--rows 1000] [--sounds 100]

One JSON line for each way (a checkpoint, as a folder or a bundled name, and "chain") and each pair of judges: the mean
and the deviation, over seeds of the styles, of every entry of the coherence matrix, and the mean as a share of what the
same judge scores on the real data. The pinned judges are those of the zoo; the outside ones have never seen its data: a
support vector machine of scikit-learn on that library's own digits (8 x 8 pixels, UCI), and pocketsphinx with its
American English model and a grammar of ten words. The chain reads with the pinned judges, draws with dcgan.mnist and
says with wavenet.spoken-digits. `spread.py trimodal_digits` spreads a recipe over seeds of training.
"""

from __future__ import annotations

import argparse
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zoo import hub
from zoo.data.audio import fit_length
from zoo.data.load import load
from zoo.generate import crossmodal, library
from zoo.generate.digits import say_batch
from zoo.generate.drawing import ink_of
from zoo.generate.image import generate
from zoo.generate.joint import MODALITIES
from zoo.generate.numbers import in_english
from zoo.metrics.judges import judge_of
from zoo.models.crossmodal.trimodal_digits import TrimodalDigitsConfig
from zoo.noise import Noise
from zoo.verify import subject_of
from zoo.verify.joint import GIVEN, Reader, coherence, name_of, pictures_read_by, sounds_heard_by

RATE, SPHINX_RATE = 8000, 16000
SPEAKERS = 6
Readers = dict[str, Reader]


@cache
def _support_vectors() -> Any:
    from sklearn.datasets import load_digits
    from sklearn.svm import SVC

    found = load_digits()
    return SVC(gamma=0.001).fit(np.stack([_eight(image) for image in found.images / 16.0]), found.target)


def _eight(ink: np.ndarray) -> np.ndarray:
    """Ink (h, w) from 0 to 1 -> its bounding box as 8 x 8 means from 0 to 16, flat: what UCI's digits are."""
    cut = Image.fromarray(ink_of(ink).astype(np.float32))
    found: np.ndarray = np.asarray(cut.resize((8, 8), Image.Resampling.BOX)).ravel() * 16
    return found


def by_support_vectors(images: np.ndarray) -> np.ndarray:
    """Pictures (n, 1, h, w) in [-1, 1] -> digits (n,)."""
    inks = [_eight(image) if np.ptp(image) > 0.2 else np.zeros(64) for image in (images[:, 0] + 1) / 2]
    found: np.ndarray = _support_vectors().predict(np.stack(inks))
    return found


@cache
def _sphinx() -> Any:
    from pocketsphinx import Decoder

    decoder = Decoder(samprate=SPHINX_RATE, loglevel="FATAL", lm=None)
    words = " | ".join(in_english(str(digit)) for digit in range(10))
    decoder.add_jsgf_string("digit", f"#JSGF V1.0; grammar digit; public <digit> = {words};")
    decoder.activate_search("digit")
    return decoder


def by_sphinx(waveforms: np.ndarray) -> np.ndarray:
    """Sounds (n, t) at 8 kHz -> digits (n,), -1 where no word is heard."""
    import soxr

    decoder, names = _sphinx(), [in_english(str(digit)) for digit in range(10)]
    heard = []
    for waveform in waveforms:
        quiet = np.zeros(SPHINX_RATE // 4, np.float32)
        said = np.concatenate([quiet, soxr.resample(waveform.astype(np.float32), RATE, SPHINX_RATE), quiet])
        decoder.start_utt()
        decoder.process_raw((said.clip(-1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
        decoder.end_utt()
        found = decoder.hyp()
        heard.append(names.index(found.hypstr) if found is not None and found.hypstr in names else -1)
    return np.array(heard)


def pinned() -> Readers:
    """The zoo's own judges."""
    eye, ear = judge_of("mnist"), judge_of("spoken_digits")
    assert eye is not None and ear is not None
    return {"picture": pictures_read_by(eye), "sound": sounds_heard_by(ear)}


def chained(data: Any, own: Readers, readers: Readers, rows: int, sounds: int, seed: int) -> dict[str, float]:
    """The coherence matrix of the steps: `own` judges read what is given, `readers` what is made of it."""
    painter, voice = (library.get(name).network for name in (crossmodal.PAINTER, crossmodal.VOICE))
    batch = {key: value.numpy() for key, value in data.batch(np.arange(rows)).items()}
    truth, found = batch["label"], {}
    read = {"picture": own["picture"](batch["image"]), "sound": own["sound"](batch["waveform"])}
    for number, given in enumerate(GIVEN):
        digits = truth if "word" in given else read[given[0]]  # of a picture and a sound the judge of pictures is surer
        for target in MODALITIES:
            if target in given:
                continue
            count = sounds if target == "sound" else rows
            asked = digits[:count]
            if target == "word":
                answer = asked
            elif target == "picture":
                noise = Noise(seed, stream=number).normal_array(count, painter.config.latent_dim)
                made = generate(painter, np.float32(0.8) * noise, asked)  # as the app draws
                answer = readers["picture"](made[:, None].astype(np.float32) / 127.5 - 1)
            else:
                clips = say_batch(voice, asked, np.arange(count) % SPEAKERS, seed=seed * 100 + number, temperature=1.0)
                answer = readers["sound"](np.stack([fit_length(clip, RATE) for clip in clips]))
            found[name_of(given, target)] = float((answer == truth[:count]).mean())
    return found


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", nargs="*", default=["trimodal_digits.digits"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--sounds", type=int, default=100)
    parser.add_argument("--sample", action="store_true", help="the bundled sample in place of ZOO_DATA")
    arguments = parser.parse_args()
    own = pinned()
    judges = {"pinned": own, "outside": {"picture": by_support_vectors, "sound": by_sphinx}}
    for name in (*arguments.checkpoints, "chain"):
        subject = None if name == "chain" else subject_of(Path(name) if Path(name).is_dir() else hub.resolve(name))
        config = TrimodalDigitsConfig() if subject is None else subject.model.config
        data: Any = load("trimodal_digits", "test", config, sample=arguments.sample)
        rows = min(arguments.rows, len(data))
        sounds = min(arguments.sounds, rows)
        real = {key: value.numpy() for key, value in data.batch(np.arange(rows)).items()}
        for kind, readers in judges.items():
            scores = {
                "picture": float((readers["picture"](real["image"]) == real["label"]).mean()),
                "sound": float((readers["sound"](real["waveform"][:sounds]) == real["label"][:sounds]).mean()),
            }
            runs = [
                chained(data, own, readers, rows, sounds, seed)
                if subject is None
                else coherence(subject.generator, data, readers, rows, sounds, seed=seed)
                for seed in range(arguments.seeds)
            ]
            matrix = {}
            for entry in runs[0]:
                values = [run[entry] for run in runs]
                ceiling = scores.get(entry.split(" → ")[-1], 1.0)
                matrix[entry] = {
                    "mean": round(float(np.mean(values)), 4),
                    "deviation": round(float(np.std(values, ddof=min(1, len(values) - 1))), 4),
                    "of_real": round(float(np.mean(values)) / max(ceiling, 1e-9), 4),
                }
            line = {"way": name, "judges": kind, "real": scores, "seeds": arguments.seeds, "rows": rows}
            print(json.dumps(line | {"sounds": sounds, "matrix": matrix}, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
