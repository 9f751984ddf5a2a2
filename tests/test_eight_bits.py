"""Weights of 8 bits: near the originals, numbers of half precision, and the same to every reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from train.__main__ import main as train
from zoo import checkpoint, registry, runtime
from zoo.checkpoint import CheckpointError
from zoo.eight_bits import SCALES, SMALLEST, restored, round_rows, worth_it
from zoo.engine.graphs import Graphs
from zoo.engine.modules import Modules
from zoo.export.graphs import export
from zoo.generate import text
from zoo.generate.inputs import InputError
from zoo.models.crossmodal.captioner import Captioner
from zoo.models.text.gpt import GPT, GPTConfig
from zoo.models.text.rnn import RNN, RNNConfig
from zoo.noise import Noise


@pytest.mark.parametrize("size", [1e-7, 1e-3, 1.0, 300.0])
def test_products_are_float16_numbers_within_a_code_of_the_weight(size: float) -> None:
    value = size * Noise(1).normal_array(9, 5, 40)
    codes, scales = round_rows(value)
    assert codes.dtype == np.int8 and np.abs(codes).max() <= 127 and scales.shape == (9, 1, 1)
    found = restored(codes, scales)
    assert np.array_equal(found, found.astype(np.float16).astype(np.float32))
    assert (np.abs(found - value) <= scales.astype(np.float32) / 2 * 1.0001).all()
    coarse = scales.astype(np.float64)[:, 0, 0] * 127 / np.abs(value).max((1, 2))
    assert (coarse >= 1).all() and (size < 1e-4 or (coarse <= 1.126).all()), "at most an eighth coarser than can be"


def test_a_row_of_zeros_stays_so() -> None:
    assert not restored(*round_rows(np.zeros((2, 600), np.float32))).any()


def test_small_tensors_and_vectors_keep_half_precision() -> None:
    assert worth_it(np.zeros((2, SMALLEST // 2), np.float32)) and not worth_it(np.zeros((2, 511), np.float32))
    assert not worth_it(np.zeros(5000, np.float32)) and not worth_it(np.zeros((99, 99), np.int64))


@pytest.fixture(params=["gpt", "rnn"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    torch.manual_seed(0)
    model: nn.Module
    if request.param == "gpt":
        model = GPT(GPTConfig(vocab_size=40, context_length=16, num_layers=2, num_heads=2, embedding_dim=64))
    else:
        model = RNN(RNNConfig(vocab_size=40, embedding_dim=32, hidden_dim=32, window=16))
    for parameter in model.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=0.2)
    made = tmp_path / f"{request.param}.tiny"
    made.mkdir()
    checkpoint.save(made, model, request.param, "tiny", labels=(), dtype="int8")
    return made


def test_every_reader_sees_the_same_weights(folder: Path) -> None:
    stored = load_file(folder / "model.safetensors")
    assert any(tensor.dtype == torch.int8 for tensor in stored.values())
    loaded = checkpoint.load(folder).model.state_dict()
    read = checkpoint.read_tensors(folder / "model.safetensors")
    export(folder)
    seen = Graphs(folder, checkpoint.sha256_of(folder / "model.safetensors")).weights()
    assert loaded.keys() == read.keys() == seen.keys()
    for name, tensor in loaded.items():
        assert read[name].dtype == torch.float16 and torch.equal(read[name].float(), tensor)
        assert np.array_equal(seen[name], tensor.numpy())
        if name + SCALES in stored:
            assert torch.equal(tensor, stored[name].float() * stored[name + SCALES].float())


def test_graphs_borrow_codes_and_scales_and_give_what_the_module_gives(folder: Path) -> None:
    made = export(folder)  # raises where a graph differs from its module by more than 1e-4
    assert made["parts"]["decoder"] and "bits" not in made
    assert (folder / "decoder.onnx").stat().st_size < 40_000
    network, model = Graphs(folder, made["weights"]), checkpoint.load(folder).model
    ids = np.array([[3, 1, 4, 1, 5]])
    logits, _ = network.step(ids, network.start(1))
    expected, _ = model.step(torch.from_numpy(ids), model.start(1))
    assert np.abs(logits - expected[:, -1].numpy()).max() < 1e-4


def test_codes_without_their_scales_are_refused(folder: Path) -> None:
    path = folder / "model.safetensors"
    stored = load_file(path)
    name = next(key for key in stored if key.endswith(SCALES))
    for broken in ({}, {name: stored[name][:-1]}, {name: stored[name].float()}):
        checkpoint.save_tensors({key: t for key, t in stored.items() if key != name} | broken, path)
        with pytest.raises(CheckpointError, match=f"its scales must be {name}"):
            checkpoint.load(folder)


def test_kernels_that_were_trained_channels_last_are_stored_and_run_alike(tmp_path: Path) -> None:
    model = Captioner(registry.entry("captioner").tiny).to(memory_format=torch.channels_last).eval()
    checkpoint.save(tmp_path, model, "captioner", "tiny", labels=(), dtype="int8")
    kernel = load_file(tmp_path / "model.safetensors")["grid.blocks.0.conv1.weight"]
    assert kernel.dtype == torch.int8 and kernel.shape == (16, 8, 3, 3)
    found = checkpoint.load(tmp_path)
    before = dict(model.named_parameters())["grid.blocks.0.conv1.weight"]
    after = dict(found.model.named_parameters())["grid.blocks.0.conv1.weight"]
    assert (before - after).abs().max() < 0.01 * before.abs().max()
    export(tmp_path)
    images = 2 * Noise(0).uniform_array(3, 3, 32, 32) - 1
    (seen,), (expected,) = (
        network.run("image_encoder", images=images)
        for network in (Graphs(tmp_path, found.sha256), Modules(found.model))
    )
    assert np.abs(seen - expected).max() < 1e-4


def test_a_trained_checkpoint_is_stored_again_and_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(["vae", "--preset", "tiny", "--cpu", "--out", str(tmp_path / "run")]) == 0
    folder = tmp_path / "run" / "checkpoint" / "vae.tiny"
    export(folder)
    before, sha256 = load_file(folder / "model.safetensors"), checkpoint.sha256_of(folder / "model.safetensors")
    assert train(["--from", str(folder), "--store", "int8", "--publish", str(tmp_path)]) == 0
    assert "negative ELBO: " in capsys.readouterr().out
    assert checkpoint.sha256_of(folder / "model.safetensors") == sha256, "what it was made of is not changed"
    made = tmp_path / "vae.tiny"
    after = load_file(made / "model.safetensors")
    large = [name for name, tensor in before.items() if worth_it(tensor.float().numpy())]
    assert large
    for name in large:
        codes, scales = round_rows(before[name].float().numpy())
        assert np.array_equal(after[name].numpy(), codes) and np.array_equal(after[name + SCALES].numpy(), scales)
    recipe = checkpoint.read_json(made / "recipe.json")
    assert recipe["stored_from"] == sha256 and recipe["settings"]["weights"] == "int8"
    sha256 = checkpoint.sha256_of(made / "model.safetensors")
    assert checkpoint.read_json(made / "metrics.json")["weights"] == sha256
    assert checkpoint.read_json(made / "graphs.json")["weights"] == sha256
    assert (
        train(["--from", str(made), "--store", "int8"]) == 2 and "is stored as int8 already" in capsys.readouterr().err
    )
    assert train(["--from", str(made), "--store", "float16"]) == 0, "in its own place"
    assert checkpoint.sha256_of(made / "model.safetensors") != sha256 and SCALES not in str(
        load_file(made / "model.safetensors").keys()
    )


def test_storing_again_takes_a_checkpoint_and_no_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert train(["vae", "--store", "int8"]) == 2
    assert train(["--from", "vae.mnist", "--store", "int8", "--steps", "3"]) == 2
    assert "no settings: --steps 3" in capsys.readouterr().err


def test_a_text_of_8_bits_says_so_and_is_written_under_pressure_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def written(model: str = "gpt.stories", **options: Any) -> text.Writing:
        *_, made = text.write(model, "Once", max_new_tokens=60, seed=4, **options)
        return made

    exact, quick = written(), written(bits=8)
    assert exact.text != quick.text  # the seed is the same: by these tokens a rounded product has told
    assert "bits" not in exact.source.record.parameters and exact.source.record == written(bits=32).source.record
    assert quick.source.record.parameters["bits"] == 8 and "products of 8 bits" in quick.source.line()
    monkeypatch.setattr(runtime, "_waiting", runtime.PRESSED - 1)
    assert written(bits=None).text == exact.text
    monkeypatch.setattr(runtime, "_waiting", runtime.PRESSED)
    pressed = written(bits=None)
    assert (pressed.text, pressed.source.record) == (quick.text, quick.source.record)
    assert written().text == exact.text
    assert "bits" not in written("rnn.shakespeare-lstm", bits=None).source.record.parameters  # it has none
    with pytest.raises(InputError, match=r"rnn.shakespeare-lstm has no products of 8 bits; take 32"):
        written("rnn.shakespeare-lstm", bits=8)
    with pytest.raises(InputError, match="the bits are .*16.*; allowed are 32 and 8"):
        written(bits=16)
