"""python -m train NAME [--preset P] [options]: train, fine-tune, search, resume and publish one model.

The same module runs under `torchrun -m train ...` and `accelerate launch -m train ...`. The same command again goes
on where a stopped run was. Options after the name are the recipe's own fields (see --help after a name).

  python -m train vae --preset mnist
  python -m train --from gpt.shakespeare --data my_stories.txt     fine-tune on your own text, pictures or sounds
  python -m train vae --preset mnist --search 20                   try learning rates, batch sizes, regularisation
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo import registry

if TYPE_CHECKING:
    from train.loop import Run
    from train.recipe import Course, Recipe
    from train.sources import Sources

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


def parser() -> argparse.ArgumentParser:
    """The options that belong to no recipe."""
    made = argparse.ArgumentParser(
        prog="python -m train",
        usage="python -m train NAME [options], or python -m train --from CHECKPOINT [options]",
        description=__doc__,
        epilog=f"models: {', '.join(registry.names())}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
    made.add_argument("--preset", help="which of the model's recipes (the first by default)")
    made.add_argument("--out", type=Path, help="folder of the run (default runs/NAME.PRESET)")
    made.add_argument("--fresh", action="store_true", help="begin anew although the folder holds a state")
    made.add_argument("--cpu", action="store_true", help="stay on the CPU although there is a GPU")
    own = made.add_argument_group("your own model")
    own.add_argument(
        "--from", dest="start", metavar="CHECKPOINT", help="begin with these weights: a bundled name, folder or Hub id"
    )
    own.add_argument(
        "--data", type=Path, metavar="FOLDER_OR_FILE",
        help="your own text file, or folder of texts, pictures (sub-folders are classes) or sounds",
    )  # fmt: skip
    own.add_argument("--licence", default="", help="licence of your data, for the card")
    own.add_argument("--adapt", action="store_true", help="make tensors anew that do not fit, when sizes are changed")
    own.add_argument(
        "--store", choices=("float32", "float16", "int8"),
        help="only write the weights given by --from anew in this precision, and measure them",
    )  # fmt: skip
    own.add_argument("--search", type=int, metavar="N", help="try N settings instead of training one")
    made.add_argument(
        "--stop-after", type=int, metavar="STEPS", help="end this sitting after so many steps, with a state saved"
    )
    made.add_argument(
        "--publish", type=Path, metavar="FOLDER",
        help="where the checkpoint folder is written (default: in the run's folder)",
    )  # fmt: skip
    made.add_argument("--no-measure", action="store_true", help="publish without measuring the card's figures")
    return made


def _beginning(known: argparse.Namespace) -> tuple[Course, str, Recipe, Sources]:
    """The model's recipes, the name of the run's preset, its recipe, and its data and weights."""
    from train.recipe import course, fine_tuning, preset
    from train.sources import Sources

    if known.start is None:
        found = course(known.name)
        chosen = known.preset or next(iter(found.presets))
        recipe = preset(known.name, chosen)
        sources = Sources(known.data, adapt=known.adapt, licence=known.licence)
    else:
        from zoo import checkpoint, hub

        loaded = checkpoint.load(hub.resolve(known.start))
        if known.name not in (None, loaded.model_name):
            raise ValueError(f"{known.start} is a {loaded.model_name}, not a {known.name}")
        found = course(loaded.model_name)
        chosen = known.preset or (loaded.preset if loaded.preset in found.presets else next(iter(found.presets)))
        recipe = dataclasses.replace(
            fine_tuning(preset(found.name, chosen)), config=loaded.model.config, seed=preset(found.name, chosen).seed
        )
        sources = Sources(known.data, loaded, adapt=known.adapt, licence=known.licence)
    if known.data is not None:
        chosen = re.sub(r"[^a-z0-9]+", "-", known.data.resolve().stem.lower()).strip("-") or "own"
    return found, chosen, recipe, sources


def command_of(known: argparse.Namespace, name: str, preset: str, changes: list[str]) -> str:
    """The command line that trains the same again; of one's own data only the name, for folders are private."""
    words = ["python", "-m", "train", name]
    if known.preset or not (known.start or known.data):
        words += ["--preset", known.preset or preset]
    if known.start:
        words += ["--from", Path(known.start).name if Path(known.start).exists() else known.start]
    if known.data:
        words += ["--data", known.data.name]
    return shlex.join(words + ["--adapt"] * known.adapt + changes)


def _finish(run: Run, known: argparse.Namespace, command: str) -> int:
    """Publish a run that is at its last step; a signal leaves with 75, and the same command does it again."""
    from train.loop import DIVERGED, DONE, INTERRUPTED, UNWRITTEN
    from train.publish import publish
    from train.signals import Interrupted, Signals
    from zoo.checkpoint import CheckpointError

    folder = known.publish or run.folder / "checkpoint"
    signals = Signals()
    try:
        written = publish(
            run, folder / f"{run.course.name}.{run.preset}", command=command, measure=not known.no_measure,
            poll=signals.poll,
        )  # fmt: skip
    except Interrupted:
        logging.warning("stopped while it was published; the same command publishes it again")
        return INTERRUPTED
    except CheckpointError as error:  # weights that its precision cannot hold
        logging.error("the checkpoint was not written: %s", error)
        return DIVERGED
    except OSError as error:
        logging.error("the checkpoint was not written: %s; the run is kept, and the same command publishes it", error)
        return UNWRITTEN
    finally:
        signals.restore()
    print(f"the checkpoint is {written}")
    return DONE


def _search(
    known: argparse.Namespace, course: Course, preset: str, recipe: Recipe, folder: Path, sources: Sources,
    changes: list[str],
) -> int:  # fmt: skip
    """Try settings and print the command line of the best; a signal leaves with 75, and the same command goes on."""
    from train.loop import DONE, INTERRUPTED, Run
    from train.search import search
    from train.signals import Interrupted

    try:
        found = search(
            recipe, folder / "search", known.search,
            begin=lambda changed, place: Run(course, preset, changed, place, cpu=known.cpu, sources=sources),
            command=lambda options: command_of(known, course.name, preset, [*changes, *options]), fresh=known.fresh,
        )  # fmt: skip
    except Interrupted:
        logging.warning("stopped; the same command goes on with the search")
        return INTERRUPTED
    print(f"the best settings: {found['command']}\nall of them: {folder / 'search'}")
    return DONE


def _store(known: argparse.Namespace, rest: list[str]) -> int:
    """Write a checkpoint anew in another precision and print its figures before and after."""
    from train.publish import store_again
    from zoo import hub
    from zoo.card import value_text

    if not known.start or rest:
        raise ValueError(
            f"--store takes a checkpoint, as --from NAME, and no settings{': ' if rest else ''}{' '.join(rest)}"
        )
    place = hub.locate(known.start)
    if known.publish is None and place.origin not in ("folder", "bundled"):
        raise ValueError(f"{known.start} is a copy from the Hub, which is not changed; name a folder: --publish FOLDER")
    folder = known.publish / place.folder.name if known.publish else place.folder
    for one in store_again(place.folder, folder, known.store):
        then, now = ("none" if v is None else value_text(v, one.unit) for v in (one.stated, one.measured))
        print(f"{one.name}: {then} -> {now}{'' if one.ok else f' ({one.why})'}")
    print(f"the checkpoint is {folder}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code: 0 done, 2 wrong arguments, 65 diverged, 74 not written, 75 stopped with a state saved."""
    from train.signals import EXIT_CODE, Interrupted, Signals

    signals = Signals(at_once=True)  # the loops that have something to save take them over
    try:
        return _main(sys.argv[1:] if arguments is None else arguments)
    except Interrupted:
        print("train: stopped; the same command goes on", file=sys.stderr)
        return EXIT_CODE
    finally:
        signals.restore()


def _main(given: list[str]) -> int:
    made = parser()
    named = bool(given) and not given[0].startswith("-")  # options of recipes take values: a name can only come first
    known, rest = made.parse_known_args(given[named:])
    known.name = given[0] if named else None
    asks = bool({"-h", "--help"} & set(rest))
    if not known.name and not known.start:
        made.print_help()
        return 0 if asks else 2
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)

    try:
        if known.store and not asks:
            return _store(known, rest)
        found, chosen, start, sources = _beginning(known)
        if asks:
            made.print_help()
            print()
        recipe = recipe_from(start, rest, f"python -m train {found.name} --preset {chosen}")
        if recipe.base:
            sources.begin_with(found.name, recipe.base)
        folder = known.out or Path("runs") / f"{found.name}.{chosen}"
        if known.search is not None:
            return _search(known, found, chosen, recipe, folder, sources, rest)
        from train.loop import DONE, Run

        run = Run(found, chosen, recipe, folder, cpu=known.cpu, sources=sources)
        code = run.train(resume=not known.fresh, stop_after=known.stop_after)
        if code != DONE or not run.accelerator.is_main_process:
            return code
        return _finish(run, known, command_of(known, found.name, chosen, rest))
    except (ValueError, OSError) as error:
        print(f"train: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
