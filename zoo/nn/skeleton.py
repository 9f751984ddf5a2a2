"""A network without its weights: names and shapes alone, made in no memory, and no further than it may grow."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.overrides import TorchFunctionMode


class TooLarge(ValueError):
    """A network has more parameters than it may. `parameters` counts those up to the one that was too many."""

    def __init__(self, parameters: int) -> None:
        super().__init__(f"{parameters:,} parameters and more")
        self.parameters = parameters


class _Unfilled(TorchFunctionMode):
    """Leave out what fills weights at first: on tensors without memory it does nothing, and takes most of the time."""

    def __torch_function__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        if getattr(function, "__module__", "") == nn.init.__name__:
            return arguments[0] if arguments else (options or {}).get("tensor")
        return function(*arguments, **(options or {}))


def skeleton(build: Callable[[Any], nn.Module], config: Any, most: int) -> nn.Module:
    """`build(config)` on torch's "meta" device. Raises TooLarge with the first parameter beyond `most`, not later:
    a hundred bytes of config can describe a network whose parts alone take minutes to list."""
    thread, seen, total = threading.get_ident(), {}, 0

    def count(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal total
        if parameter is None or threading.get_ident() != thread or id(parameter) in seen:
            return
        seen[id(parameter)] = parameter  # kept, so that no other takes its id
        total += parameter.numel()
        if total > most:
            raise TooLarge(total)

    hook = register_module_parameter_registration_hook(count)
    try:
        with torch.device("meta"), _Unfilled():
            return build(config)
    finally:
        hook.remove()
