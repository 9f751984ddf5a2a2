"""Strict loading: whatever is wrong with a checkpoint folder is refused in words, and nothing pickled is opened."""

from __future__ import annotations

import builtins
import io
import json
import os
import pickle
import struct
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

import zoo
from zoo import checkpoint, hub, registry
from zoo.checkpoint import CheckpointError
from zoo.nn.skeleton import TooLarge, skeleton


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A good checkpoint folder of a tiny VAE."""
    torch.manual_seed(0)
    found = registry.entry("vae")
    target = tmp_path / "vae.tiny"
    target.mkdir()
    checkpoint.save(target, found.model(found.tiny), "vae", "tiny", labels=("a", "b"), dtype="float32")
    return target


def edit_config(folder: Path, **changes: Any) -> None:
    values = json.loads((folder / "config.json").read_text())
    for key, value in changes.items():
        if value is None:
            values.pop(key)
        else:
            values[key] = value
    (folder / "config.json").write_text(json.dumps(values))


def edit_tensors(folder: Path, **changes: torch.Tensor | None) -> None:
    """Replace, add or (None) remove tensors; __ in a keyword stands for a dot."""
    tensors = load_file(folder / "model.safetensors")
    for key, value in changes.items():
        name = key.replace("__", ".")
        if value is None:
            tensors.pop(name)
        else:
            tensors[name] = value
    save_file(tensors, folder / "model.safetensors")


def edit_header(folder: Path, change: Any) -> None:
    """Rewrite the JSON header of the weights, the data behind it as it was."""
    path = folder / "model.safetensors"
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    change(header)
    new = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(new)) + new + raw[8 + length :])


def refused(folder: Path, *words: str) -> str:
    """The message with which a folder is refused; it names what is wrong."""
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load(folder)
    message = str(caught.value)
    for word in words:
        assert word in message
    return message


def test_a_good_folder_loads_and_is_known_by_the_hash_of_its_weights(folder: Path) -> None:
    found = checkpoint.load(folder)
    assert found.name == "vae.tiny" and found.labels == ("a", "b")
    assert found.sha256 == checkpoint.sha256_of(folder / "model.safetensors") and len(found.sha256) == 64
    assert not found.model.training and not any(p.requires_grad for p in found.model.parameters())
    assert type(zoo.load(str(folder))) is type(found.model)


def test_half_precision_is_stored_small_and_loads_as_float32(folder: Path, tmp_path: Path) -> None:
    model = checkpoint.load(folder).model
    half = tmp_path / "half"
    half.mkdir()
    checkpoint.save(half, model, "vae", "tiny", labels=(), dtype="float16")
    sizes = [(f / "model.safetensors").stat().st_size for f in (folder, half)]
    assert sizes[1] < 0.6 * sizes[0]
    assert {dtype for dtype, _ in checkpoint.read_header(half / "model.safetensors").values()} == {"F16"}
    assert all(t.dtype == torch.float32 for t in checkpoint.load(half).model.state_dict().values())


# What save refuses to write


@pytest.mark.parametrize(("value", "dtype"), [(float("nan"), "float32"), (float("inf"), "float16"), (1e6, "float16")])
def test_a_tensor_that_is_not_finite_as_stored_is_never_written(
    folder: Path, tmp_path: Path, value: float, dtype: str
) -> None:
    model = checkpoint.load(folder).model
    model.decoder.layers[0].bias[0] = value
    target = tmp_path / "bad"
    target.mkdir()
    with pytest.raises(CheckpointError, match=rf"decoder\.layers\.0\.bias of vae\.tiny is not finite in {dtype}"):
        checkpoint.save(target, model, "vae", "tiny", labels=(), dtype=dtype)
    assert not list(target.iterdir())


def test_a_folder_takes_its_place_whole_or_not_at_all(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def break_off() -> None:
        with checkpoint.replacing(folder) as temporary:
            (temporary / "config.json").write_text("half")
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        break_off()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    with checkpoint.replacing(folder) as temporary:
        (temporary / "new.txt").write_text("whole")
    assert [path.name for path in folder.iterdir()] == ["new.txt"]
    assert [path.name for path in folder.parent.iterdir()] == [folder.name], "no temporary folder stays behind"


# Tensors


def test_a_missing_tensor_is_refused_by_name(folder: Path) -> None:
    edit_tensors(folder, decoder__layers__0__bias=None)
    refused(folder, "lacks tensors: decoder.layers.0.bias")


def test_an_unknown_tensor_is_refused_by_name(folder: Path) -> None:
    edit_tensors(folder, intruder=torch.zeros(3))
    refused(folder, "has unknown tensors: intruder")


def test_a_tensor_of_another_shape_is_refused_with_both_shapes(folder: Path) -> None:
    edit_tensors(folder, decoder__layers__0__bias=torch.zeros(15))
    refused(folder, "decoder.layers.0.bias has shape (15,)", "asks for (16,)")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_value_that_is_not_finite_is_refused_by_name(folder: Path, value: float) -> None:
    bias = torch.zeros(16)
    bias[7] = value
    edit_tensors(folder, decoder__layers__0__bias=bias)
    refused(folder, "decoder.layers.0.bias holds values that are not finite")


def test_whole_numbers_in_place_of_weights_are_refused_by_name(folder: Path) -> None:
    edit_tensors(folder, decoder__layers__0__bias=torch.ones(16, dtype=torch.int32))
    refused(folder, "decoder.layers.0.bias holds torch.int32; its config asks for torch.float32")


def test_a_truth_in_place_of_a_count_is_refused_by_name(tmp_path: Path) -> None:
    found = registry.entry("dcgan")
    checkpoint.save(tmp_path, found.model(found.tiny), "dcgan", "tiny", labels=(), dtype="float32")
    name = next(n for n in load_file(tmp_path / "model.safetensors") if n.endswith("num_batches_tracked"))
    edit_tensors(tmp_path, **{name.replace(".", "__"): torch.tensor(True)})
    refused(tmp_path, f"{name} holds torch.bool; its config asks for torch.int64")


def test_shapes_are_compared_before_any_weight_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit_tensors(folder, decoder__layers__0__bias=torch.zeros(15))
    monkeypatch.setattr("safetensors.torch.load_file", lambda *a, **k: pytest.fail("weights were read"))
    refused(folder, "has shape")


# Files


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 100, -1000, -1])
def test_a_truncated_weight_file_is_refused_by_name(folder: Path, keep: int) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    refused(folder, str(path))


def test_bytes_behind_the_last_tensor_are_refused(folder: Path) -> None:
    with open(folder / "model.safetensors", "ab") as file:
        file.write(b"\0" * 16)
    refused(folder, "do not fill the file")


@pytest.mark.parametrize("length", [1 << 20 | 1, 1 << 40, 2**64 - 1])
def test_an_oversized_header_is_refused_before_it_is_read(folder: Path, length: int) -> None:
    path = folder / "model.safetensors"
    with open(path, "r+b") as file:
        file.write(struct.pack("<Q", length))
        file.truncate(1 << 21)  # so that the declared megabyte is there
    refused(folder, "header of")


def test_too_many_tensors_are_refused(folder: Path) -> None:
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    edit_header(folder, lambda header: header.update({f"t{i}": empty for i in range(4097)}))
    refused(folder, "at most 4,096 are allowed")


DAMAGES = {
    "offsets that overlap": lambda h: h["decoder.layers.0.bias"].update(data_offsets=[32, 96]),
    "negative offsets": lambda h: h["decoder.layers.0.bias"].update(data_offsets=[-64, 0]),
    "a strange dtype": lambda h: h["decoder.layers.0.bias"].update(dtype="OBJECT"),
    "a shape of words": lambda h: h["decoder.layers.0.bias"].update(shape=["sixteen"]),
    "a negative shape": lambda h: h["decoder.layers.0.bias"].update(shape=[-16]),
    "a shape of truths": lambda h: h["decoder.layers.0.bias"].update(shape=[True]),
    "a shape of thousands of digits": lambda h: h["decoder.layers.0.bias"].update(shape=[10**4000]),
    "no offsets": lambda h: h["decoder.layers.0.bias"].pop("data_offsets"),
    "a record that is a list": lambda h: h.update({"decoder.layers.0.bias": [1, 2]}),
    "a tensor behind the data": lambda h: h.update(x={"dtype": "F32", "shape": [4], "data_offsets": [9_999, 10_015]}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_tensor_table_is_refused(folder: Path, damage: str) -> None:
    edit_header(folder, DAMAGES[damage])
    assert len(refused(folder, "model.safetensors")) < 1000


def test_a_tensor_table_with_a_number_that_python_gives_up_on_is_refused(folder: Path) -> None:
    path = folder / "model.safetensors"
    header = b'{"a":{"dtype":"F32","shape":[' + b"1" * 5000 + b'],"data_offsets":[0,0]}}'
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    refused(folder, "is not a safetensors file")


def test_a_shape_that_disagrees_with_its_bytes_is_refused(folder: Path) -> None:
    def swap(header: dict[str, Any]) -> None:  # same bytes in all, but not tensor by tensor
        header["decoder.layers.0.bias"]["dtype"] = "F16"

    edit_header(folder, swap)
    refused(folder, "model.safetensors")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_refused_by_name(folder: Path, name: str) -> None:
    (folder / name).unlink()
    refused(folder, name)


# The config


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"surprise": 1}, ["unknown field 'surprise'"]),
        ({"modle": "vae"}, ["unknown field 'modle'", "perhaps you meant 'model'"]),
        ({"zoo": 2}, ["of format 2; this zoo reads 1"]),
        ({"zoo": None}, ["of format None"]),
        ({"model": "vea"}, ["no model is named 'vea'", "perhaps you meant 'vae'"]),
        ({"model": "../../etc"}, ["no model is named"]),
        ({"model": 7}, ["must name its model"]),
        ({"zoo": True}, ["of format True"]),
        ({"preset": ""}, ["must name its model and its preset"]),
        ({"preset": "a\x1b[2J"}, ["must name its model and its preset"]),
        ({"preset": "x" * 101}, ["in at most 100 characters"]),
        ({"config": {"beta": 10**400}}, ["VAEConfig.beta is 1000"]),
        ({"config": {"x" * 100_000: 1}}, ["VAEConfig has no field 'xxx"]),
        ({"model": "wavenet", "config": {"dilations": [1] * 101}}, ["has 101 items; at most 100 are allowed"]),
        ({"labels": "ab"}, ["labels must be"]),
        ({"labels": ["x"] * 1001}, ["at most 1,000"]),
        ({"labels": [1]}, ["labels must be"]),
        ({"config": {"latent_dims": 4}}, ["VAEConfig has no field 'latent_dims'", "perhaps you meant 'latent_dim'"]),
        ({"config": {"latent_dim": "4"}}, ["VAEConfig.latent_dim is '4'"]),
        ({"config": {"latent_dim": 10**9}}, ["VAEConfig.latent_dim is 1000000000; allowed are 1 to 1024"]),
        ({"config": {"image_size": 30}}, ["multiples of 4"]),
        ({"config": []}, ["config.json", "named fields"]),
    ],
)
def test_a_wrong_config_is_refused_in_words(folder: Path, changes: dict[str, Any], words: list[str]) -> None:
    edit_config(folder, **changes)
    refused(folder, *words)


@pytest.mark.parametrize("text", ["", "[]", "7", "{", '{"zoo": NaN}', "[" * 100_000, "\x00", '"vae"'])
def test_a_config_that_is_no_json_object_is_refused_by_name(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    refused(folder, "config.json")


def test_a_config_that_is_not_utf8_or_huge_is_refused(folder: Path) -> None:
    (folder / "config.json").write_bytes(b"\xff\xfe{}")
    refused(folder, "cannot be read as JSON")
    with open(folder / "config.json", "wb") as file:
        file.truncate(checkpoint.MAX_CONFIG_BYTES + 1)
    refused(folder, "at most 1,048,576 are read")
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")
    refused(folder, "is no file")


@pytest.mark.parametrize("field", ['"latent_dim": ' + "1" * 5000, '"latent_dim": ' + "[" * 800 + "]" * 800])
def test_numbers_and_lists_that_python_gives_up_on_are_refused(folder: Path, field: str) -> None:
    values = json.loads((folder / "config.json").read_text()) | {"config": {}}
    (folder / "config.json").write_text(json.dumps(values).replace('"config": {}', f'"config": {{{field}}}'))
    assert len(refused(folder, "config.json")) < 1000


@pytest.mark.parametrize(
    ("model", "config"),
    [
        ("diffusion", {"image_size": 256, "widths": [8], "groups": 4, "head_dim": 4}),
        ("text_to_image", {"image_size": 512, "autoencoder_widths": [8], "widths": [8], "groups": 4}),
        ("contrastive", {"image_size": 512, "patch_size": 2}),
    ],
)
def test_attention_that_no_machine_has_room_for_is_refused(folder: Path, model: str, config: dict[str, Any]) -> None:
    edit_config(folder, model=model, config=config)
    refused(folder, "attention of", "at most 67,108,864 are allowed")


def test_histories_that_no_machine_has_room_for_are_refused(folder: Path) -> None:
    edit_config(folder, model="wavenet", config={"dilations": [4096] * 100, "channels": 512})
    refused(folder, "with 512 channels at most 32,768 samples can be remembered")


def test_a_model_far_above_the_cap_is_refused_with_its_first_parameters(folder: Path) -> None:
    huge = {"vocab_size": 200_000, "context_length": 4096, "num_layers": 48, "num_heads": 64, "embedding_dim": 4096}
    edit_config(folder, model="gpt", config=huge)
    refused(folder, "would need")  # what is imported with it
    begun = time.process_time()
    refused(folder, "would need")
    assert time.process_time() - begun < 0.1


def test_a_skeleton_has_the_names_shapes_and_kinds_of_the_network() -> None:
    for name in ("dcgan", "gpt", "diffusion"):
        entry = registry.entry(name)
        found, whole = skeleton(entry.model, entry.tiny, 10**9), entry.model(entry.tiny)
        assert {n: (t.shape, t.dtype) for n, t in found.state_dict().items()} == {
            n: (t.shape, t.dtype) for n, t in whole.state_dict().items()
        }
        assert all(p.is_meta for p in found.parameters())
    with pytest.raises(TooLarge):
        skeleton(entry.model, entry.tiny, checkpoint.count_parameters(whole) - 1)
    skeleton(entry.model, entry.tiny, checkpoint.count_parameters(whole))


def test_a_model_above_the_parameter_cap_is_refused_before_its_weights_are_looked_at(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    huge = {"vocab_size": 200_000, "context_length": 4096, "num_layers": 48, "num_heads": 64, "embedding_dim": 4096}
    edit_config(folder, model="gpt", config=huge)
    monkeypatch.setattr("zoo.checkpoint.read_header", lambda path: pytest.fail("weights were looked at"))
    refused(folder, "would need", "parameters; at most 200,000,000 are allowed")


# Pickles


class _Bomb:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (os.mkdir, (str(self.path),))


@pytest.mark.parametrize("form", ["pickle", "torch.save", "numpy"])
def test_a_forged_pickle_is_never_opened(folder: Path, tmp_path: Path, form: str) -> None:
    struck = tmp_path / "struck"
    buffer = io.BytesIO()
    if form == "pickle":
        pickle.dump(_Bomb(struck), buffer)
    elif form == "torch.save":
        torch.save({"weight": _Bomb(struck)}, buffer)
    else:
        np.save(buffer, np.array([_Bomb(struck)], dtype=object), allow_pickle=True)
    for name in ("pytorch_model.bin", "optimizer.pt", "extra.npy", "model.pkl"):
        (folder / name).write_bytes(buffer.getvalue())
    checkpoint.load(folder)  # lies beside the weights: not looked at
    for name in ("model.safetensors", "config.json"):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(buffer.getvalue())
        refused(folder, name)
        (folder / name).write_bytes(whole)
    assert not struck.exists()


def test_loading_looks_up_no_class_of_a_pickle(folder: Path) -> None:
    """The interpreter's own audit events: unpickling announces every class that it looks up."""
    seen: list[str] = []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "pickle.find_class" and watching:
            seen.append(str(arguments))

    watching = True
    sys.addaudithook(hook)
    checkpoint.load(folder)
    assert not seen
    pickle.loads(pickle.dumps(Path()))
    assert seen, "the hook would have seen one"
    watching = False


def test_only_the_files_of_the_format_are_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "model.bin").write_bytes(b"x")
    opened: list[str] = []
    real = builtins.open

    def watched(file: Any, *arguments: Any, **options: Any) -> Any:
        if str(file).startswith(str(folder)):
            opened.append(Path(str(file)).name)
        return real(file, *arguments, **options)

    monkeypatch.setattr(builtins, "open", watched)
    checkpoint.load(folder)
    assert set(opened) <= {"config.json", "model.safetensors", "recipe.json", "metrics.json"}


# Anything at all


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_mutated_weight_files_are_refused_or_give_whole_finite_weights(folder: Path, data: st.DataObject) -> None:
    path = folder / "model.safetensors"
    good = path.read_bytes()
    try:
        bad = bytearray(good)
        for _ in range(data.draw(st.integers(1, 4))):
            header = int.from_bytes(good[:8], "little") + 8
            at = data.draw(st.integers(0, header - 1) if data.draw(st.booleans()) else st.integers(0, len(bad) - 1))
            bad[at % len(bad)] = data.draw(st.integers(0, 255))
        cut = data.draw(st.integers(0, 200))
        path.write_bytes(bytes(bad[: len(bad) - (cut if cut < 20 else 0)]))
        try:
            model = checkpoint.load(folder).model
        except CheckpointError as error:
            message = str(error)
        else:
            message = "model.safetensors"
            assert all(t.isfinite().all() for t in model.state_dict().values())
        assert "model.safetensors" in message
    finally:
        path.write_bytes(good)


@pytest.mark.parametrize("name", sorted(path.parent.name for path in hub.PRETRAINED.glob("*/config.json")))
def test_every_bundled_checkpoint_loads_under_its_own_name_with_what_belongs_to_it(name: str) -> None:
    folder = hub.PRETRAINED / name
    found = checkpoint.load(folder)
    assert found.name == name
    assert found.recipe["model"] == found.model_name and found.recipe["preset"] == found.preset
    assert found.recipe["parameters"] == checkpoint.count_parameters(found.model)
    for path in folder.rglob("*"):
        assert path.is_dir() or path.suffix in checkpoint.ALLOWED_SUFFIXES, path
