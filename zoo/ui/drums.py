"""The Drums page: a pattern of sixteen steps that is clicked together, and played by generated drums."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import gradio as gr

from zoo.entry import SOUND_GENERATION
from zoo.generate import drums as generate
from zoo.generate import library
from zoo.generate.audio import Sound
from zoo.ui import files
from zoo.ui.controls import (
    COMPUTE,
    ROLL,
    describe,
    examples,
    intro,
    model_picker,
    result_picture,
    run_and_stop,
    seed_and_dice,
    source_line,
    wire,
)
from zoo.ui.guard import compute, in_turn, integral
from zoo.ui.player import player
from zoo.ui.strings import chinese, english, text

Heard = tuple[str, str, str]
"""What both handlers give: the sound, its spectrogram, and the source line."""
FIRST = "rock"
"""The groove that the page begins with."""
SILENT = generate.REST * generate.STEPS

# The grid is drawn in the browser from the component's value, a JSON object of rows, so that names from a checkpoint
# stay text. A click writes the value anew; the server is asked only when something is to be heard.
_GRID = """
const words = %s;
const chinese = document.documentElement.lang.startsWith("zh");
const say = (key, name = "") => (words[key]?.[chinese ? 1 : 0] ?? "").replace("{name}", name);
const title = (name) => say(`drum_${name}`) || name.replaceAll("_", " ");
const grid = element.querySelector(".zoo-steps");
grid.setAttribute("aria-label", say("pattern"));
const make = (tag, className, more = {}) => Object.assign(document.createElement(tag), {className, ...more});
const rows = () => Object.fromEntries([...grid.querySelectorAll("[data-row]")].map((row) => [row.dataset.row,
  [...row.querySelectorAll(".zoo-cell")].map((cell) => cell.ariaPressed === "true" ? "x" : ".").join("")]));
const row = (name) => {
  const line = make("div", "zoo-row");
  line.dataset.row = name;
  const hear = make("button", "zoo-hear", {type: "button", textContent: title(name), title: say("hear", title(name))});
  const roll = make("button", "zoo-dice zoo-reroll", {type: "button", ariaLabel: say("reroll", title(name))});
  roll.title = roll.ariaLabel;
  const cells = make("div", "zoo-cells");
  for (let step = 0; step < 16; step++) {
    const cell = make("button", "zoo-cell", {type: "button", ariaPressed: "false"});
    cell.ariaLabel = `${title(name)} ${step + 1}`;
    cell.tabIndex = step ? -1 : 0;
    cells.append(cell);
  }
  line.append(hear, roll, cells);
  return line;
};
const draw = () => {
  let wanted = {};
  try { wanted = JSON.parse(props.value || "{}"); } catch { /* what is no pattern shows none */ }
  if (Object.keys(wanted).join("\\n") !== Object.keys(rows()).join("\\n"))
    grid.replaceChildren(...Object.keys(wanted).map(row));
  for (const line of grid.querySelectorAll("[data-row]"))
    line.querySelectorAll(".zoo-cell").forEach((cell, step) => {
      cell.ariaPressed = String(wanted[line.dataset.row]?.[step] === "x");
    });
};
grid.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.classList.contains("zoo-cell")) {
    button.ariaPressed = String(button.ariaPressed !== "true");
    props.value = JSON.stringify(rows());
    return;
  }
  grid.dataset.heard = button.closest("[data-row]").dataset.row;
  grid.dataset.roll = button.classList.contains("zoo-reroll") ? "yes" : "";
  trigger('hear');
});
grid.addEventListener("keydown", (event) => {
  const cell = event.target.closest(".zoo-cell");
  const ways = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]};
  const [down, right] = ways[event.key] ?? [0, 0];
  if (!cell || !(down || right)) return;
  event.preventDefault();
  const lines = [...grid.querySelectorAll(".zoo-cells")];
  const across = [...cell.parentElement.children].indexOf(cell) + right;
  const next = lines[lines.indexOf(cell.parentElement) + down]?.children[across];
  if (!next) return;
  for (const other of next.parentElement.children) other.tabIndex = other === next ? 0 : -1;
  next.focus();
});
watch("value", draw);
draw();
"""
_WORDS = ("pattern", "hear", "reroll")
_ROW = "[...document.querySelectorAll('#drums_grid [data-row]')].map((row) => row.dataset.row)"
_FILLED = f"JSON.stringify(Object.fromEntries({_ROW}.map((name) => [name, (%s)[name] ?? '{SILENT}'])))"
"""JavaScript: a pattern for the rows that are there, from an object that is filled in."""
_HEAR = """(seed, seeds) => {
  const {heard, roll} = document.querySelector("#drums_grid .zoo-steps").dataset;
  let own = {};
  try { own = JSON.parse(seeds || "{}"); } catch { /* begin anew */ }
  if (roll) own[heard] = Math.floor(Math.random() * 1000000);
  return [heard, own[heard] ?? seed, Object.keys(own).length ? JSON.stringify(own) : ""];
}"""


@in_turn
def play_drums(
    model: str, pattern: str, tempo: float, seed: int, swing: float, bars: int, seeds: str
) -> Iterator[Heard]:
    """Play a pattern on generated drums; returns the beat as a WAV file and its spectrogram.

    Parameters:
        model: name of a checkpoint of drums, as the Models tab lists it
        pattern: sixteen steps an instrument as JSON, such as {"kick": "x...x...x...x..."}, or a name, such as rock
        tempo: beats a minute, 60 to 200
        seed: whole number from 0 for the sounds of the kit; the same seed gives the same ones
        swing: 0 to 1, how far every second step comes later; two thirds make triplets
        bars: how often the pattern is played, 1 to 8
        seeds: seeds of single instruments as JSON, such as {"snare": 7}; may be empty
    """
    for sound in compute(
        generate.beat, model, pattern, tempo=tempo, swing=swing, bars=integral(bars), seed=integral(seed), seeds=seeds
    ):  # fmt: skip
        yield _heard(sound)


@in_turn
def hit_drum(model: str, instrument: str, seed: int) -> Iterator[Heard]:
    """Make one drum sound; returns it as a WAV file and its spectrogram.

    Parameters:
        model: name of a checkpoint of drums, as the Models tab lists it
        instrument: one of the model's instruments, such as kick or snare
        seed: whole number from 0; the same seed gives the same sound
    """
    for sound in compute(generate.hit, model, instrument, seed=integral(seed)):
        yield _heard(sound)


def _heard(sound: Sound) -> Heard:
    record = sound.source.record
    return files.sound(sound), files.picture(sound.spectrogram, record, "spectrogram"), sound.source.line()


def _steps(model: str) -> str:
    """A pattern to begin with, with a row for each of the model's instruments."""
    rows = generate.GROOVES[FIRST].rows
    return json.dumps({name: rows.get(name, SILENT) for name in generate.instruments(model)})


def _grid(model: str) -> gr.HTML:
    keys = [*_WORDS, *(f"drum_{name}" for name in generate.LEVELS)]
    words = {key: [english(key), chinese(key)] for key in keys}
    return gr.HTML(
        _steps(model), html_template='<div class="zoo-steps" role="group"></div>', js_on_load=_GRID % json.dumps(words),
        label=text("pattern"), apply_default_css=False, elem_id="drums_grid", elem_classes="zoo-grid",
    )  # fmt: skip


def machine(tab: gr.Blocks | gr.Tab) -> None:
    """The page: the grid above, below it the controls beside what is heard."""
    intro("drums_intro")
    grid = _grid(library.choices(SOUND_GENERATION)[0])
    with gr.Row(elem_classes="zoo-work"):
        with gr.Column(scale=0, min_width=320, elem_classes="zoo-controls"):
            model = model_picker(SOUND_GENERATION, "drums_model")
            chips = examples("drums", [text(f"groove_{name}") for name in generate.GROOVES])
            tempo = gr.Slider(
                generate.MIN_TEMPO, generate.MAX_TEMPO, generate.GROOVES[FIRST].tempo, step=1, label=text("tempo"),
                elem_id="drums_tempo",
            )  # fmt: skip
            seed, dice = seed_and_dice("drums")
            run, stop = run_and_stop("play", "drums")
            with gr.Accordion(text("advanced"), open=False, elem_classes="zoo-advanced"):
                swing = gr.Slider(0, 1, 0, step=0.05, label=text("swing"), elem_id="drums_swing")
                bars = gr.Slider(1, generate.MAX_BARS, 4, step=1, label=text("bars"), elem_id="drums_bars")
            instrument = gr.Textbox(visible="hidden", label=text("instrument"), elem_id="drums_instrument")
            own_seed = gr.Number(0, visible="hidden", label=text("seed"), elem_id="drums_own_seed")
            seeds = gr.Textbox("", visible="hidden", label=text("own_seeds"), elem_id="drums_seeds")
        with gr.Column(elem_classes="zoo-results"):
            picture = result_picture("drums", "spectrogram", name="spectrogram", classes="zoo-spectrogram")
            sound = player("drums_result", autoplay=True)
            source = source_line("drums")
    outputs = [sound, picture, source]
    fills: list[tuple[gr.Button, Any, str]] = [
        (chip, [grid, tempo, swing], f"[{_FILLED % json.dumps(groove.rows)}, {groove.tempo:g}, {groove.swing:g}]")
        for chip, groove in zip(chips, generate.GROOVES.values(), strict=True)
    ]
    fills.append((dice, [seed, seeds], f"[({ROLL})(), '']"))  # another kit: what was rolled for single drums is gone
    wire(
        play_drums, [model, grid, tempo, seed, swing, bars, seeds], outputs, api_name="play_drums", run=run, stop=stop,
        fills=fills, progress=[picture],
    )  # fmt: skip
    quiet: dict[str, Any] = {"api_visibility": "private", "queue": False, "show_progress": "hidden"}
    model.change(_steps, [model], [grid], **quiet)
    seed.input(None, None, [seeds], js="() => ''")
    describe(hit_drum, [model, instrument, own_seed])
    asked = grid.hear(None, [seed, seeds], [instrument, own_seed, seeds], js=_HEAR)
    asked.then(
        hit_drum, [model, instrument, own_seed], outputs, api_name="hit_drum", **COMPUTE,
        show_progress_on=[picture], trigger_mode="always_last",  # of quick clicks the last
    )  # fmt: skip
