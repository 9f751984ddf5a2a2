"""Row R10: config.json as somebody who means harm would write it, each refused in words before anything is built."""

from __future__ import annotations

import dataclasses
import gc
import json
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, get_type_hints

from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from tests.faults.rows import Found
from zoo import checkpoint, registry
from zoo.checkpoint import CheckpointError
from zoo.nn.skeleton import skeleton

SLOWEST = 0.1
"""Seconds of the processor that a refusal may take."""
_LONGEST = 2000
"""Characters that a message may have."""
Malice = Callable[[random.Random, str, dict[str, Any]], bytes | None]
"""What config.json of a model becomes, given a good one; None where the model has no field for it."""


def _written(values: Any) -> bytes:
    return json.dumps(values).encode()


def _with(values: dict[str, Any], **fields: Any) -> bytes:
    return _written(values | {"config": values["config"] | fields})


def _of_type(model: str, *kinds: Any) -> list[str]:
    """Names of a config's fields of these types."""
    return [name for name, kind in get_type_hints(registry.entry(model).config).items() if kind in kinds]


def _one(rng: random.Random, model: str, values: dict[str, Any], kinds: tuple[Any, ...], value: Any) -> bytes | None:
    names = _of_type(model, *kinds)
    return _with(values, **{rng.choice(names): value}) if names else None


def huge_size(rng: random.Random, model: str, values: dict[str, Any]) -> bytes | None:
    return _one(rng, model, values, (int,), rng.choice((2**31, 2**63, 10**18)))


def thousands_of_digits(rng: random.Random, model: str, values: dict[str, Any]) -> bytes | None:
    return _one(rng, model, values, (int,), 10**4000)


def more_digits_than_are_read(rng: random.Random, model: str, values: dict[str, Any]) -> bytes | None:
    marked = _one(rng, model, values, (int,), "HERE")
    return marked and marked.replace(b'"HERE"', b"1" * 500_000)


def negative(rng: random.Random, model: str, values: dict[str, Any]) -> bytes | None:
    return _one(rng, model, values, (int,), rng.choice((-1, -(2**31), -(10**18))))


def not_a_number(rng: random.Random, model: str, values: dict[str, Any]) -> bytes | None:
    return _one(rng, model, values, (int, float), float("nan"))


def infinite(rng: random.Random, model: str, values: dict[str, Any]) -> bytes | None:
    return _one(rng, model, values, (int, float), rng.choice((1, -1)) * float("inf"))


def no_float_can_hold_it(rng: random.Random, model: str, values: dict[str, Any]) -> bytes | None:
    return _one(rng, model, values, (float,), rng.choice((1, -1)) * 10**400)


def wrong_type(rng: random.Random, model: str, values: dict[str, Any]) -> bytes | None:
    return _one(rng, model, values, (int, float, bool), rng.choice(("4", None, [4], {"value": 4}, {}, [])))


def truth_for_a_number(rng: random.Random, model: str, values: dict[str, Any]) -> bytes | None:
    return _one(rng, model, values, (int,), True)


def fraction_of_a_layer(rng: random.Random, model: str, values: dict[str, Any]) -> bytes | None:
    return _one(rng, model, values, (int,), 4.0)


def a_megabyte_for_a_number(rng: random.Random, model: str, values: dict[str, Any]) -> bytes | None:
    return _one(rng, model, values, (int, float), "9" * 900_000)


def list_of_millions(rng: random.Random, model: str, values: dict[str, Any]) -> bytes | None:
    """Some have a list of widths or dilations; of others any field."""
    names = _of_type(model, tuple[int, ...]) or _of_type(model, int)
    return _with(values, **{rng.choice(names): [4] * 3_000_000})


def list_of_as_many_as_fit(rng: random.Random, model: str, values: dict[str, Any]) -> bytes | None:
    names = _of_type(model, tuple[int, ...]) or _of_type(model, int)
    return _with(values, **{rng.choice(names): [1] * 300_000})


def nested_in_a_field(rng: random.Random, model: str, values: dict[str, Any]) -> bytes | None:
    marked = _one(rng, model, values, (int, tuple[int, ...]), "HERE")
    return marked and marked.replace(b'"HERE"', b"[" * 700 + b"]" * 700)


def nested_without_end(rng: random.Random, model: str, values: dict[str, Any]) -> bytes | None:
    return rng.choice((b"[", b'{"config":')) * 90_000


def unknown_field(rng: random.Random, model: str, values: dict[str, Any]) -> bytes | None:
    name = rng.choice(("auto_map", "architectures", "_target_", "__class__", "__reduce__", "trust_remote_code"))
    return rng.choice((_with(values, **{name: "os.system"}), _written(values | {name: {"AutoModel": "evil.Model"}})))


def unknown_field_of_a_megabyte(rng: random.Random, model: str, values: dict[str, Any]) -> bytes | None:
    name = rng.choice(("width", "a")) * 180_000
    return rng.choice((_with(values, **{name: 1}), _written(values | {name: 1})))


def field_in_other_letters(rng: random.Random, model: str, values: dict[str, Any]) -> bytes | None:
    """A known name with a Cyrillic letter, a full-width one, a mark that shows nothing, or a stray surrogate."""
    name = rng.choice(_of_type(model, int))
    twisted = rng.choice((name.replace("e", "е").replace("a", "а"), "".join(chr(ord(c) + 0xFEE0) for c in name),
                          f"{name}\u200b", f"\u202e{name}", f"{name}\ud800", f"{name}\x00"))  # fmt: skip
    return _with(values, **{twisted: 4}) if twisted != name else None


def model_from_elsewhere(rng: random.Random, model: str, values: dict[str, Any]) -> bytes | None:
    wide = "".join(chr(ord(c) + 0xFEE0) for c in model)
    names = (f"../{model}", f"image.{model}", "__init__", "os", f"{model}\x00", f"{model} ", f"{model}.py", wide,
             "x" * 900_000, f"{model}\u202e", "", "/etc/passwd")  # fmt: skip
    return _written(values | {"model": rng.choice(names)})


def preset_of_control_characters(rng: random.Random, model: str, values: dict[str, Any]) -> bytes | None:
    names = ("\x1b[2J\x1b[31mowned", "a\nb", "\ud800", "\u202egnp.exe", "p" * 900_000, "", "\x00")
    return _written(values | {"preset": rng.choice(names)})


def labels_by_the_thousand(rng: random.Random, model: str, values: dict[str, Any]) -> bytes | None:
    return _written(
        values | {"labels": rng.choice((["x"] * 200_000, ["y" * 900_000], "z" * 900_000, [["a"]], {"a": 1}))}
    )


def another_format(rng: random.Random, model: str, values: dict[str, Any]) -> bytes | None:
    return _written(values | {"zoo": rng.choice((True, 1.0, "1", 2, -1, None, [1], {"zoo": 1}))})


def no_json_object(rng: random.Random, model: str, values: dict[str, Any]) -> bytes | None:
    return rng.choice((b"", b"[]", b"null", b'"' + model.encode() + b'"', bytes(1000), b"\xff\xfe" + b"{\0}\0",
                       _written(values)[:-1], _written(values) * 2, b" " * (18 << 20), b"\x80\x04."))  # fmt: skip


def parameters_above_the_cap(rng: random.Random, model: str, values: dict[str, Any]) -> bytes | None:
    """Every size as large as its bounds let it be: where they do not go together, that is refused before."""
    most = {
        field.name: field.metadata["high"]
        for field in dataclasses.fields(registry.entry(model).config)
        if type(field.default) is int and "high" in field.metadata
    }
    powers = {name: 1 << (int(high).bit_length() - 1) for name, high in most.items()}  # they divide each other
    chosen = rng.choice((most, powers))
    kind = registry.entry(model).config
    try:
        skeleton(registry.entry(model).model, kind(**chosen), checkpoint.MAX_PARAMETERS)
    except ValueError:
        return _with(values, **chosen)
    return None


ROOM: dict[str, tuple[dict[str, Any], ...]] = {
    "diffusion": (
        {"image_size": 256, "widths": [8], "groups": 4, "head_dim": 4, "attention": 1},
        {"image_size": 256, "widths": [8, 1024], "groups": 4, "head_dim": 4, "attention": 2},
    ),
    "text_to_image": ({"image_size": 512, "autoencoder_widths": [8], "widths": [8], "groups": 4, "attention_from": 0},),
    "contrastive": (
        {"image_size": 512, "patch_size": 2},
        {"image_size": 512, "patch_size": 4, "num_heads": 64, "image_dim": 64, "text_dim": 64},
    ),
    "wavenet": ({"dilations": [4096] * 100, "channels": 512}, {"dilations": [4096] * 90, "channels": 64}),
}  # fmt: skip
"""Networks of few parameters that would want gigabytes to run once."""


def room_out_of_proportion(rng: random.Random, model: str, values: dict[str, Any]) -> bytes | None:
    return _with(values, **rng.choice(ROOM[model])) if model in ROOM else None


KINDS: tuple[Malice, ...] = (
    huge_size, thousands_of_digits, more_digits_than_are_read, negative, not_a_number, infinite, no_float_can_hold_it,
    wrong_type, truth_for_a_number, fraction_of_a_layer, a_megabyte_for_a_number, list_of_millions,
    list_of_as_many_as_fit, nested_in_a_field, nested_without_end, unknown_field, unknown_field_of_a_megabyte,
    field_in_other_letters, model_from_elsewhere, preset_of_control_characters, labels_by_the_thousand, another_format,
    no_json_object, parameters_above_the_cap, room_out_of_proportion,
)  # fmt: skip


class _Endless(BaseException):
    """It took more than half a minute."""


def _stop(number: int, frame: FrameType | None) -> None:
    raise _Endless


class Watch:
    """What was built or read while it watches: tensors that take memory, and the files of weights."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.watching = False
        sys.addaudithook(self._opened)  # for good: hooks cannot be taken away

    def _opened(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.watching and event == "open" and str(arguments[0]).endswith(".safetensors"):
            self.done.append("its weights were opened")

    def _built(self, module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        if parameter is not None and parameter.device.type != "meta":
            self.done.append(f"{type(module).__name__}.{name} was built")

    @contextmanager
    def on(self) -> Iterator[None]:
        """Watch during the block."""
        self.done, self.watching = [], True
        hook = register_module_parameter_registration_hook(self._built)
        try:
            yield
        finally:
            self.watching = False
            hook.remove()


def _fault(folder: Path, watch: Watch) -> tuple[str, float]:
    """What is wrong with how a folder is refused ("" for nothing), and how long it took."""
    begun = time.process_time()
    said, fault = "", ""
    with watch.on():
        try:
            checkpoint.load(folder)
            fault = "it was loaded"
        except CheckpointError as error:
            said = str(error)
        except _Endless:
            fault = "it took more than half a minute"
        except BaseException as error:  # noqa: BLE001 whatever else it is, it is a failure
            fault = f"{type(error).__name__}: {str(error)[:300]}"
    seconds = time.process_time() - begun
    if fault:
        return fault, seconds
    if watch.done:
        return f"before it was refused, {watch.done[0]}", seconds
    if len(said) > _LONGEST or str(folder) not in said:
        return f"a message of {len(said):,} characters: {said[:200]}", seconds
    return "", seconds


def refused(folder: Path, rng: random.Random, *, models: int) -> Found:
    """Every kind of malice on so many models, drawn anew for each kind; good configs load before and after."""
    for name in registry.names():  # what is imported with the first of a model is not what is measured
        entry = registry.entry(name)
        target = folder / name
        target.mkdir()
        checkpoint.save(target, entry.model(entry.tiny), name, "tiny", labels=("a",), dtype="float32")
        checkpoint.load(target)
    gc.collect()
    gc.freeze()  # as app.py does: a whole collection of torch's objects takes longer than a refusal may
    watch, failures, tried = Watch(), [], 0
    times: list[tuple[float, str]] = []
    signal.signal(signal.SIGALRM, _stop)
    for kind in KINDS:
        names, done = rng.sample(registry.names(), len(registry.names())), 0
        for name in names:
            if done == models:
                break
            good = (folder / name / "config.json").read_bytes()
            bad = kind(rng, name, json.loads(good))
            if bad is None:
                continue
            done += 1
            (folder / name / "config.json").write_bytes(bad)
            signal.alarm(30)
            fault, seconds = _fault(folder / name, watch)
            signal.alarm(0)
            (folder / name / "config.json").write_bytes(good)
            times.append((seconds, f"{kind.__name__} of {name}"))
            if not fault and seconds > SLOWEST:
                fault = f"refused after {seconds:.2f} s"
            if fault:
                failures.append(
                    f"{kind.__name__} of {name}: {fault}; config.json was {bad[:300]!r} ({len(bad):,} bytes)"
                )
        if not done:
            failures.append(f"{kind.__name__}: no model has anything for it")
        tried += done
    for name in registry.names():
        checkpoint.load(folder / name)
    times.sort(reverse=True)
    figure = (
        f"{tried - len(failures)} of {tried} configs of {len(KINDS)} kinds refused in words, nothing built; "
        f"{times[0][0]:.2f} s of one core at most"
    )
    return Found(figure, failures, {"slowest": times[:10], "models": len(registry.names())})
