"""python -m train NAME [--preset P] [options]: train, resume and publish one model.

The same module runs under `torchrun -m train ...` and `accelerate launch -m train ...`. The same command again goes
on where a stopped run was. Options after the name are the recipe's own fields (see --help after a name).
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
import sys
from pathlib import Path
from typing import Any

from zoo import registry

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


def _typed(recipe: Any) -> type:
    """The recipe's dataclass with the types of this preset's config and algorithm: --help shows their fields."""
    fields = []
    for field in dataclasses.fields(recipe):
        value = getattr(recipe, field.name)
        fields.append((field.name, type(value) if dataclasses.is_dataclass(value) else field.type))
    kind = dataclasses.make_dataclass(
        "Recipe", [(name, kind, dataclasses.field(default=getattr(recipe, name))) for name, kind in fields], frozen=True
    )
    kind.__module__ = type(recipe).__module__
    kind.__doc__ = "One training run."
    return kind


def recipe_from(recipe: Any, arguments: list[str], prog: str) -> Any:
    """The preset with the command line's changes."""
    import tyro

    changed: Any = tyro.cli(_typed(recipe), args=arguments, prog=prog, config=(tyro.conf.OmitArgPrefixes,))
    return dataclasses.replace(recipe, **{f.name: getattr(changed, f.name) for f in dataclasses.fields(recipe)})


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code: 0 done, 2 wrong arguments, 65 diverged, 75 stopped with a state saved."""
    parser = argparse.ArgumentParser(
        prog="python -m train",
        description=__doc__,
        epilog=f"models: {', '.join(registry.names())}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    parser.add_argument("name", nargs="?", help="the model to train")
    parser.add_argument("--preset", help="which of the model's recipes (the first by default)")
    parser.add_argument("--out", type=Path, help="folder of the run (default runs/NAME.PRESET)")
    parser.add_argument("--fresh", action="store_true", help="begin anew although the folder holds a state")
    parser.add_argument("--cpu", action="store_true", help="stay on the CPU although there is a GPU")
    parser.add_argument(
        "--stop-after", type=int, metavar="STEPS", help="end this sitting after so many steps, with a state saved"
    )
    parser.add_argument(
        "--publish",
        type=Path,
        metavar="FOLDER",
        help="where the checkpoint folder is written (default: in the run's folder)",
    )
    parser.add_argument("--no-measure", action="store_true", help="publish without measuring the card's figures")
    known, rest = parser.parse_known_args(arguments)
    if not known.name:
        parser.print_help()
        return 0 if {"-h", "--help"} & set(rest) else 2
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)

    from train.recipe import course, preset

    try:
        found = course(known.name)
        chosen = known.preset or next(iter(found.presets))
        start = preset(known.name, chosen)
        if {"-h", "--help"} & set(rest):
            parser.print_help()
            print()
        recipe = recipe_from(start, rest, f"python -m train {known.name} --preset {chosen}")
        from train.loop import Run
        from train.publish import publish

        folder = known.out or Path("runs") / f"{known.name}.{chosen}"
        run = Run(found, chosen, recipe, folder, cpu=known.cpu)
        code = run.train(resume=not known.fresh, stop_after=known.stop_after)
        if code == 0 and run.accelerator.is_main_process:
            target = known.publish or folder / "checkpoint"
            written = publish(run, target / f"{known.name}.{chosen}", changes=rest, measure=not known.no_measure)
            print(f"the checkpoint is {written}")
        return code
    except (ValueError, OSError) as error:
        print(f"train: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
