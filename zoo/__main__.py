"""python -m zoo: see what is in the zoo, generate with it, measure it again, share it.

NAME is a bundled checkpoint, a folder, or a Hub id such as user/repo or user/repo@revision.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import time
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from zoo import entry
from zoo.config import suggestion

if TYPE_CHECKING:
    from zoo.figures import Comparison

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

DONE, DRIFTED, WRONG = 0, 1, 2
"""Exit codes: done; a figure drifted, a table is stale or a run is ill; an error, in words. Signals give 128 + n."""


class Stopped(KeyboardInterrupt):
    """A signal asked the command to leave."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class Parser(argparse.ArgumentParser):
    """argparse with errors of one line."""

    def error(self, message: str) -> NoReturn:
        """Leave with exit code 2."""
        raise ValueError(f"{message} (try `{self.prog} --help`)")


def _columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as aligned text; Chinese characters are two columns wide."""

    def width(text: str) -> int:
        return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)

    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(c + " " * (w - width(c)) for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _list(arguments: argparse.Namespace) -> int:
    from zoo import table

    rows = table.rows()
    if arguments.json:
        print(json.dumps([{k: v for k, v in row.items() if k != "card"} for row in rows], ensure_ascii=False, indent=2))
    elif not rows:
        print("no checkpoint is bundled; `python -m train` makes one, `python -m zoo pull user/repo` fetches one")
    else:
        lines = [
            (
                r["name"],
                r["task"],
                f"{r['parameters']:,}",
                f"{r['megabytes']:.1f} MB",
                r["figure"],
                r["licence"],
                r["data"],
            )
            for r in rows
        ]
        print(_columns([("NAME", "TASK", "PARAMETERS", "SIZE", "FIGURE", "LICENCE", "DATA"), *lines]))
    return DONE


def _show(arguments: argparse.Namespace) -> int:
    from zoo import hub

    path = hub.resolve(arguments.name) / "README.md"
    if not path.is_file():
        raise ValueError(f"{path.parent} has no card; `python -m zoo verify {arguments.name} --write` makes one")
    card = path.read_text(encoding="utf-8", errors="replace")
    if card.startswith("---\n"):
        card = card.partition("\n---\n")[2].lstrip("\n")
    print("".join(c for c in card if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs")), end="")
    return DONE


def _sample(arguments: argparse.Namespace) -> int:
    from zoo.generate import library
    from zoo.sample import OPTIONS, sample

    given = {key: value for key, value in vars(arguments).items() if key in OPTIONS}
    print(sample(library.add(arguments.name), given, arguments.out), file=sys.stderr)
    return DONE


def _ask(arguments: argparse.Namespace) -> int:
    from zoo.data.media import read_audio
    from zoo.generate import archive, assistant, chat, library

    recording = read_audio(arguments.recording) if arguments.recording is not None else None
    if (recording is None) != bool(arguments.message):
        raise ValueError("type a message, or give a --recording of a digit, and not both")
    out = arguments.out
    if out is not None and (out.suffix.lower() != ".zip" or not out.parent.is_dir()):
        raise ValueError(f"--out is {str(out)!r}; an answer is written to a .zip file, into a folder that exists")
    repliers = chat.choices()
    if not repliers and not arguments.model:
        raise ValueError("no model of dialogues is installed")
    model = library.add(arguments.model) if arguments.model else repliers[0]
    steps = assistant.answer(model, (), arguments.message, recording=recording, seed=arguments.seed)
    found = None
    for step in steps:
        found = step if isinstance(step, assistant.Answer) else found
    assert found is not None  # an answer comes last
    if out is not None:
        out.write_bytes(archive.of(found))
    print(found.text if found.emoji is None else f"{found.text}\n{found.emoji.matches[0].title}")
    for one in found.steps:
        print(" · ".join(part for part in (one.what, one.model, one.figure, one.licence) if part), file=sys.stderr)
    for lack in filter(None, (found.no_sound, found.no_picture)):
        print(lack.words(), file=sys.stderr)
    return DONE


def _replay_answer(data: bytes, arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from zoo.generate import archive

    found = archive.unpack(data)
    out = arguments.out
    if arguments.model:
        raise ValueError("--model is for a file of one model; an answer has several, each named in its part")
    if out is not None and (out.suffix.lower() != ".zip" or not out.parent.is_dir()):
        raise ValueError(f"--out is {str(out)!r}; the file is a .zip, to go into a folder that exists")
    with tqdm(total=1.0, disable=None, leave=False, bar_format="{percentage:3.0f}%|{bar}|") as bar:
        steps = archive.remake(found)
        while isinstance(made := next(steps), float):
            bar.update(made - bar.n)
    for name, one in made.replays.items():
        same = "the same, byte for byte" if one.identical else "the same" if one.same else "NOT the same"
        print(f"{name}: {same if one.data is not None else 'cannot be made again'}")
        print("".join(f"  {difference.words()}\n" for difference in one.differences), end="")
    for name in made.stale:
        print(f"{name}: does NOT follow from the parts")
    if made.data is None:
        raise ValueError("not every part can be made again here")
    if out is not None:
        out.write_bytes(made.data)
    print(
        f"made again: {'the same, byte for byte' if made.identical else 'the same' if made.holds else 'NOT the same'}"
    )
    return DONE if made.holds else DRIFTED


def _replay(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from zoo.generate import archive, provenance, replay

    data = provenance.contents(arguments.file)
    if archive.is_one(data):
        return _replay_answer(data, arguments)
    marked = provenance.look(data)
    out = arguments.out
    if out is not None and (out.suffix.lower() != f".{marked.kind}" or not out.parent.is_dir()):
        raise ValueError(f"--out is {str(out)!r}; the file is a .{marked.kind}, to go into a folder that exists")
    record = marked.record
    print(f"{arguments.file}: {record.operation}, {record.line()}", file=sys.stderr)
    with tqdm(total=1.0, disable=None, leave=False, bar_format="{percentage:3.0f}%|{bar}|") as bar:
        steps = replay.replay(marked, model=arguments.model)
        while isinstance(found := next(steps), float):
            bar.update(found - bar.n)
    if found.data is None:
        raise ValueError("; ".join(one.words() for one in found.differences))
    if out is not None:
        out.write_bytes(found.data)
    unit = {"png": "pixels", "webp": "frames", "gif": "frames", "wav": "samples", "mid": "notes", "txt": "text"}[
        marked.kind
    ]
    same = "the same, byte for byte" if found.identical else f"the same {unit}" if found.same else "NOT the same"
    print("\n".join([f"made again: {same}", *(f"  {one.words()}" for one in found.differences)]))
    return DONE if found.holds else DRIFTED


def _verify(arguments: argparse.Namespace) -> int:
    from zoo import hub

    if bool(arguments.names) == arguments.all:
        raise ValueError("name the checkpoints to verify, or say --all (not both)")
    names = arguments.names or sorted(path.parent.name for path in hub.PRETRAINED.glob("*/config.json"))
    if not names:
        raise ValueError(f"{hub.PRETRAINED} holds no checkpoint")
    places = [(name, hub.locate(name)) for name in names]  # a wrong name is said before anything is measured
    reports = []
    for name, place in places:
        if arguments.write and place.origin not in ("folder", "bundled"):
            raise ValueError(f"{name} is a copy from the Hub; --write changes only a local folder")
        begun = time.perf_counter()
        compared = _measure(name, place.folder, arguments)
        report = {
            "name": name,
            "tier": "quick" if arguments.quick else "full",
            "seconds": round(time.perf_counter() - begun, 1),
            "ok": all(one.ok for one in compared),
            "written": arguments.write,
            "figures": [asdict(one) for one in compared],
        }
        reports.append(report)
        if not arguments.json:
            _print_report(report, compared)
    if arguments.json:
        print(json.dumps(reports, ensure_ascii=False, indent=2))
    return DONE if all(report["ok"] for report in reports) else DRIFTED


def _measure(name: str, folder: Path, arguments: argparse.Namespace) -> list[Comparison]:
    from tqdm import tqdm

    from zoo import figures

    with tqdm(desc=f"measuring {name}", unit=" batches", disable=None, leave=False) as bar:

        def poll() -> None:
            bar.update()

        if arguments.write:
            return figures.state(folder, quick_only=arguments.quick, poll=poll, own=arguments.data)
        return figures.measure_again(folder, quick=arguments.quick, poll=poll, own=arguments.data)


def _print_report(report: dict[str, Any], compared: list[Comparison]) -> None:
    from zoo.card import tolerance_text, value_text

    def shown(value: float | None, unit: str) -> str:
        return "none" if value is None else value_text(value, unit)

    verdict = "written" if report["written"] else "ok" if report["ok"] else "DRIFTED"
    print(f"{report['name']}: {verdict} ({report['tier']}, {report['seconds']:.1f} s)")
    lines = [
        (
            "",
            one.name,
            shown(one.stated, one.unit),
            shown(one.measured, one.unit),
            tolerance_text(one.tolerance, one.unit),
            "ok" if one.ok else f"DRIFT: {one.why}",
        )
        for one in compared
    ]
    if lines:
        print(_columns([("", "FIGURE", "STATED", "MEASURED", "TOLERANCE", ""), *lines]))


def _pin(arguments: argparse.Namespace) -> int:
    from zoo import checkpoint, hub
    from zoo.generate import library
    from zoo.metrics import judges

    place = hub.locate(arguments.name)
    if place.origin != "bundled":
        raise ValueError(f"{arguments.name} is not bundled; a judge must always be there, in zoo/pretrained")
    model = checkpoint.describe(place.folder)[0]
    judging = {entry.IMAGE_CLASSIFICATION, entry.AUDIO_CLASSIFICATION, entry.IMAGE_TEXT_MATCHING}
    if not judging & set(library.tasks_of(model)):
        raise ValueError(
            f"{arguments.name} neither classifies nor matches; it does {', '.join(library.tasks_of(model))}"
        )
    dataset = checkpoint.read_json(place.folder / "recipe.json").get("dataset")
    if not isinstance(dataset, str):
        raise ValueError(f"{place.folder}/recipe.json does not name the data set that it judges")
    judge = judges.Judge(place.folder.name, checkpoint.sha256_of(place.folder / "model.safetensors"))
    if judges.judge_of(dataset) == judge:
        print(f"{judge.name} is the judge of {dataset} already (sha256 {judge.sha256[:12]})")
        return DONE
    judges.pin(dataset, judge)
    print(f"{judge.name} (sha256 {judge.sha256[:12]}) judges {dataset} now; its figures want `verify --write`")
    return DONE


def _doctor(arguments: argparse.Namespace) -> int:
    from zoo import doctor
    from zoo.doctor.writing import as_json, plain

    diagnosis = doctor.diagnose(arguments.folder)
    if arguments.out is not None:
        doctor.report(arguments.folder, arguments.out, arguments.language)
    name = arguments.folder.resolve().name
    print(as_json(name, diagnosis) if arguments.json else plain(name, diagnosis, arguments.language))
    return DONE if diagnosis.healthy else DRIFTED


def _export(arguments: argparse.Namespace) -> int:
    from zoo import export, hub

    place, out = hub.locate(arguments.name), arguments.out
    if out is not None:
        export.export(place.folder, arguments.format, out, arguments.weights)
    elif (arguments.format, arguments.weights) != ("onnx", "fp32"):
        raise ValueError("name the folder to write, as --out FOLDER; only graphs of fp32 can go into the checkpoint")
    elif place.origin not in ("folder", "bundled"):
        raise ValueError(
            f"{arguments.name} is a copy from the Hub, which is not changed; name a folder, as --out FOLDER"
        )
    else:
        export.write_graphs(place.folder)
    print(out or place.folder)
    return DONE


def _push(arguments: argparse.Namespace) -> int:
    from zoo import release

    print(release.push(arguments.name, arguments.to, private=arguments.private, tag=arguments.tag))
    return DONE


def _pull(arguments: argparse.Namespace) -> int:
    from zoo import hub

    print(hub.pull(arguments.repo))
    return DONE


def _space_build(arguments: argparse.Namespace) -> int:
    from zoo import space

    for name in space.named(arguments.name):
        out = arguments.out / name if arguments.name == "all" else arguments.out
        print(space.build(name, out, model=arguments.model))
    return DONE


def _space_check(arguments: argparse.Namespace) -> int:
    from zoo import space
    from zoo.space import check

    reports = []
    for name in space.named(arguments.name):
        found = check.check(name, fresh=arguments.fresh, zero_gpu=arguments.zero_gpu, model=arguments.model)
        reports.append(asdict(found))
        if not arguments.json:
            print(found, flush=True)
    if arguments.json:
        print(json.dumps(reports, ensure_ascii=False, indent=2))
    return DONE if not any(report["faults"] for report in reports) else DRIFTED


def _space_push(arguments: argparse.Namespace) -> int:
    import tempfile

    from zoo import space

    with tempfile.TemporaryDirectory(prefix="zoo-space-") as scratch:
        for release in space.push(
            arguments.name, arguments.to, Path(scratch), hardware=arguments.hardware, private=arguments.private,
            model=arguments.model,
        ):  # fmt: skip
            print(release, flush=True)
    return DONE


def _table(arguments: argparse.Namespace) -> int:
    from zoo import table

    stale = table.renew(check=arguments.check)
    for path in stale:
        print(f"{path.name}: " + ("stale; `python -m zoo table` renews it" if arguments.check else "renewed"))
    return DRIFTED if stale and arguments.check else DONE


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = Parser(
        prog="python -m zoo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = found.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int], what: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = commands.add_parser(name, help=what, description=what, allow_abbrev=False)
        made.set_defaults(run=run)
        return made

    made = command("list", _list, "list the bundled checkpoints with their headline figures")
    made.add_argument("--json", action="store_true", help="as JSON")
    made = command("show", _show, "print the card of a checkpoint")
    made.add_argument("name", metavar="NAME")
    made = command(
        "sample", _sample, "use a checkpoint: words to the terminal, pictures to a PNG, sound to a WAV, music to MIDI"
    )
    made.add_argument("name", metavar="NAME")
    made.add_argument("--out", type=Path, metavar="FILE", help="where the result goes (.png, .wav, .mid or .txt)")
    for option, kind, what in (
        ("--seed", int, "the same seed gives the same result (default 0)"),
        ("--temperature", float, "below 1 safer, above 1 wilder (text, audio, music)"),
        ("--label", str, "class of the pictures; all classes in turn by default"),
        ("--count", int, "how many pictures"),
        ("--truncation", float, "scale of the noise: below 1 more typical, less varied pictures"),
        ("--steps", int, "of a model that draws in many steps: how many"),
        ("--guidance", float, "of such a model: how far the class is followed; 1 as learnt"),
        ("--prompt", str, "text to write on from"),
        ("--max-new-tokens", int, "how much to write"),
        ("--top-k", int, "choose among the k likeliest tokens; 0 for all"),
        ("--top-p", float, "choose among the likeliest tokens that reach this probability"),
        ("--repetition-penalty", float, "above 1 repeats less"),
        ("--bits", int, "of the products that write a text: 32, or 8, which is quicker and writes another one"),
        ("--form", str, "form of a poem, such as 五言绝句"),
        ("--title", str, "title of a poem"),
        ("--author", str, "author whose manner a poem takes"),
        ("--acrostic", str, "first characters of a poem's lines"),
        ("--digits", str, "digits to speak, such as 42"),
        ("--speaker", str, "voice that speaks"),
        ("--note", str, "note to play, such as C4 or F#3"),
        ("--instrument", str, "what plays the note; or one drum sound, such as snare: without it a beat is played"),
        ("--pattern", str, 'of a beat: its name, such as rock, or JSON such as {"kick": "x...x...x...x..."}'),
        ("--tempo", float, "of a beat or of music: beats a minute"),
        ("--swing", float, "of a beat: 0 straight to 1; two thirds make triplets"),
        ("--bars", int, "of a beat: how often the pattern is played; of music: how much is composed without a melody"),
        ("--text", str, "what is translated, pronounced, filled, sorted, answered, said, sought or drawn; or a digit"),
        ("--style", str, "of what is drawn from a text: google, twitter, openmoji or fluent"),
        ("--speed", float, "of speech: 0.5 to 2"),
        ("--direction", str, "of a translation: en-zh, zh-en, or auto (default)"),
        ("--beams", int, "translations that are followed side by side"),
        ("--top", int, "candidates for each blank, or what is found for a text or a picture"),
        ("--recording", Path, "file of the recording that is turned into a spectrogram and back, or of a spoken digit"),
        ("--picture", Path, "file of the picture that is changed or described, or of a drawn digit"),
        ("--language", str, "of what a picture is called, or is compared with: en (default) or zh"),
        ("--said", Path, "where the sound goes, of a model that makes a picture besides (.wav)"),
        ("--how", str, "how the picture is prepared, such as drawing or edges; as it is by default"),
        ("--strength", float, "of the noise that a picture is given"),
        ("--melody", str, "melody to be set for four voices, such as 'G4 C5 D5 E5:2'; without one, music is free"),
        ("--midi", Path, "MIDI file that holds the melody"),
    ):
        made.add_argument(option, type=kind, default=argparse.SUPPRESS, help=what)
    made.add_argument(
        "--back", action="store_true", default=argparse.SUPPRESS, help="from target to source, of a model for both ways"
    )
    made = command("ask", _ask, "say something: a reply in text, and with --out in voice and with a picture, one file")
    made.add_argument("message", nargs="?", default="", metavar="MESSAGE", help="in English or Chinese, or a number")
    made.add_argument(
        "--recording", type=Path, metavar="FILE", help="of a digit said in English, in place of a message"
    )
    made.add_argument("--model", default="", metavar="NAME", help="the checkpoint that replies")
    made.add_argument("--seed", type=int, default=0, help="the same seed gives the same answer (default 0)")
    made.add_argument("--out", type=Path, metavar="FILE", help="where the whole answer goes (.zip)")
    made = command("replay", _replay, "make a file of `sample`, `ask` or the app again; exit code 1 when it differs")
    made.add_argument(
        "file", type=Path, metavar="FILE", help="a PNG, WAV, WEBP, GIF, MIDI, TXT or ZIP that says how it was made"
    )
    made.add_argument("--out", type=Path, metavar="FILE", help="where the new one goes")
    made.add_argument("--model", default="", metavar="NAME", help="make it with this checkpoint, or this folder")
    made = command("verify", _verify, "measure every figure of a card again; exit code 1 when one drifted")
    made.add_argument("names", nargs="*", metavar="NAME")
    made.add_argument("--all", action="store_true", help="every bundled checkpoint")
    made.add_argument(
        "--quick", action="store_true", help="on the bundled sample, in seconds, against figures of its own"
    )
    made.add_argument("--json", action="store_true", help="as JSON")
    made.add_argument("--data", type=Path, metavar="FOLDER_OR_FILE", help="the data it learnt from, if one's own")
    made.add_argument(
        "--write", action="store_true",
        help="store what is measured in metrics.json (the quick figures too) and write the card anew",
    )  # fmt: skip
    made = command("doctor", _doctor, "examine a training run by its log; exit code 1 when there is an alarm")
    made.add_argument("folder", type=Path, metavar="RUN", help="the folder that `python -m train --out` wrote")
    made.add_argument("--out", type=Path, metavar="FOLDER", help="write doctor.md, doctor.html and the curves there")
    made.add_argument("--language", choices=("en", "zh"), default="en", help="of the words (default en)")
    made.add_argument("--json", action="store_true", help="as JSON")
    made = command("pin", _pin, "make a bundled classifier the judge of its data set")
    made.add_argument("name", metavar="NAME")
    made = command("export", _export, "write a checkpoint as a folder that opens without this zoo")
    made.add_argument("name", metavar="NAME")
    made.add_argument(
        "--format", required=True, help="transformers (GPT, BERT, CLIP), diffusers (diffusion), onnx (every model)"
    )
    made.add_argument(
        "--out", type=Path, metavar="FOLDER", help="a new or an empty folder; without it, onnx goes into the checkpoint"
    )
    made.add_argument("--weights", default="fp32", help="of graphs: fp32 (default), 8bit, or 4bit (GPT)")
    made = command("push", _push, "release a checkpoint on the Hub: one commit, one tag (set HF_TOKEN)")
    made.add_argument("name", metavar="NAME")
    made.add_argument("--to", required=True, metavar="USER/REPO", help="the repository")
    made.add_argument("--private", action="store_true", help="a repository that only you can see")
    made.add_argument("--tag", help="name of the release (default: the next of v1, v2, ...)")
    made = command("pull", _pull, "fetch a checkpoint from the Hub, check it, and print its folder")
    made.add_argument("repo", metavar="USER/REPO[@REVISION]")
    made = command("space", _space_build, "build, check or push the Spaces: all, zoo, image, text, audio, ...")
    steps = made.add_subparsers(title="steps", metavar="STEP", required=True)
    for step, run, what in (
        ("build", _space_build, "put together the folder that is uploaded"),
        ("check", _space_check, "build it, start it in a clean room as its host would, and generate; 1 when it fails"),
        ("push", _space_push, "build it and upload it: one commit, one tag (set HF_TOKEN)"),
    ):
        made = steps.add_parser(step, help=what, description=what, allow_abbrev=False)
        made.set_defaults(run=run)
        made.add_argument(
            "name",
            metavar="NAME",
            help="browser, zoo (the whole), image, text, audio, crossmodal; all six; or endpoint",
        )
        made.add_argument("--model", default="", metavar="NAME", help="the checkpoint that `endpoint` serves")
        if step == "build":
            made.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="a new or empty folder")
        if step == "check":
            made.add_argument("--fresh", action="store_true", help="in a fresh environment made by pip (minutes)")
            made.add_argument("--zero-gpu", action="store_true", help="as on ZeroGPU, with a stand-in for its devices")
            made.add_argument("--json", action="store_true", help="as JSON")
        if step == "push":
            made.add_argument("--to", required=True, metavar="USER/REPO", help="with all: also USER/REPO-image, ...")
            made.add_argument("--hardware", default="", help="cpu-basic, zero-a10g, ... (default: as the Hub gives it)")
            made.add_argument("--private", action="store_true", help="a Space that only you can see")
    made = command("table", _table, "renew the tables of models in the READMEs")
    made.add_argument("--check", action="store_true", help="write nothing; exit code 1 when a table is stale")
    found.set_defaults(commands=tuple(commands.choices))
    return found


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped(number)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code (see DONE, DRIFTED, WRONG)."""
    given = sys.argv[1:] if arguments is None else arguments
    made = parser()
    if not given:
        made.print_help()
        return WRONG
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    known = made.get_default("commands")
    try:
        if not given[0].startswith("-") and given[0] not in known:
            raise ValueError(f"no command is named {given[0][:40]!r}{suggestion(given[0][:40], known)}")
        chosen = made.parse_args(given)
        code: int = chosen.run(chosen)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (ValueError, OSError) as error:
        print(f"zoo: {' '.join(str(error).split())}", file=sys.stderr)
        return WRONG
    except KeyboardInterrupt as error:
        number = error.number if isinstance(error, Stopped) else signal.SIGINT
        print(f"zoo: stopped by {signal.Signals(number).name}", file=sys.stderr)
        return 128 + number


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    sys.exit(main())
