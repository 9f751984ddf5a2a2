"""The player of sounds, which several tabs have."""

from __future__ import annotations

import gradio as gr

from zoo.ui.strings import text


def player(elem_id: str, *, autoplay: bool = False) -> gr.Audio:
    """A waveform player with a WAV download."""
    return gr.Audio(
        label=text("sound"), show_label=False, interactive=False, format="wav", buttons=["download"], autoplay=autoplay,
        elem_id=elem_id, elem_classes="zoo-result zoo-player", waveform_options=gr.WaveformOptions(
            waveform_color="#a9b8ad", waveform_progress_color="#2f5f50", sample_rate=8000, show_recording_waveform=True
        ),
    )  # fmt: skip
