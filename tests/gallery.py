"""Makes zoo/gallery: runs broken on purpose, one or two for each fault of the doctor's, and healthy ones to compare.

    python tests/gallery.py                     every broken run, into zoo/gallery (ZOO_DATA names the data)
    python tests/gallery.py NAME ... --out DIR  some of them, elsewhere (tests/healthy_runs holds the healthy ones)

Each run is real: `train.loop.Run` trains it, with options of `python -m train` that no one should give, or with its
model or data damaged before the first step. What is kept is run.json and log.jsonl, thinned to at most KEPT bytes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

KEPT = 16_000
"""Bytes of a stored log, at most."""


@dataclass(frozen=True)
class Plan:
    """A run to make: what the doctor must find in it (nothing for a healthy one), and how it is trained."""

    name: str
    fault: str
    model: str
    options: str
    """Changes to the model's tiny preset, as words of the command line."""
    sabotage: Callable[[Any], None] | None = None
    """Damages a `train.loop.Run` before its first step."""


@cache
def _read(model: str, sample: bool, config: Any) -> tuple[Any, Any]:
    from train.recipe import preset
    from train.sources import Sources

    return Sources().open(model, replace(preset(model, "tiny"), sample=sample, config=config))


def train(plan: Plan, folder: Path) -> int:
    """Train a plan into `folder`; returns the loop's exit code. Data are read once for all plans that share them."""
    from train.__main__ import recipe_from
    from train.loop import Run
    from train.recipe import course, preset
    from train.sources import Sources

    class Shared(Sources):
        def open(self, name: str, recipe: Any) -> tuple[Any, Any]:
            train, validation = _read(name, recipe.sample, recipe.config)
            return copy(train), copy(validation)

    options = [*plan.options.split(), "--snapshots", "0", "--save-every", "1000000"]
    recipe = recipe_from(preset(plan.model, "tiny"), options, "gallery")
    run = Run(course(plan.model), "tiny", recipe, folder, cpu=True, sources=Shared())
    if plan.sabotage is not None:
        plan.sabotage(run)
    return run.train(resume=False)


def _networks(run: Any) -> list[Any]:
    """The network in training and its average, which is what validation sees."""
    return [run.model, *([run.average.module] if run.average is not None else [])]


def deaf_to_noise(run: Any) -> None:
    """The generator hears a hundredth of its noise: a class is one picture."""
    for network in _networks(run):
        network.project.register_forward_pre_hook(
            lambda module, inputs: (inputs[0] * inputs[0].new_tensor([0.01] * 8 + [1.0] * (inputs[0].shape[1] - 8)),)
        )


def saturated_output(run: Any) -> None:
    """The generator's last bias drives its tanh to 1, where it is flat."""
    for network in _networks(run):
        network.layers[-2].bias.data.fill_(12.0)


def dead_features(run: Any) -> None:
    """The last norm's bias lies so low that every ReLU after it is shut."""
    for network in _networks(run):
        network.norm.bias.data.fill_(-30.0)


def heavy_kl(run: Any) -> None:
    """The bound with its KL term a hundred times too heavy."""
    plain = run.model.loss

    def loss(batch: Any, noise: Any) -> dict[str, Any]:
        from zoo.losses import gaussian_kl
        from zoo.models.image.vae import binarise

        found = plain(batch, noise)
        code = run.model.encode(binarise(batch["image"], noise))
        return {**found, "loss": found["loss"] + 99 * gaussian_kl(*code).mean()}

    run.model.loss = loss


def shut_decoder(run: Any) -> None:
    """The decoder's first weights are zero and stay so: it never hears the code."""
    for network in _networks(run):
        network.decoder.layers[0].weight.data.zero_()
        network.decoder.layers[0].weight.requires_grad_(False)


def few(count: int) -> Callable[[Any], None]:
    """Train on the first `count` samples alone."""

    def cut(run: Any) -> None:
        run.train_data.images, run.train_data.targets = run.train_data.images[:count], run.train_data.targets[:count]
        run.steps_per_epoch = count // run.recipe.batch_size

    return cut


def wrong_labels(run: Any) -> None:
    """1,000 pictures, half of whose labels are drawn at random: those can only be learnt by heart."""
    few(1000)(run)
    random = np.random.default_rng(0)
    run.train_data.targets = np.where(random.random(1000) < 0.5, random.integers(0, 10, 1000), run.train_data.targets)


def shuffled_labels(run: Any) -> None:
    """Labels that have nothing to do with the pictures, other ones each time a picture comes."""
    batch, random = run.train_data.batch, np.random.default_rng(0)

    def shuffled(indices: np.ndarray, epoch: int = 0) -> dict[str, Any]:
        found = batch(indices, epoch)
        found["label"] = found["label"][random.permutation(len(indices))]
        return found

    run.train_data.batch = shuffled


def damaged(row: int) -> Callable[[Any], None]:
    """One picture in a thousand is not a number."""

    def spoil(run: Any) -> None:
        batch = run.train_data.batch

        def spoilt(indices: np.ndarray, epoch: int = 0) -> dict[str, Any]:
            found = batch(indices, epoch)
            found["image"][np.asarray(indices) % 1000 == row] = float("nan")
            return found

        run.train_data.batch = spoilt

    return spoil


_ALL = "--no-sample --schedule constant --log-every 10 "
_GAN = _ALL + "--width 8 --batch-size 32 --ema-decay 0.99 --steps 500 --evaluate-every 500 "
_GAN += "--generator-learning-rate 1e-3 --discriminator-learning-rate 1e-3 "
_VAE = _ALL + "--width 8 --latent-dim 16 --hidden-dim 64 --batch-size 32 --ema-decay 0.98 --steps 600 "
_VAE += "--learning-rate 2e-3 --evaluate-every 600 "
_RES = _ALL + "--width 4 --batch-size 32 --ema-decay 0.98 --steps 600 --learning-rate 2e-3 --evaluate-every 100 "
_BY_HEART = (
    _RES + "--width 16 --label-smoothing 0 --max-shift 0 --learning-rate 4e-3 --steps 1000 --evaluate-every 150 "
)
_GPT = _ALL + "--embedding-dim 32 --batch-size 16 --ema-decay 0.98 --steps 600 --warmup 50 --learning-rate 4e-3 "
_GPT += "--evaluate-every 100 "
_WAVE = _ALL + "--batch-size 4 --ema-decay 0.98 --steps 400 --warmup 50 --learning-rate 4e-3 --evaluate-every 100 "
_MEL = _ALL + "--width 8 --num-mels 32 --batch-size 32 --ema-decay 0.98 --steps 500 --learning-rate 4e-3 "
_MEL += "--evaluate-every 100 "

BROKEN = (
    Plan("still-generator", "discriminator-saturation", "dcgan", _GAN + "--generator-learning-rate 1e-9"),
    Plan("slow-generator", "discriminator-saturation", "dcgan", _GAN + "--generator-learning-rate 1e-4"),
    Plan(
        "hasty-discriminator",
        "discriminator-ahead",
        "dcgan",
        _GAN + "--generator-learning-rate 1e-4 --discriminator-learning-rate 5e-3",
    ),
    Plan("still-discriminator", "generator-ahead", "dcgan", _GAN + "--discriminator-learning-rate 1e-9"),
    Plan("hasty-generator", "mode-collapse", "dcgan", _GAN + "--generator-learning-rate 5e-2"),
    Plan("deaf-generator", "mode-collapse", "dcgan", _GAN, deaf_to_noise),
    Plan("saturated-output", "vanishing-gradients", "dcgan", _GAN, saturated_output),
    Plan("dead-features", "vanishing-gradients", "resnet", _RES, dead_features),
    Plan("wild-rate", "exploding-gradients", "gpt", _GPT + "--learning-rate 3 --clip-norm 0"),
    Plan("wild-vae", "exploding-gradients", "vae", _VAE + "--learning-rate 0.1 --clip-norm 0"),
    Plan("heavy-kl", "posterior-collapse", "vae", _VAE, heavy_kl),
    Plan("shut-decoder", "posterior-collapse", "vae", _VAE, shut_decoder),
    Plan("wrong-labels", "over-fitting", "resnet", _BY_HEART, wrong_labels),
    Plan("few-pictures", "too-little-data", "vae", _VAE + "--evaluate-every 150 ", few(200)),
    Plan("few-digits", "too-little-data", "resnet", _BY_HEART + "--width 8 --steps 500 ", few(100)),
    Plan("few-for-a-pair", "too-little-data", "dcgan", _GAN + "--steps 1500", few(100)),
    Plan("damaged-sample", "non-finite", "resnet", _RES, damaged(321)),
    Plan("overflow", "non-finite", "resnet", _RES + "--learning-rate 1e38 --weight-decay 0"),
    Plan("tiny-rate", "not-learning", "gpt", _GPT + "--learning-rate 1e-8"),
    Plan("shuffled-labels", "not-learning", "resnet", _RES, shuffled_labels),
)
_MLP_GAN = _ALL + "--latent-dim 64 --width 256 --maxout-width 64 --pieces 5 --batch-size 64 --ema-decay 0.99 "
_MLP_GAN += "--generator-learning-rate 5e-4 --discriminator-learning-rate 5e-4 --steps 3000 --evaluate-every 1500 "
_WGAN_GP = _ALL + "--width 8 --batch-size 32 --ema-decay 0.99 --steps 1000 --evaluate-every 500 "
_PIX2PIX = _ALL + "--width 8 --widest 32 --batch-size 16 --ema-decay 0.99 --steps 500 --evaluate-every 100 "
_RNN = _ALL + "--hidden-dim 48 --embedding-dim 32 --dropout 0 --state-dropout 0 --batch-size 16 --ema-decay 0.98 "
_RNN += "--steps 600 --warmup 50 --learning-rate 8e-3 --evaluate-every 100 "
_STYLEGAN = _ALL + "--width 8 --max-width 32 --style-dim 32 --batch-size 16 --ema-decay 0.99 --steps 500 "
_STYLEGAN += "--evaluate-every 250 --precision auto --mapping-rate 0.5 "
_STYLEGAN += "--generator-learning-rate 5e-3 --discriminator-learning-rate 5e-3 "
_CYCLEGAN = _ALL + "--width 8 --discriminator-width 8 --batch-size 4 --ema-decay 0.99 --steps 400 --evaluate-every 200 "
_SRGAN = _ALL + "--width 16 --discriminator-width 8 --batch-size 8 --ema-decay 0.99 --steps 500 --evaluate-every 250 "
_BERT = _ALL + "--num-classes 0 --no-replies --embedding-dim 32 --context-length 32 --batch-size 32 --ema-decay 0.98 "
_BERT += "--steps 600 --warmup 50 --learning-rate 3e-3 --evaluate-every 100 "
_SEQ2SEQ = _ALL + "--embedding-dim 32 --hidden-dim 64 --batch-size 32 --ema-decay 0.98 --steps 600 --warmup 50 "
_SEQ2SEQ += "--learning-rate 4e-3 --evaluate-every 150 "
_DIFFUSION = _ALL + "--batch-size 16 --ema-decay 0.98 --steps 300 --learning-rate 4e-3 --evaluate-every 150 "
_WAVEGAN = _ALL + "--length 8192 --stages 5 --width 4 --mel-width 8 --latent-dim 16 --batch-size 16 --ema-decay 0.99 "
_WAVEGAN += "--steps 500 --evaluate-every 250 --generator-learning-rate 1e-3 --discriminator-learning-rate 4e-4 "
_WAVEGAN += "--slope-penalty 0.3 --slope-every 4 "
_MUSIC = _ALL + "--embedding-dim 32 --batch-size 16 --ema-decay 0.98 --steps 400 --warmup 50 --learning-rate 4e-3 "
_MUSIC += "--evaluate-every 100 "
_FLOW = _ALL + "--batch-size 16 --ema-decay 0.98 --steps 300 --warmup 50 --learning-rate 1e-3 --evaluate-every 100 "
_SPEECH = _ALL + "--channels 32 --batch-size 16 --ema-decay 0.98 --steps 300 --warmup 50 --learning-rate 2e-3 "
_SPEECH += "--evaluate-every 100 "
_JOINT = _ALL + "--batch-size 32 --ema-decay 0.98 --steps 400 --learning-rate 2e-3 --evaluate-every 200 "
_MATCHING = _ALL + "--batch-size 32 --ema-decay 0.98 --steps 400 --warmup 50 --learning-rate 2e-3 --evaluate-every 200 "
_CAPTIONS = _ALL + "--batch-size 32 --ema-decay 0.98 --steps 400 --warmup 50 --learning-rate 3e-3 --evaluate-every 200 "
_LATENT = _ALL + "--stage autoencoder --metric PSNR --better higher --batch-size 16 --ema-decay 0.98 --steps 300 "
_LATENT += "--learning-rate 2e-3 --evaluate-every 150 "
_HEALTHY = {
    "dcgan": _GAN + "--steps 1000 ",
    "mlp_gan": _MLP_GAN,
    "wgan_gp": _WGAN_GP,
    "diffusion": _DIFFUSION,
    "pix2pix": _PIX2PIX,
    "cyclegan": _CYCLEGAN,
    "srgan": _SRGAN,
    "stylegan": _STYLEGAN,
    "vae": _VAE + "--evaluate-every 150 ",
    "resnet": _RES,
    "gpt": _GPT,
    "seq2seq": _SEQ2SEQ,
    "bert": _BERT,
    "rnn": _RNN,
    "wavenet": _WAVE,
    "mel_resnet": _MEL,
    "wavegan": _WAVEGAN,
    "music_transformer": _MUSIC,
    "waveglow": _FLOW,
    "tts": _SPEECH,
    "trimodal_digits": _JOINT,
    "contrastive": _MATCHING,
    "captioner": _CAPTIONS,
    "text_to_image": _LATENT,
}
HEALTHY = tuple(
    Plan(f"{model}-{seed}", "", model, f"{options} --seed {seed}")
    for model, options in _HEALTHY.items()
    for seed in (1, 2, 3)
)


def thinned(lines: list[dict[str, Any]], room: int = KEPT) -> list[dict[str, Any]]:
    """Validations and events, and as many training lines, evenly spaced, as `room` bytes hold; numbers to 4 digits."""

    def short(value: Any) -> Any:
        if isinstance(value, list):
            return [short(v) for v in value]
        return float(f"{value:.4g}") if isinstance(value, float) else value

    lines = [{k: short(v) for k, v in line.items() if k != "samples_per_second"} for line in lines]
    training = [line for line in lines if "loss" in line]
    size = sum(len(json.dumps(line)) + 1 for line in training)
    rest = sum(len(json.dumps(line)) + 1 for line in lines if "loss" not in line)
    apart = max(1, -(-size // max(1, room - rest)))
    kept = {id(line) for line in training[::-1][::apart]}
    return [line for line in lines if "loss" not in line or id(line) in kept]


def store(run: Path, folder: Path) -> None:
    """Keep of a run what the doctor reads."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(run / "run.json", folder / "run.json")
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in thinned(lines))
    (folder / "log.jsonl").write_text(text, encoding="utf-8")


def main() -> int:
    """Make the runs that were asked for."""
    from train.loop import INTERRUPTED

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="runs to make (all broken ones by default)")
    parser.add_argument("--out", type=Path, default=ROOT / "zoo" / "gallery")
    parser.add_argument("--seed", type=int, help="another seed than a plan's own: runs that no threshold has seen")
    arguments = parser.parse_args()
    if arguments.seed is not None and arguments.out == ROOT / "zoo" / "gallery":
        parser.error("the gallery keeps its seeds; give another --out with --seed")
    plans = {plan.name: plan for plan in (*BROKEN, *HEALTHY)}
    for name in arguments.names:
        if name not in plans:
            parser.error(f"no run is named {name!r}; there are: {', '.join(plans)}")
    for name in arguments.names or [plan.name for plan in BROKEN]:
        with tempfile.TemporaryDirectory() as scratch:
            plan = plans[name]
            if arguments.seed is not None:
                plan = replace(plan, options=f"{plan.options} --seed {arguments.seed}")
            code = train(plan, Path(scratch))
            if code == INTERRUPTED:
                return code
            store(Path(scratch), arguments.out / name)
        print(f"{name}: the loop left with {code}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
