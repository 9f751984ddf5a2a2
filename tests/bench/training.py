"""Speed of training against published peers, told again in our own words (see `peers/`), interleaved in one process.

    python tests/bench/training.py [ROW ...] [--repeats 5] [--seconds 3] [--tiny]

Prints one JSON line a comparison. Ours is the zoo's own loop (`train.loop.Run`) on one machine's CPU: precision and
threads are chosen by what the CPU has, never by a compiler. Peers run as published: fp32, eager, default threads.
Needs ZOO_DATA for the whole of MNIST and Tiny Shakespeare; without it, the small bundled samples.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import ablation
import numpy as np
import ours
import overhead
import torch
import wasserstein
from peers import nanogpt, pythae, pytorch_gan, trainer
from timing import Budget, Contender, all_cores, line, rates, stepping
from torch import Tensor, nn

from train.recipe import Recipe
from train.text import gpt
from zoo import runtime
from zoo.data.load import load
from zoo.models.image.vae import VAEConfig
from zoo.models.text.gpt import GPTConfig

GPT_SIZES = GPTConfig(context_length=256, num_layers=6, num_heads=6, embedding_dim=384)
"""10.7 million parameters with 65 characters."""
TINY_GPT = GPTConfig(context_length=32, num_layers=2, num_heads=2, embedding_dim=16)


def precisions() -> list[str]:
    """fp32, and bf16 where the CPU multiplies it natively."""
    return ["fp32", "bf16"] if runtime.has_amx() else ["fp32"]


def shuffled(pictures: Tensor, size: int = 64) -> Iterator[Tensor]:
    """Batches from memory, without end: what a peer is given where its loader is left out."""
    while True:
        for rows in torch.randperm(len(pictures)).split(size):
            if len(rows) == size:
                yield pictures[rows]


def everything(recipe: Recipe) -> dict[str, Tensor]:
    """The training split of a recipe's pictures as one batch."""
    data = load(recipe.dataset, "train", recipe.config, sample=recipe.sample)
    return data.batch(np.arange(len(data)))


class Bench:
    """The rows; each method prints its lines."""

    def __init__(self, budget: Budget, folder: Path, *, tiny: bool) -> None:
        self.budget, self.folder, self.tiny = budget, folder, tiny
        self.sample = tiny or not os.environ.get("ZOO_DATA")
        self.batch = 8 if tiny else 64
        self.numbers = {"threads": all_cores(), "sample": self.sample, "batch_size": self.batch}

    def dcgan(self) -> None:
        """PyTorch-GAN's dcgan.py, 32 pixels: its networks, and our own of like capacity."""
        recipe = ours.gan_recipe(**self.numbers)
        peer = pytorch_gan.dcgan(shuffled(everything(recipe)["image"], self.batch))
        contenders = [self._peer("peer", stepping(peer.__next__))]
        for precision in precisions():
            numbered = replace(recipe, precision=precision)
            contenders += [
                self._loop(f"dcgan, same networks, {precision}", lambda *_: ours.PeerGenerator(), numbered),
                self._loop(f"dcgan, our networks, {precision}", ours.dcgan, numbered),
            ]
        self._compare(contenders, "images/s")

    def wgan_gp(self) -> None:
        """PyTorch-GAN's wgan_gp.py: dense networks, five critic steps to one of the generator."""
        recipe = ours.gan_recipe(**self.numbers | {"batch_size": 5 * self.batch})
        recipe = replace(recipe, config=VAEConfig(image_size=28), algorithm=wasserstein.PEERS)
        data = load("mnist", "train", recipe.config, sample=self.sample)
        peer = pytorch_gan.wgan_gp(shuffled(everything(recipe)["image"], self.batch))
        published = pytorch_gan.wgan_gp(pytorch_gan.loader(data.images[:, 0], 28, self.batch))
        contenders = [
            self._peer("peer", stepping(peer.__next__)),
            self._peer("peer with its loader", stepping(published.__next__)),
        ]
        for precision in precisions():
            numbered = replace(recipe, precision=precision)
            contenders.append(self._loop(f"wgan_gp, {precision}", lambda *_: wasserstein.PeerGenerator(), numbered))
        self._compare(contenders, "images/s")

    def gpt(self) -> None:
        """nanoGPT's loop and transformers' Trainer on 10.7 million parameters."""
        config = TINY_GPT if self.tiny else GPT_SIZES
        recipe = ours.gpt_recipe(config, **self.numbers | {"batch_size": 12})
        data = load(recipe.dataset, "train", config, sample=self.sample)
        nano, library = gpt_peers(config, data.tokenizer.get_vocab_size())
        windows, tokens = trainer.Windows(data.ids, config.context_length), recipe.batch_size * config.context_length
        text = nanogpt.train(nano, data.ids.astype(np.uint16), recipe.batch_size)

        def trainer_steps(steps: int) -> float:
            return trainer.seconds(library, windows, recipe.batch_size, steps)

        contenders = [
            self._peer("peer nanoGPT", stepping(text.__next__), tokens),
            self._peer("peer transformers Trainer", trainer_steps, tokens),
        ]
        for precision in precisions():
            numbered = replace(recipe, precision=precision)
            contenders.append(self._loop(f"gpt, {precision}", gpt.build, numbered, config.context_length))
        self._compare(contenders, "tokens/s")

    def vae(self) -> None:
        """pythae's trainer on its dense VAE of 0.8 million parameters."""
        recipe = ours.vae_recipe(**self.numbers)
        whole = everything(recipe)
        peer = pythae.train(whole["image"] * 0.5 + 0.5, whole["label"], self.batch)
        contenders = [self._peer("peer", stepping(peer.__next__))]
        for precision in precisions():
            for threads in sorted({1, all_cores()}):
                numbered = replace(recipe, threads=threads, precision=precision)
                name = f"vae, {precision}, {threads} threads"
                contenders.append(self._loop(name, lambda *_: ours.DenseVAE(), numbered))
        self._compare(contenders, "images/s")

    def overhead(self) -> None:
        """Our loop against the bare one: same model, fused optimiser, batches and noise."""
        for name, preset in (("vae", "mnist"), ("gpt", "shakespeare"), ("dcgan", "mnist")):
            chosen = "tiny" if self.tiny else preset
            overhead.measure(name, chosen, self.budget, self.folder / "overhead", sample=self.sample)

    def tricks(self) -> None:
        """What each trick gives, taken away one at a time."""
        ablation.dcgan(self.budget, shuffled(everything(ours.gan_recipe(**self.numbers))["image"], self.batch))
        ablation.gpt(self.budget, TINY_GPT if self.tiny else GPT_SIZES, sample=self.sample)

    def _peer(self, name: str, run: Callable[[int], float], items: int = 0) -> Contender:
        """Default threads, default allocator."""
        return Contender(name, run, items or self.batch, all_cores(), keeps_memory=False)

    def _loop(self, name: str, build: Callable[[Recipe, Any], nn.Module], recipe: Recipe, each: int = 1) -> Contender:
        """Our loop; `each` is the items of one sample."""
        run = ours.begin(build, recipe, self.folder / name)
        return Contender(name, ours.steps_of(run), recipe.batch_size * each, recipe.threads)

    def _compare(self, contenders: list[Contender], unit: str) -> None:
        """Measure; one line for each of ours against each peer."""
        found = rates(contenders, self.budget)
        peers = [contender for contender in contenders if contender.name.startswith("peer")]
        for contender in contenders[len(peers) :]:
            for peer in peers:
                line(f"{contender.name}, against {peer.name}", found, contender, peer, unit)


def gpt_peers(config: GPTConfig, vocabulary: int) -> tuple[nanogpt.NanoGPT, nn.Module]:
    """nanoGPT and transformers' GPT-2 with the sizes of `config`."""
    sizes = (vocabulary, config.context_length, config.num_layers, config.num_heads, config.embedding_dim)
    return nanogpt.NanoGPT(*sizes), trainer.gpt2(*sizes)


ROWS = ("dcgan", "wgan_gp", "gpt", "vae", "overhead", "tricks")


def main() -> None:
    """Print the chosen rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", default=ROWS, help=f"of {', '.join(ROWS)}; all without any")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each contender in each repeat")
    parser.add_argument("--patience", type=int, default=2, help="times REPEATS that calm ones may cost")
    parser.add_argument("--tiny", action="store_true", help="tiny models, to see that it runs")
    arguments = parser.parse_args()
    if unknown := set(arguments.rows) - set(ROWS):
        parser.error(f"no row is named {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    budget = Budget(arguments.repeats, arguments.seconds, arguments.patience)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(budget, Path(folder), tiny=arguments.tiny)
        for row in arguments.rows:
            getattr(bench, row)()


if __name__ == "__main__":
    main()
