"""Generation on a CPU against what people use otherwise: GPT, DCGAN and WaveNet, interleaved, same weights.

    python tests/bench/generation.py [gpt-0.8M gpt-10.7M gpt-124M dcgan wavenet]

GPT, one text at a time, drawn at temperature 0.8 and top-p 0.95: transformers' `generate` on the exported weights,
against the zoo's engine with onnxruntime (weights of 32, 8 and 4 bits) and without it (torch, own cache). The weights
are random: time does not depend on them. DCGAN: the published generator told again (tests/bench/peers), eager, against
the bundled one and against one of its own widths. WaveNet: an incremental PyTorch decoder (r9y9's manner, told again)
and a leaner eager loop, against NumPy and numba. Prints one JSON line a figure.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import timing
import torch
from peers import incremental, pytorch_gan

from zoo import checkpoint, hub
from zoo.engine import wavenet_compiled
from zoo.engine.graphs import Graphs
from zoo.engine.modules import Modules
from zoo.engine.wavenet import WaveNetSampler
from zoo.export.graphs import export
from zoo.export.transformers import gpt2_tensors
from zoo.generate.sampling import choose
from zoo.models.image.dcgan import DCGAN, DCGANConfig
from zoo.models.text.gpt import GPT, GPTConfig
from zoo.noise import Noise

SIZES = {
    "gpt-0.8M": (GPTConfig(vocab_size=65, context_length=64, num_layers=4, num_heads=4, embedding_dim=128), 48),
    "gpt-10.7M": (GPTConfig(vocab_size=65, context_length=256, num_layers=6, num_heads=6, embedding_dim=384), 128),
    "gpt-124M": (GPTConfig(vocab_size=50257, context_length=1024, num_layers=12, num_heads=12, embedding_dim=768), 32),
}
"""Config, and tokens written at a time after a prompt of 8."""
ASKED = {
    "gpt-0.8M": {32: 10, 8: 10, 4: 10, "torch": 3},
    "gpt-10.7M": {32: 5, 8: 5, 4: 5, "torch": 1.9},
    "gpt-124M": {32: 4, 8: 4, 4: 4, "torch": None},
}
PROMPT = 8
BUDGET = timing.Budget()


def write(network: Any, prompt: np.ndarray, count: int, *, temperature: float = 0.8) -> list[int]:
    """`count` tokens after the prompt, as `zoo.generate` draws them."""
    state, ids, written, uniforms = network.start(1), prompt, [], Noise(0).uniform_array(count)
    for i in range(count):
        logits, state = network.step(ids, state)
        drawn = choose(logits, uniforms[i : i + 1], temperature=temperature, top_p=0.95)
        written.append(int(drawn[0]))
        ids = drawn[:, None]
    return written


def gpt(name: str) -> None:
    """One size of GPT: rates against `generate`, first tokens, and whether greedy texts agree."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config, count = SIZES[name]
    torch.manual_seed(0)
    model = GPT(config).eval().requires_grad_(False)
    with tempfile.TemporaryDirectory() as place:
        networks = engines(model, Path(place))
        model = networks["torch"].model  # as it was stored
        shape = GPT2Config(
            vocab_size=config.vocab_size, n_positions=config.context_length, n_embd=config.embedding_dim,
            n_layer=config.num_layers, n_head=config.num_heads, bos_token_id=0, eos_token_id=None,
        )  # fmt: skip
        peer = GPT2LMHeadModel(shape).eval()
        peer.load_state_dict(gpt2_tensors(model.state_dict(), config.num_layers), strict=False)
        prompt = Noise(1).integers_array(config.vocab_size, 1, PROMPT)
        given = torch.from_numpy(prompt)

        def generate(**options: Any) -> list[int]:
            with torch.inference_mode():
                ids = peer.generate(
                    given, attention_mask=torch.ones_like(given), min_new_tokens=count, max_new_tokens=count, **options
                )
            return ids[0, PROMPT:].tolist()

        def theirs() -> list[int]:
            return generate(do_sample=True, temperature=0.8, top_p=0.95, top_k=0)

        def contender(kind: Any) -> timing.Contender:
            return timing.Contender(str(kind), timing.stepping(lambda: write(networks[kind], prompt, count)), count, 2)

        reference = timing.Contender("transformers", timing.stepping(theirs), count, timing.all_cores())
        ours = {kind: contender(kind) for kind in networks}
        found = timing.rates([reference, *ours.values()], BUDGET)
        for kind, own in ours.items():
            way = "torch" if kind == "torch" else f"onnxruntime, {kind} bits"
            timing.line(f"{name}, {way}", found, own, reference, "tokens/s", asked=ASKED[name][kind])
        greedy = generate(do_sample=False)
        same = {
            str(kind): float(np.mean(np.array(write(network, prompt, count, temperature=0.0)) == greedy))
            for kind, network in networks.items()
        }
        figure(f"{name}, greedy tokens equal to transformers'", same)
        firsts = {}
        for kind, network in networks.items():
            firsts[str(kind)] = milliseconds(lambda network=network: write(network, prompt, 1), 15)
        firsts["transformers"] = milliseconds(
            lambda: peer.generate(given, attention_mask=torch.ones_like(given), max_new_tokens=1), 15
        )
        figure(f"{name}, first token in ms", firsts)


def engines(model: GPT, place: Path) -> dict[Any, Any]:
    """The same weights by torch, and by onnxruntime with 32, 8 and 4 bits."""
    found: dict[Any, Any] = {}
    for bits in (32, 8, 4):
        folder = place / str(bits)
        folder.mkdir()
        checkpoint.save(folder, model, "gpt", "bench", labels=(), dtype="float16")
        export(folder, bits=bits)
        sha256 = checkpoint.sha256_of(folder / "model.safetensors")
        found[bits] = Graphs(folder, sha256)
    found["torch"] = Modules(checkpoint.load(place / "32").model)
    return found


def milliseconds(call: Callable[[], object], repeats: int) -> float:
    """The median time of a call."""
    call()
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return round(1e3 * statistics.median(times), 3)


def figure(name: str, value: Any) -> None:
    """Print a figure that is no comparison of rates."""
    print(json.dumps({"name": name, "value": value, **timing.machine()}, ensure_ascii=False), flush=True)


def dcgan() -> None:
    """Pictures a second of 64 at a time, and milliseconds of one."""
    folder = hub.PRETRAINED / "dcgan.mnist"
    bundled = Graphs(folder, checkpoint.sha256_of(folder / "model.safetensors"))
    published = pytorch_gan.ConvGenerator().eval()
    latents, labels = Noise(0).normal_array(64, bundled.config.latent_dim), np.arange(64) % 10
    noise = torch.randn(64, 100)

    def theirs() -> None:
        with torch.inference_mode():
            published(noise)

    with tempfile.TemporaryDirectory() as place:
        torch.manual_seed(0)
        wide = DCGAN(DCGANConfig(latent_dim=100, num_classes=0, width=64))
        checkpoint.save(Path(place), wide, "dcgan", "bench", labels=(), dtype="float16")
        export(Path(place))
        same = Graphs(Path(place), checkpoint.sha256_of(Path(place) / "model.safetensors"))
        rows = noise.numpy()
        reference = timing.Contender("published", timing.stepping(theirs), 64, timing.all_cores())
        ours = {
            "dcgan.mnist, onnxruntime": timing.Contender(
                "bundled", timing.stepping(lambda: bundled.run("generator", latents=latents, labels=labels)), 64, 2
            ),
            "dcgan of the paper's widths, onnxruntime": timing.Contender(
                "same", timing.stepping(lambda: same.run("generator", latents=rows)), 64, 2
            ),
        }
        found = timing.rates([reference, *ours.values()], BUDGET)
        for name, own in ours.items():
            timing.line(f"{name}, 64 at a time", found, own, reference, "images/s", asked=6)
    one = {"latents": latents[:1], "labels": labels[:1]}
    figure("dcgan.mnist, one picture in ms (asked: 2)", milliseconds(lambda: bundled.run("generator", **one), 200))


def wavenet() -> None:
    """Samples a second of the bundled weights on one thread."""
    folder = hub.PRETRAINED / "wavenet.spoken-digits"
    model = checkpoint.load(folder).model
    network = Graphs(folder, checkpoint.sha256_of(folder / "model.safetensors"))
    config, frames = model.config, 25
    given = {"digit": torch.tensor([7]), "speaker": torch.tensor([1]), "duration": torch.tensor([0.25])}
    with torch.no_grad():
        condition = model.condition({**given, "frames": torch.tensor(frames)})
    uniforms = Noise(0).uniform_array(1, frames * config.frame_size)
    sampler = WaveNetSampler(network.weights(), config)
    count = uniforms.shape[1]
    numpy = timing.Contender(
        "numpy", timing.stepping(lambda: list(sampler.sample(condition.numpy(), uniforms))), count, 1
    )
    compiled = timing.Contender(
        "numba", timing.stepping(lambda: list(wavenet_compiled.sample(sampler, condition.numpy(), uniforms))), count, 1
    )
    layered = timing.Contender(
        "incremental", timing.stepping(lambda: incremental.buffered(model, condition, uniforms)), count, 1
    )
    eager = timing.Contender("eager", timing.stepping(lambda: incremental.queued(model, condition, uniforms)), count, 1)
    with torch.no_grad():
        found = timing.rates([numpy, compiled, layered, eager], BUDGET)
    timing.line("wavenet, NumPy against an incremental decoder", found, numpy, layered, "samples/s", asked=10)
    timing.line(
        "wavenet, numba against an incremental PyTorch decoder", found, compiled, layered, "samples/s", asked=25
    )
    timing.line("wavenet, NumPy against a lean eager PyTorch loop", found, numpy, eager, "samples/s", asked=None)
    rate = statistics.median(found.rates["numpy"])
    with torch.no_grad():
        codes = [incremental.buffered(model, condition, uniforms), incremental.queued(model, condition, uniforms)]
    own = np.concatenate(list(sampler.sample(condition.numpy(), uniforms)), axis=1)[0]
    figure("wavenet, codes equal to the peers'", [float(np.mean(own == np.array(one))) for one in codes])
    figure("wavenet, seconds of one core a second of speech (asked: 1)", round(config.sample_rate / rate, 3))


CASES: dict[str, Callable[[], None]] = {name: (lambda name=name: gpt(name)) for name in SIZES}
CASES |= {"dcgan": dcgan, "wavenet": wavenet}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", choices=[*CASES, []], metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="a contender's share of a repeat")
    given = parser.parse_args()
    BUDGET = timing.Budget(given.repeats, given.seconds)
    for case in given.cases or CASES:
        CASES[case]()
