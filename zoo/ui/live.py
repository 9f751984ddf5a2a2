"""A sound that is heard while it is made: the browser plays its pieces one after the other, as they come."""

from __future__ import annotations

import base64
import time
from abc import ABCMeta
from collections.abc import Iterator
from typing import Any

import gradio as gr
import numpy as np

from zoo.generate.audio import Piece, Sound
from zoo.ui import files
from zoo.ui.strings import say

# The value grows by a line a piece, so that gradio sends what is new alone and a line that two updates bring at once is
# not lost: first a mark of this sound and its rate, then the share that is done and the samples. Playing begins as soon
# as what is missing will be made before it is wanted; a piece that comes late after all is played when it comes.
_PLAY = """
const HEAD = 0.08;
let mark = "", played = 0, waiting = [], begun = 0, at = 0, made = 0, context = null, sources = [];
const samples = (line) => {
  const bytes = Uint8Array.from(atob(line), (letter) => letter.charCodeAt(0));
  return Float32Array.from(new Int16Array(bytes.buffer), (sample) => sample / 32768);
};
const sound = (piece, rate) => {
  const buffer = context.createBuffer(1, piece.length, rate), source = context.createBufferSource();
  buffer.copyToChannel(piece, 0);
  source.buffer = buffer;
  source.connect(context.destination);
  at = Math.max(at, context.currentTime + HEAD / 4);
  source.start(at);
  if (!element.dataset.first) element.dataset.first = String(performance.now() + 1000 * (at - context.currentTime));
  at += piece.length / rate;
  sources.push(source);
};
const hear = () => {
  const [first, ...lines] = String(props.value || "").split("\\n");
  if (!first) return;
  const [own, rate] = first.split(" ");
  if (own !== mark) {
    for (const source of sources) try { source.stop(); } catch { /* it has ended */ }
    mark = own; played = 0; waiting = []; sources = []; begun = performance.now(); made = 0; at = 0;
    delete element.dataset.first;
    context ??= new AudioContext();
    context.resume();
  }
  for (; played < lines.length; played++) {
    const [share, code] = lines[played].split(" ");
    if (!code) break;
    const piece = samples(code);
    made += piece.length / rate;
    const started = Boolean(element.dataset.first), passed = (performance.now() - begun) / 1000;
    if (!started && (share < 1 && (made < HEAD || passed * (1 - share) > made))) { waiting.push(piece); continue; }
    for (const one of [...waiting, piece]) sound(one, Number(rate));
    waiting = [];
  }
};
watch("value", hear);
"""


_Unseen: Any = ABCMeta.__new__(type(gr.HTML), "LivePlayer", (gr.HTML,), {"skip_api": True})
"""gr.HTML whose value no client of the API gets: the whole sound is in another output. gradio's own way to make a class
of a component writes a stub beside the source."""


def live_player(elem_id: str) -> gr.HTML:
    """What plays pieces; it shows nothing."""
    found: gr.HTML = _Unseen(
        "", html_template="<span></span>", js_on_load=_PLAY, visible="hidden", apply_default_css=False, elem_id=elem_id
    )
    return found


def heard(steps: Iterator[Piece | Sound], progress: gr.Progress) -> Iterator[tuple[Any, Any, Any, Any]]:
    """What a page shows of a sound while it is made: the WAV file, its spectrogram, the source line, and the value of
    its live player. The first two and the line come at the end."""
    value = ""
    for step in steps:
        if isinstance(step, Sound):
            picture = files.picture(step.spectrogram, step.source.record, "spectrogram")
            yield files.sound(step), picture, step.source.line(), gr.skip()
            continue
        progress(step.share, desc=say("sampling"))
        value = value or f"{time.monotonic_ns():x} {step.sample_rate}"
        if len(step.waveform):
            pcm = np.round(np.clip(step.waveform, -1, 1) * 32767).astype("<i2").tobytes()
            value += f"\n{step.share:.4f} {base64.b64encode(pcm).decode()}"
        yield gr.skip(), gr.skip(), gr.skip(), value
