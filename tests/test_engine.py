"""The engine: graphs by onnxruntime give what the modules give by torch; what was changed is refused in words."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from zoo import checkpoint, hub, runtime
from zoo.data import tokenizer
from zoo.eight_bits import round_rows
from zoo.engine import wavenet_compiled
from zoo.engine.graphs import FILE, THREADED_BYTES, Graphs
from zoo.engine.modules import Modules
from zoo.engine.wavenet import WaveNetSampler, mu_law_decode
from zoo.export.borrowed import WEIGHTS, Weights
from zoo.export.decoder import decoder_graph, quantise
from zoo.export.graphs import export
from zoo.generate import image, library
from zoo.generate.inputs import InputError
from zoo.generate.prose import continue_text
from zoo.generate.verse import write_poems
from zoo.models.audio import wavenet
from zoo.models.text.gpt import GPT, GPTConfig
from zoo.noise import Noise
from zoo.runtime import at_work, cores

NAMES = sorted(path.parent.name for path in hub.PRETRAINED.glob("*/config.json"))
ROOT = Path(__file__).parent.parent


def has_large_parts(name: str) -> bool:
    """Whether it has no steps but parts that take two threads where nobody else computes."""
    folder = hub.PRETRAINED / name
    steps = any(part["state"] for part in json.loads((folder / FILE).read_text())["parts"].values())
    return not steps and (folder / "model.safetensors").stat().st_size > THREADED_BYTES


def both(name: str) -> tuple[Graphs, Modules]:
    """The two networks of a bundled checkpoint."""
    found = checkpoint.load(hub.PRETRAINED / name)
    return Graphs(found.folder, found.sha256), Modules(found.model)


@pytest.fixture
def shakespeare(tmp_path: Path) -> Path:
    """A copy of a bundled checkpoint that may be damaged."""
    shutil.copytree(hub.PRETRAINED / "gpt.shakespeare", tmp_path / "gpt.shakespeare")
    return tmp_path / "gpt.shakespeare"


@pytest.mark.parametrize("name", NAMES)
def test_each_bundled_checkpoint_has_graphs_of_its_weights(name: str) -> None:
    graphs, modules = both(name)
    assert graphs.parts.keys() == modules.parts.keys()
    for part in modules.parts.values():
        noise = Noise(5)
        inputs = {key: value.numpy() for key, value in part.inputs.items()}
        for key, value in inputs.items():
            if value.dtype == np.float32 and key not in part.state:
                inputs[key] = noise.uniform_array(*value.shape)
        for ours, theirs in zip(graphs.run(part.name, **inputs), modules.run(part.name, **inputs), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("temperature", [0.0, 0.7, 1.0])
def test_a_seed_writes_the_same_text_token_for_token(temperature: float) -> None:
    graphs, modules = both("gpt.shakespeare")
    known = tokenizer.load(hub.PRETRAINED / "gpt.shakespeare")
    for seed in range(2):
        texts = [
            list(continue_text(network, known, "ROMEO:\n", count=270, temperature=temperature, seed=seed))
            for network in (graphs, modules)
        ]
        assert texts[0] == texts[1]


def test_a_seed_writes_the_same_poems() -> None:
    graphs, modules = both("gpt.tang")
    known = tokenizer.load(hub.PRETRAINED / "gpt.tang")
    forms = ["五言绝句", "七言律诗", "七言绝句"]
    assert write_poems(graphs, known, forms, seed=4) == write_poems(modules, known, forms, seed=4)


@pytest.mark.parametrize("name", ["dcgan.mnist", "dcgan.fashion-mnist", "vae.mnist", "vae.fashion-mnist"])
def test_a_seed_draws_the_same_pictures_to_a_grey_level(name: str) -> None:
    graphs, modules = both(name)
    latents = Noise(3).normal_array(20, graphs.config.latent_dim)
    labels = np.arange(20) % 10 if "dcgan" in name else None
    ours, theirs = (image.generate(network, latents, labels).astype(int) for network in (graphs, modules))
    assert np.abs(ours - theirs).max() <= 1 and (ours != theirs).mean() < 1e-3
    assert ours.max() > 200, "black pictures would prove nothing"


@pytest.mark.parametrize("name", [name for name in NAMES if has_large_parts(name)])
def test_one_thread_and_two_give_the_same_numbers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a seed gives the same whether others are served beside or not."""
    monkeypatch.setattr(runtime, "CALM", -math.inf)
    graphs, modules = both(name)
    for part in modules.parts.values():
        inputs = {key: value.numpy() for key, value in part.inputs.items()}
        alone = graphs.run(part.name, **inputs)
        threads, _ = graphs._sessions[part.name]
        assert threads == min(2, cores())
        with at_work(), at_work():
            beside = graphs.run(part.name, **inputs)
        assert graphs._sessions[part.name][0] == 1
        for one, other in zip(alone, beside, strict=True):
            np.testing.assert_array_equal(one, other)


QUICK = [name for name in NAMES if name.startswith("gpt.")]


@pytest.mark.parametrize("name", QUICK)
def test_products_of_8_bits_give_nearly_the_same_and_ever_the_same_numbers(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "CALM", -math.inf)
    graphs, modules = both(name)
    quick = graphs.quick()
    assert quick is graphs.quick() and quick is not None and modules.quick() is None
    ids = Noise(1).integers_array(graphs.config.vocab_size, 1, 40)
    exact, near = (network.step(ids, network.start(1))[0] for network in (graphs, quick))
    assert 0 < np.abs(exact - near).max() < 0.02 * np.abs(exact).max()
    with at_work(), at_work():
        beside = quick.step(ids, quick.start(1))[0]
    np.testing.assert_array_equal(near, beside)
    alone, state = quick.start(1), quick.start(1)
    for token in ids[0]:  # a token at a time, too
        logits, state = quick.step(np.array([[token]]), state)
    assert np.abs(quick.step(ids, alone)[0] - logits).max() < 0.02 * np.abs(exact).max()


def test_a_changed_graph_of_8_bits_is_refused(shakespeare: Path) -> None:
    graph = shakespeare / "decoder.8bit.onnx"
    graph.write_bytes(graph.read_bytes() + b"\x00")
    with pytest.raises(checkpoint.CheckpointError, match="it was changed"):
        Graphs(shakespeare, checkpoint.sha256_of(shakespeare / WEIGHTS))
    edited(shakespeare, lambda v: v["parts"]["decoder"]["eight_bits"].update(file="../decoder.onnx"))
    with pytest.raises(checkpoint.CheckpointError, match=r"must have its 8 bits in decoder.8bit.onnx"):
        Graphs(shakespeare, checkpoint.sha256_of(shakespeare / WEIGHTS))


def test_a_decoder_goes_on_from_its_cache_alone_and_in_rows_and_refuses_to_overflow() -> None:
    graphs, modules = both("gpt.shakespeare")
    ids = Noise(1).integers_array(66, 3, 12)
    states = [network.start(3) for network in (graphs, modules)]
    for first, last in ((0, 5), (5, 6), (6, 7), (7, 12)):
        found = []
        for i, network in enumerate((graphs, modules)):
            logits, states[i] = network.step(ids[:, first:last], states[i])
            found.append(logits)
        assert found[0].shape == (3, 66)
        np.testing.assert_allclose(found[0], found[1], atol=5e-5)
    with pytest.raises(ValueError, match=r"262 tokens do not fit; this model sees at most 256"):
        graphs.step(np.zeros((3, 250), np.int64), states[0])


def test_two_texts_at_once_do_not_share_a_cache() -> None:
    graphs, _ = both("gpt.shakespeare")
    alone = graphs.step(np.array([[9]]), graphs.step(np.array([[5, 6]]), graphs.start(1))[1])[0]
    _, one = graphs.step(np.array([[5, 6]]), graphs.start(1))
    _, other = graphs.step(np.array([[30, 31, 32]]), graphs.start(1))
    graphs.step(np.array([[8]]), other)
    np.testing.assert_array_equal(graphs.step(np.array([[9]]), one)[0], alone)


def test_the_graph_of_a_wavenet_step_draws_the_codes_of_the_numpy_sampler() -> None:
    graphs, _ = both("wavenet.spoken-digits")
    config = graphs.config
    digit, speaker, seconds = np.array([4]), np.array([1]), np.array([0.4], np.float32)
    elapsed = np.arange(3, dtype=np.float32) * np.float32(config.frame_size / config.sample_rate)
    (condition,) = graphs.run("condition", digit=digit, speaker=speaker, seconds=seconds, elapsed=elapsed)
    uniforms = Noise(2, stream=2).uniform_array(1, 240)
    expected = np.concatenate(list(WaveNetSampler(graphs.weights(), config).sample(condition, uniforms)), axis=1)[0]
    shapes = graphs.parts["step"]["inputs"]
    state = {key: np.zeros([1, *shapes[key]["shape"][1:]], np.float32) for key in graphs.parts["step"]["state"]}
    code, differing = np.array([config.levels // 2]), 0
    for at, uniform in enumerate(uniforms[0]):
        logits, *kept = graphs.run("step", code=code, condition=condition[:, at // config.frame_size], **state)
        state = dict(zip(state, kept, strict=True))
        weights = np.exp(logits[0].astype(np.float64) - logits.max())
        differing += int((weights.cumsum() <= uniform * weights.sum()).sum() != expected[at])
        code = expected[at : at + 1]
    assert differing <= 1 and len(set(expected)) > 20


def test_the_compiled_sampler_draws_the_codes_of_the_numpy_one() -> None:
    graphs, _ = both("wavenet.spoken-digits")
    condition, uniforms = Noise(0).normal_array(2, 12, 64), Noise(0, stream=2).uniform_array(2, 960)
    sampler = WaveNetSampler(graphs.weights(), graphs.config)
    plain, compiled = (
        np.concatenate(list(frames), axis=1)
        for frames in (sampler.sample(condition, uniforms), wavenet_compiled.sample(sampler, condition, uniforms))
    )
    assert plain.shape == compiled.shape == (2, 960) and len(np.unique(plain)) > 50
    parted = [int(np.flatnonzero(a != b)[0]) if (a != b).any() else 960 for a, b in zip(plain, compiled, strict=True)]
    assert max(parted) == 960 and min(parted) > 100, (
        "a code within rounding of its uniform may part the clips, not more"
    )


def test_companded_codes_sound_as_the_model_decodes_them() -> None:
    codes = torch.arange(256)
    np.testing.assert_allclose(mu_law_decode(codes.numpy(), 256), wavenet.mu_law_decode(codes, 256).numpy(), atol=1e-6)


@pytest.mark.parametrize("bits", [8, 4])
def test_quantised_weights_are_what_the_runtime_reads(bits: int, tmp_path: Path) -> None:
    """The graph gives what the model gives with each weight replaced by its code times its scale."""
    model = tiny_gpt()
    checkpoint.save(tmp_path, model, "gpt", "tiny", labels=(), dtype="float16")
    found = checkpoint.load(tmp_path).model
    export(tmp_path, bits=bits)
    (tmp_path / WEIGHTS).unlink()  # the graph holds its own
    session = onnxruntime.InferenceSession(str(tmp_path / "decoder.onnx"))
    (part,) = found.parts()
    ids = Noise(1).integers_array(40, 2, 9)
    given = {key: value.numpy() for key, value in part.inputs.items()} | {"ids": ids}
    logits = session.run(["logits"], given)[0]
    whole = found(torch.from_numpy(ids))[:, -1].numpy()
    head = found.tokens.weight.clone()
    for name, weight in found.named_parameters():
        if name.startswith(("tokens", "positions")) and weight.numel() >= 1024:
            codes, scales = round_rows(weight.numpy())
            weight.copy_(torch.from_numpy(codes * scales))
        elif weight.dim() == 2 and not name.startswith("positions"):
            weight.copy_(decoded(weight.numpy(), bits))
    stream = found.norm(hidden(found, torch.from_numpy(ids)))[:, -1]
    expected = (stream @ decoded(head.numpy(), bits).T).numpy()
    largest = np.abs(expected).max()
    assert np.abs(logits - expected).max() < 0.02 * largest  # activations are rounded to 8 bits
    assert np.abs(expected - whole).max() > 1e-4 * largest, "weights that lost nothing would prove nothing"


def decoded(weight: np.ndarray, bits: int) -> torch.Tensor:
    codes, scales = quantise(weight, bits)
    assert codes.dtype == np.uint8 and codes.nbytes == weight.size * bits // 8
    if bits == 4:
        codes = np.stack([codes & 15, codes >> 4], axis=-1).reshape(*codes.shape[:2], 32)
    values = (codes.astype(np.float32) - 2 ** (bits - 1)) * scales[..., None]
    assert np.abs(values.reshape(weight.shape) - weight).max() <= np.abs(scales).max()
    return torch.from_numpy(values.reshape(weight.shape))


def hidden(model: GPT, ids: torch.Tensor) -> torch.Tensor:
    stream = model.tokens(ids) + model.positions(torch.arange(ids.shape[1]))
    for block in model.blocks:
        stream, _ = block(stream, None)
    return stream


def tiny_gpt() -> GPT:
    torch.manual_seed(0)
    model = GPT(GPTConfig(vocab_size=40, context_length=16, num_layers=2, num_heads=2, embedding_dim=64)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= 3.0 if parameter.dim() > 1 else 1.0
    return model


def test_only_some_precisions_and_widths_can_be_quantised(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="weights of 3 bits are not known; allowed are 32, 8 and 4"):
        export(hub.PRETRAINED / "gpt.shakespeare", tmp_path, bits=3)
    with pytest.raises(ValueError, match=r"dcgan\.mnist has no graphs of 4 bits; it has 32 and 8, and gpt has 4"):
        export(hub.PRETRAINED / "dcgan.mnist", tmp_path, bits=4)
    narrow = GPT(GPTConfig(vocab_size=8, context_length=8, num_layers=1, num_heads=2, embedding_dim=48))
    with pytest.raises(ValueError, match="multiple of 32"):
        decoder_graph(narrow, Weights({}, {}, 8))


@pytest.mark.parametrize("name", ["dcgan.mnist", "vae.mnist", "mel_resnet.spoken-digits", "wavenet.spoken-digits"])
def test_graphs_of_8_bits_take_a_byte_a_weight_and_stay_near(name: str, tmp_path: Path) -> None:
    folder = hub.PRETRAINED / name
    stated = export(folder, tmp_path, bits=8)
    assert stated["bits"] == 8 and not (tmp_path / WEIGHTS).exists()
    found = checkpoint.load(folder)
    count = sum(parameter.numel() for parameter in found.model.parameters())
    assert sum(path.stat().st_size for path in tmp_path.glob("*.onnx")) < 1.2 * count + 60_000
    for part in found.model.parts():
        inputs = {key: value.numpy() for key, value in part.inputs.items()}
        for key, value in inputs.items():
            if value.dtype == np.float32 and key not in part.state:
                inputs[key] = Noise(1).uniform_array(*value.shape)
        ours = onnxruntime.InferenceSession(str(tmp_path / f"{part.name}.onnx")).run(None, inputs)[0]
        theirs = Modules(found.model).run(part.name, **inputs)[0]
        assert np.abs(ours - theirs).max() < 0.2 * np.abs(theirs).max()
        assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.98


def edited(folder: Path, change: Any) -> None:
    values = json.loads((folder / FILE).read_text())
    change(values)
    (folder / FILE).write_text(json.dumps(values))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: v.update(zoo=9), "is of format 9"),
        (lambda v: v.update(weights="0" * 64), "is of the weights 000000000000"),
        (lambda v: v.update(parts=[]), "must hold an object under 'parts'"),
        (lambda v: v["parts"]["decoder"].update(file="../../decoder.onnx"), "must lie in decoder.onnx"),
        (lambda v: v["parts"]["decoder"].pop("sha256"), "'decoder' is damaged"),
        (lambda v: v["parts"]["decoder"]["inputs"].update(ids={"dtype": "object", "shape": []}), "of 'ids'"),
        (lambda v: v["parts"]["decoder"]["inputs"].update(ids={"dtype": "int64", "shape": [[1]]}), "of 'ids'"),
        (lambda v: v["parts"]["decoder"]["state"].update(ids="nothing"), "'nothing' no output"),
    ],
)
def test_a_forged_list_of_graphs_is_refused_in_words(shakespeare: Path, change: Any, words: str) -> None:
    edited(shakespeare, change)
    sha256 = checkpoint.sha256_of(shakespeare / WEIGHTS)
    with pytest.raises(checkpoint.CheckpointError, match=words):
        Graphs(shakespeare, sha256)


def test_a_changed_or_missing_graph_is_refused_before_it_is_read(shakespeare: Path) -> None:
    sha256 = checkpoint.sha256_of(shakespeare / WEIGHTS)
    graph = shakespeare / "decoder.onnx"
    whole = graph.read_bytes()
    graph.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(checkpoint.CheckpointError, match="it was changed; `python -m zoo export"):
        Graphs(shakespeare, sha256)
    graph.unlink()
    with pytest.raises(checkpoint.CheckpointError, match="missing"):
        Graphs(shakespeare, sha256)


def test_a_graph_that_is_none_is_refused_in_words(shakespeare: Path) -> None:
    graph = shakespeare / "decoder.onnx"
    graph.write_bytes(b"\x08\x0anothing to see")
    edited(shakespeare, lambda v: v["parts"]["decoder"].update(sha256=checkpoint.sha256_of(graph)))
    with pytest.raises(checkpoint.CheckpointError, match="cannot be run"):
        Graphs(shakespeare, checkpoint.sha256_of(shakespeare / WEIGHTS)).start(1)
    with pytest.raises(checkpoint.CheckpointError, match="has no part 'generator'; it has decoder"):
        Graphs(shakespeare, checkpoint.sha256_of(shakespeare / WEIGHTS)).run("generator")


def test_the_app_says_that_a_graph_was_changed_and_works_on(shakespeare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "PRETRAINED", shakespeare.parent)
    (shakespeare / "decoder.onnx").write_bytes(b"changed")
    with pytest.raises(InputError, match="it was changed"):
        library.get("gpt.shakespeare")
    shutil.copy(Path(hub.__file__).parent / "pretrained" / "gpt.shakespeare" / "decoder.onnx", shakespeare)
    assert library.get("gpt.shakespeare").network.start(1)


def test_only_graphs_of_this_zoo_are_run(shakespeare: Path) -> None:
    """A stranger's folder, however well its hashes agree with themselves, is loaded strictly by torch."""
    assert isinstance(library.opened(shakespeare).network, Graphs), "the same graphs.json as the bundled one"
    edited(shakespeare, lambda v: v.update(note="another"))
    assert isinstance(library.opened(shakespeare).network, Modules)


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None  # an import of it fails
import numpy as np
from PIL import Image, ImageDraw
from zoo.generate import audio, crossmodal, image, library, text
assert image.draw("dcgan.mnist", "7", count=2).sheet.width > 100
image.interpolate("vae.mnist", frames=8)
image.latent_grid("vae.fashion-mnist", size=2)
assert [*text.write(max_new_tokens=20)][-1].done
assert len([*text.compose(form="五言绝句")][-1].text) == 25
(*_, sound) = audio.speak(digits="1")
assert len(sound.waveform) > 1000
page = Image.new("L", (100, 100), "white")
ImageDraw.Draw(page).line([(50, 10), (50, 90)], fill=0, width=8)
assert crossmodal.recognise_drawing(page).digits == "1"
image.reconstruct("vae.mnist", page)
assert crossmodal.recognise_speech(sound.waveform, 8000).digits
assert [*crossmodal.realise("12")]
assert library.table()
"""


def test_everything_is_generated_without_torch() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT_TORCH], check=True, cwd=ROOT, timeout=120)
