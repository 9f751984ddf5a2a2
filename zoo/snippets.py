"""Lines of code that use a checkpoint: with another library alone, and with this zoo. Its card shows them.

They run as they stand: `place` is a folder, as `python -m zoo export` writes it, or an id on the Hub.
"""

from __future__ import annotations

from typing import Any

from zoo import entry

_ZOO = {
    entry.IMAGE_GENERATION: (
        'from zoo.generate.image import draw\n\ndraw("{name}", count=16, seed=7).sheet.save("sheet.png")',
        "--seed 7 --out sheet.png",
    ),
    entry.AUDIO_GENERATION: (
        "import soundfile\n\nfrom zoo.generate.audio import speak\n\n"
        '*_, sound = speak("{name}", "42", seed=7)  # progress first, the sound last\n'
        'soundfile.write("42.wav", sound.waveform, sound.sample_rate)',
        "--digits 42 --seed 7 --out 42.wav",
    ),
    entry.TEXT_GENERATION: (
        "from zoo.generate.text import write\n\n"
        '*_, last = write("{name}", "ROMEO:", max_new_tokens=200, seed=7)  # yields as it writes\nprint(last.text)',
        '--prompt "ROMEO:" --seed 7',
    ),
    entry.IMAGE_CLASSIFICATION: (
        "import torch\n\nimport zoo\n\npictures = torch.zeros(1, 1, 28, 28)  # in [-1, 1]: white is 1, black is -1\n"
        'print(zoo.load("{name}")(pictures).softmax(1))',
        "",
    ),
    entry.AUDIO_CLASSIFICATION: (
        "import torch\n\nimport zoo\n\nwaveforms = torch.zeros(1, 8000)  # in [-1, 1], 8000 samples a second\n"
        'print(zoo.load("{name}")(waveforms).softmax(1))',
        "",
    ),
}
"""For each task the lines of Python that use it, and the options of `python -m zoo sample`."""
_VERSE = (
    "from zoo.generate.text import compose\n\n"
    '*_, last = compose("{name}", "五言绝句", title="春夜", seed=7)  # yields as it writes\nprint(last.text)',
    "--form 五言绝句 --title 春夜 --seed 7",
)

_TRANSFORMERS = """\
from transformers import pipeline, set_seed

set_seed(7)
write = pipeline("text-generation", "{place}")
"""
_PROSE_PROMPT = 'print(write("ROMEO:")[0]["generated_text"])'
_VERSE_PROMPT = (
    'print(write("<bos>五言绝句<title>春夜<poem>", return_full_text=False)[0]["generated_text"])'
    "  # also <author>, before <title>"
)

_FOLDER = 'folder = "{place}"'
_SNAPSHOT = 'folder = snapshot_download("{place}")'
_DRAW = """\
generator = onnxruntime.InferenceSession(f"{folder}/generator.onnx")
random = np.random.default_rng(7)
inputs = {"latents": random.standard_normal((COUNT, LATENTS), np.float32)LABELS}
images = generator.run(None, inputs)[0]  # (COUNT, channels, height, width) in [-1, 1]
sheet = np.concatenate([*images], axis=2).transpose(1, 2, 0)
Image.fromarray(np.uint8(sheet.squeeze() * 127.5 + 127.5)).save("sheet.png")"""
_CLASSIFY = """\
classifier = onnxruntime.InferenceSession(f"{folder}/classifier.onnx")
inputs = np.zeros(SHAPE, np.float32)  # WHAT
logits = classifier.run(None, {"inputs": inputs})[0][0]
chances = np.exp(logits - np.logaddexp.reduce(logits))
labels = json.load(open(f"{folder}/config.json", encoding="utf-8"))["labels"]
print(dict(zip(labels, chances.round(4).tolist())))"""
_SPEAK = """\
duration, condition, step = (
    onnxruntime.InferenceSession(f"{folder}/{part}.onnx") for part in ("duration", "condition", "step")
)
random = np.random.default_rng(7)
who = {"digit": np.array([4]), "speaker": np.array([0])}
seconds = duration.run(None, {**who, "normals": random.standard_normal(1, np.float32).clip(-1, 1)})[0]
elapsed = np.arange(0, seconds[0], FRAME / RATE, np.float32)
frames = condition.run(None, {**who, "seconds": seconds, "elapsed": elapsed})[0][0]
memory = {one.name: np.zeros((1, *one.shape[1:]), np.float32) for one in step.get_inputs() if "history" in one.name}
codes = [LEVELS // 2]
for i in range(int(seconds[0] * RATE)):
    inputs = {"code": np.array(codes[-1:]), "condition": frames[i // FRAME][None], **memory}
    logits, *kept = step.run(None, inputs)
    memory = dict(zip(memory, kept))
    chances = np.exp(logits[0] / 0.9).cumsum()
    codes.append(int(np.searchsorted(chances, random.random() * chances[-1])))
companded = np.array(codes[1:]) / (LEVELS - 1) * 2 - 1
waveform = np.sign(companded) * np.expm1(np.abs(companded) * np.log(LEVELS)) / (LEVELS - 1)  # in [-1, 1]
with wave.open("4.wav", "wb") as file:
    file.setparams((1, 2, RATE, 0, "NONE", ""))
    file.writeframes(np.int16(waveform * 32767).tobytes())"""


def of_zoo(tasks: tuple[str, ...], name: str, *, verse: bool) -> tuple[str, str]:
    """Python with this repository's code, and the options of `python -m zoo sample` ("" where it generates nothing)."""
    known = next((task for task in tasks if task in _ZOO), "")
    python, options = _VERSE if verse else _ZOO.get(known, ('import zoo\n\nmodel = zoo.load("{name}")', ""))
    return python.replace("{name}", name), options


def of_transformers(place: str, *, verse: bool) -> str:
    """Python with transformers alone, for a model that writes text."""
    return _TRANSFORMERS.replace("{place}", place) + (_VERSE_PROMPT if verse else _PROSE_PROMPT)


def of_onnxruntime(parts: dict[str, Any], config: dict[str, Any], place: str, *, on_hub: bool) -> str:
    """Python with onnxruntime and NumPy alone; "" for parts that no lines are written for.

    `parts` is what graphs.json says of them, `config` the model's config.
    """
    if "generator" in parts:
        inputs = parts["generator"]["inputs"]
        count = config.get("num_classes") or 10
        body = _DRAW.replace("COUNT", str(count)).replace("LATENTS", str(inputs["latents"]["shape"][1]))
        body = body.replace("LABELS", f', "labels": np.arange({count})' if "labels" in inputs else "")
        wanted, modules = [], ["from PIL import Image"]
    elif "classifier" in parts:
        shape = (1, *parts["classifier"]["inputs"]["inputs"]["shape"][1:])
        what = "pictures in [-1, 1]: white is 1, black is -1"
        if len(shape) == 2:
            what = f"waveforms in [-1, 1], {config['sample_rate']} samples a second"
        body = _CLASSIFY.replace("SHAPE", str(shape)).replace("WHAT", what)
        wanted, modules = ["import json"], []
    elif {"duration", "condition", "step"} <= parts.keys():
        body = _SPEAK.replace("LEVELS", str(config["levels"])).replace("RATE", str(config["sample_rate"]))
        body = body.replace("FRAME", str(config["frame_size"]))
        wanted, modules = ["import wave"], []
    else:
        return ""
    hub = ["from huggingface_hub import snapshot_download"] if on_hub else []
    head = ["import numpy as np", "import onnxruntime", *hub, *modules]
    folder = (_SNAPSHOT if on_hub else _FOLDER).replace("{place}", place)
    return "\n".join([*wanted, *([""] if wanted else []), *head, "", folder, body])
