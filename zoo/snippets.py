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
    entry.FILL_MASK: (
        'from zoo.generate.masked import fill\n\nprint(fill("{name}", "What is your favorite ___?").blanks[0])',
        "",
    ),
    entry.TEXT_CLASSIFICATION: (
        'from zoo.generate.masked import classify\n\nprint(classify("{name}", "Who directed it?").classes)',
        "",
    ),
    entry.RETRIEVAL: (
        "from zoo.generate.chat import reply\n\n"
        '(found,) = reply("{name}", [], "Who is your favorite band?")\nprint(found.text, found.score)',
        "",
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

_DENOISE = """\
import torch
from diffusers import DDIMScheduler, UNet2DModel
from PIL import Image

unet = UNet2DModel.from_pretrained("{place}", subfolder="unet")
scheduler = DDIMScheduler.from_pretrained("{place}", subfolder="scheduler")
scheduler.set_timesteps(STEPS)
labels = torch.arange(CLASSES)  # one picture of each class
none = torch.full_like(labels, CLASSES)
images = torch.randn(CLASSES, CHANNELS, SIZE, SIZE, generator=torch.manual_seed(7))
for time in scheduler.timesteps:
    with torch.no_grad():
        both = unet(torch.cat([images, images]), time, class_labels=torch.cat([labels, none])).sample
    given, free = both.chunk(2)
    images = scheduler.step(free + GUIDANCE * (given - free), time, images).prev_sample
sheet = torch.cat([*images], dim=2).permute(1, 2, 0).squeeze(2)  # (SIZE, CLASSES * SIZE) in [-1, 1]
Image.fromarray(sheet.mul(127.5).add(127.5).round().byte().numpy()).save("sheet.png")"""
_DENOISE_FREELY = """\
import torch
from diffusers import DDIMPipeline

draw = DDIMPipeline.from_pretrained("{place}")
draw(num_inference_steps=STEPS, generator=torch.manual_seed(7)).images[0].save("picture.png")"""

_CHAT_PROMPT = """\
messages = [{"role": "user", "content": "Have you seen any good movies lately?"}]
print(write(messages, max_new_tokens=60)[0]["generated_text"][-1]["content"])"""
_REPLY = (
    "from zoo.generate.chat import reply\n\n"
    'history = [("user", "Hi!"), ("bot", "Hello, how are you?")]  # what was said before, as far as it is to be known\n'
    '*_, last = reply("{name}", history, "Have you seen any good movies lately?", seed=7)\nprint(last.text)',
    "",
)
READERS: dict[str, tuple[str, str]] = {
    entry.FILL_MASK: (
        "BertForMaskedLM",
        """\
from transformers import pipeline

fill = pipeline("fill-mask", "{place}")
for guess in fill("What is your favorite [MASK]?"):
    print(guess["token_str"], round(guess["score"], 3))""",
    ),
    entry.TEXT_CLASSIFICATION: (
        "BertForSequenceClassification",
        """\
from transformers import pipeline

print(pipeline("text-classification", "{place}", top_k=None)("Who directed it?"))""",
    ),
    entry.RETRIEVAL: (
        "BertModel",
        """\
import torch
from transformers import AutoModel, AutoTokenizer

model = AutoModel.from_pretrained("{place}", add_pooling_layer=False)
tokenizer = AutoTokenizer.from_pretrained("{place}")

def embed(texts, kind):  # 0 messages, 1 replies
    given = tokenizer(texts, return_tensors="pt", padding=True)
    mask = given["attention_mask"]
    with torch.no_grad():
        types = torch.full_like(mask, kind)
        states = model(input_ids=given["input_ids"], attention_mask=mask, token_type_ids=types)[0]
    return torch.nn.functional.normalize((states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True))

replies = ["Yes, I saw Moana.", "The Beatles, of course!", "I don't like baseball."]
print((embed(["Who is your favorite band?"], 0) @ embed(replies, 1).T).tolist())""",
    ),
}
"""For tasks that read: the class of transformers, and lines of Python with that library alone."""

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


def of_zoo(tasks: tuple[str, ...], name: str, *, verse: bool, chat: bool = False) -> tuple[str, str]:
    """Python with this repository's code, and the options of `python -m zoo sample` ("" where it generates nothing)."""
    known = next((task for task in tasks if task in _ZOO), "")
    special = _VERSE if verse else _REPLY if chat else None
    python, options = special or _ZOO.get(known, ('import zoo\n\nmodel = zoo.load("{name}")', ""))
    return python.replace("{name}", name), options


def of_transformers(place: str, *, verse: bool, chat: bool = False) -> str:
    """Python with transformers alone, for a model that writes text."""
    return _TRANSFORMERS.replace("{place}", place) + (
        _VERSE_PROMPT if verse else _CHAT_PROMPT if chat else _PROSE_PROMPT
    )


def of_diffusers(place: str, config: dict[str, Any]) -> str:
    """Python with diffusers alone, for a denoiser with this config; its pipeline draws without classes only."""
    code = _DENOISE if config["num_classes"] else _DENOISE_FREELY
    words = {"STEPS": "sampling_steps", "CLASSES": "num_classes", "CHANNELS": "channels", "SIZE": "image_size"}
    for word, key in (words | {"GUIDANCE": "guidance"}).items():
        code = code.replace(word, str(config[key]))
    return code.replace("{place}", place)


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
