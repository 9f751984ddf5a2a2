"""Lines of code that use a checkpoint: with another library alone, and with this zoo. Its card shows them.

They run as they stand: `place` is a folder, as `python -m zoo export` writes it, or an id on the Hub.
"""

from __future__ import annotations

from typing import Any

from zoo import entry
from zoo.data.spoken_text import SYMBOLS

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
    entry.NOTE_GENERATION: (
        "import soundfile\n\nfrom zoo.generate.notes import play_note\n\n"
        '*_, sound = play_note("{name}", "A4", "violin", seed=7)  # progress first, the sound last\n'
        'soundfile.write("a4.wav", sound.waveform, sound.sample_rate)',
        "--note A4 --instrument violin --seed 7 --out a4.wav",
    ),
    entry.SOUND_GENERATION: (
        "import soundfile\n\nfrom zoo.generate.drums import beat\n\n"
        'sound = beat("{name}", "rock", bars=4, seed=7)  # or hit("{name}", "snare", seed=7)\n'
        'soundfile.write("rock.wav", sound.waveform, sound.sample_rate)',
        "--pattern rock --bars 4 --seed 7 --out rock.wav",
    ),
    entry.MUSIC_GENERATION: (
        "from pathlib import Path\n\nfrom zoo.generate.chorale import harmonise\n"
        "from zoo.generate.provenance import midi\n\n"
        '*_, made = harmonise("{name}", "G4 | C5 D5 E5 C5 | D5:2 C5:2", seed=7)  # progress first, the music last\n'
        'Path("chorale.mid").write_bytes(midi(made.notes, made.tempo, made.source.record))',
        "--bars 8 --seed 7 --out chorale.mid",
    ),
    entry.TEXT_TO_SPEECH: (
        "import soundfile\n\nfrom zoo.generate.speech import say\n\n"
        'sound = say("{name}", "Please enter your password.", seed=7).sound\n'
        'soundfile.write("said.wav", sound.waveform, sound.sample_rate)',
        '--text "Please enter your password." --seed 7 --out said.wav',
    ),
    entry.VOCODING: (
        "import soundfile\n\nfrom zoo.generate.vocoder import resynthesise\n\n"
        'found = resynthesise("{name}", *soundfile.read("speech.wav"), seed=7)\n'
        'soundfile.write("again.wav", found.vocoded.waveform, found.vocoded.sample_rate)',
        "--recording speech.wav --seed 7 --out again.wav",
    ),
    entry.ANY_TO_ANY: (
        "import soundfile\n\nfrom zoo.generate.joint import give, given\n\n"
        'found = give("{name}", given("seven"), seed=7)  # or given(picture=..., sound=(waveform, rate)), or given()\n'
        'found.picture.save("seven.png")\nsoundfile.write("seven.wav", found.sound.waveform, found.sound.sample_rate)',
        "--text seven --seed 7 --out seven.png",
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
    entry.TEXT_TO_IMAGE: (
        "from zoo.generate.prompting import draw\n\n"
        '*_, made = draw("{name}", "blue cat", style="google", seed=7)  # progress first, the pictures last\n'
        'made.sheet.save("cat.png")',
        '--text "blue cat" --style google --seed 7 --out cat.png',
    ),
    entry.IMAGE_TEXT_MATCHING: (
        'from zoo.generate.matching import find\n\nprint(find("{name}", "a happy cat").text)',
        '--text "a happy cat"',
    ),
    entry.CAPTIONING: (
        "from PIL import Image\n\nfrom zoo.generate.describing import describe_picture  # or describe_digit\n\n"
        'print(describe_picture("{name}", Image.open("picture.png"), language="en").text)',
        "--picture picture.png --language en",
    ),
    entry.IMAGE_CLASSIFICATION: (
        "import torch\n\nimport zoo\n\npictures = torch.zeros(1, 1, 28, 28)  # in [-1, 1]: white is 1, black is -1\n"
        'print(zoo.load("{name}")(pictures).softmax(1))',
        "",
    ),
    entry.AUDIO_CLASSIFICATION: (
        'import torch\n\nimport zoo\n\nmodel = zoo.load("{name}")\n'
        "waveforms = torch.zeros(1, model.config.sample_rate)  # in [-1, 1], a second\n"
        "print(model(waveforms).softmax(1))",
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

_FROM_TEXT = """\
import torch
from diffusers import DiffusionPipeline

draw = DiffusionPipeline.from_pretrained("{place}")  # a style comes first: google, twitter, openmoji or fluent
made = draw("google, blue cat", num_inference_steps=STEPS, guidance_scale=GUIDANCE, generator=torch.manual_seed(7))
made.images[0].save("cat.png")"""

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
    entry.TRANSLATION: (
        "MBartForConditionalGeneration",
        """\
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

model = AutoModelForSeq2SeqLM.from_pretrained("{place}")
tokenizer = AutoTokenizer.from_pretrained("{place}")
given = tokenizer("{source}", return_tensors="pt")
print(tokenizer.decode(model.generate(**given)[0], skip_special_tokens=True))""",
    ),
    entry.IMAGE_TEXT_MATCHING: (
        "CLIPModel",
        """\
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

model = AutoModel.from_pretrained("{place}")
tokenizer = AutoTokenizer.from_pretrained("{place}")
processor = AutoImageProcessor.from_pretrained("{place}")

picture = Image.new("RGB", (64, 64), "white")  # yours, laid on white
picture.paste("red", (16, 16, 48, 48))
names = ["red square", "cat face", "红色方块", "猫脸"]
given = tokenizer(names, padding=True, return_tensors="pt") | processor(picture, return_tensors="pt")
with torch.no_grad():
    chances = model(**given).logits_per_image.softmax(1)[0]
print(dict(zip(names, chances.tolist())))""",
    ),
}
"""For tasks that read: the class of transformers, and lines of Python with that library alone."""
SOURCES = {"en-zh": "<zh> where is the station?", "en-arpabet": "algorithm"}
"""What `{source}` stands for in them, by the first of a checkpoint's labels: in small letters, and before a sentence
the token of the language to be written."""

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

_SING = """\
melody, frame, voice = (
    onnxruntime.InferenceSession(f"{folder}/{part}.onnx") for part in ("melody", "frame", "voice")
)
random = np.random.default_rng(7)
count = 128 // GRID  # frames: eight bars
told = {"melody": np.full((1, count), TOKENS), "length": np.array([count])}  # TOKENS: no melody; else keys, A0 is 1
condition = melody.run(None, told)[0]
memory = {one.name: np.zeros((1, HEADS, count, WIDTH), np.float32) for one in frame.get_inputs()[3:]}
voices = np.full((1, 4), TOKENS)  # before the first frame
pieces = []
for i in range(count):
    inputs = {"voices": voices, "condition": condition[:, i], "position": np.array(i), **memory}
    hidden, *kept = frame.run(None, inputs)
    memory, before, voices = dict(zip(memory, kept)), voices, np.zeros((1, 4), np.int64)
    for which in ORDER:  # soprano is 0
        inputs = {"hidden": hidden, "before": before, "voices": voices}
        chances = np.exp(voice.run(None, inputs)[0][0, which]).cumsum()
        voices[0, which] = np.searchsorted(chances, random.random() * chances[-1])
    pieces.append(np.where(voices[0], voices[0] + 20, -1))  # MIDI numbers, -1 for silence
print(np.stack(pieces))"""

_HIT = """\
generator = onnxruntime.InferenceSession(f"{folder}/sound_generator.onnx")
random = np.random.default_rng(7)
inputs = {"latents": random.standard_normal((COUNT, LATENTS), np.float32)LABELS}
waveforms = generator.run(None, inputs)[0]  # (COUNT, samples) in [-1, 1]
waveforms *= 0.95 / np.abs(waveforms).max(1, keepdims=True)
with wave.open("sounds.wav", "wb") as file:
    file.setparams((1, 2, RATE, 0, "NONE", ""))
    file.writeframes(np.int16(waveforms.reshape(-1) * 32767).tobytes())"""


_VOCODE = """\
spectrogram, vocoder = (
    onnxruntime.InferenceSession(f"{folder}/{part}.onnx") for part in ("spectrogram", "vocoder")
)
with wave.open("speech.wav") as file:  # RATE samples a second, one channel, 16 bits
    samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
waveforms = samples[None, : len(samples) // HOP * HOP].astype(np.float32) / 32768
mel = spectrogram.run(None, {"waveforms": waveforms})[0]  # (1, frames, MELS)
code = np.float32(TEMPERATURE) * np.random.default_rng(7).standard_normal(waveforms.shape, np.float32)
excitation, taps = (one[0] for one in vocoder.run(None, {"mel": mel, "code": code}))
again = np.concatenate([np.zeros(taps.shape[1]), excitation])
for i in range(len(excitation)):  # what the samples before foretell is added to each
    again[taps.shape[1] + i] -= again[i : taps.shape[1] + i] @ taps[i // HOP, ::-1]
again = again[taps.shape[1] :].clip(-1, 1)
with wave.open("again.wav", "wb") as file:
    file.setparams((1, 2, RATE, 0, "NONE", ""))
    file.writeframes(np.int16(again * 32767).tobytes())"""

_READ = """\
phonemes, velocity = (onnxruntime.InferenceSession(f"{folder}/{part}.onnx") for part in ("phonemes", "velocity"))
symbols = np.array([[NUMBERS]])  # "hello" between pauses; all: SYMBOLS
means, states, times = phonemes.run(None, {"symbols": symbols, "mask": np.ones_like(symbols)})
length = np.exp(times[0]).round().clip(1, 40).astype(int)  # frames of HOP samples
share = np.concatenate([(np.arange(n) + 0.5) / n for n in length])
own = np.repeat(np.concatenate([means[0], states[0]], axis=1), length, axis=0)
told = np.column_stack([own, share, np.log(np.repeat(length, length))])[None].astype(np.float32)
mel = np.float32(TEMPERATURE) * np.random.default_rng(7).standard_normal((1, len(share), MELS), np.float32)
for step in range(STEPS):
    time, mask = np.full(1, step / STEPS, np.float32), np.ones(mel.shape[:2], np.float32)
    inputs = {"frames": mel, "time": time, "condition": told, "mask": mask}
    mel = mel + velocity.run(None, inputs)[0] / np.float32(STEPS)
np.save("mel.npy", mel)  # what "vocoder" of a model such as waveglow.telephone turns into sound"""

_CAPTION = """\
encoder, decoder = (
    onnxruntime.InferenceSession(f"{folder}/{part}.onnx") for part in ("image_encoder", "caption_decoder")
)
tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
picture = Image.new("RGB", (SIZE, SIZE), "white")  # yours: of one thing, on white
picture.paste("red", (SIZE // 4, SIZE // 4, 3 * SIZE // 4, 3 * SIZE // 4))
images = np.asarray(picture, np.float32).transpose(2, 0, 1)[None] / 127.5 - 1
looked = encoder.run(None, {"images": images})[0]
for language in ("en", "zh"):
    memory = {one.name: np.zeros((1, HEADS, ROOM, WIDTH), np.float32) for one in decoder.get_inputs()[3:]}
    ids, end = [tokenizer.token_to_id(f"<{language}>")], tokenizer.token_to_id("<eos>")
    while ids[-1] != end and len(ids) <= ROOM:
        inputs = {"ids": np.array([ids[-1:]]), "position": np.array(len(ids) - 1), "memory": looked, **memory}
        logits, *kept = decoder.run(None, inputs)
        memory = dict(zip(memory, kept))
        ids.append(int(logits[0, -1].argmax()))
    print(tokenizer.decode(ids))"""


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
    if "latent_channels" in config:
        code = _FROM_TEXT.replace("STEPS", str(config["sampling_steps"])).replace("GUIDANCE", str(config["guidance"]))
        return code.replace("{place}", place)
    code = _DENOISE if config["num_classes"] else _DENOISE_FREELY
    words = {"STEPS": "sampling_steps", "CLASSES": "num_classes", "CHANNELS": "channels", "SIZE": "image_size"}
    for word, key in (words | {"GUIDANCE": "guidance"}).items():
        code = code.replace(word, str(config[key]))
    return code.replace("{place}", place)


def of_onnxruntime(parts: dict[str, Any], config: dict[str, Any], place: str, *, on_hub: bool) -> str:
    """Python with onnxruntime and NumPy alone; "" for parts that no lines are written for.

    `parts` is what graphs.json says of them, `config` the model's config.
    """
    if made := next((part for part in ("generator", "sound_generator") if part in parts), None):
        inputs, sounds = parts[made]["inputs"], made == "sound_generator"
        count = config.get("num_classes") or 10
        body = (_HIT if sounds else _DRAW).replace("COUNT", str(count)).replace("RATE", str(config.get("sample_rate")))
        body = body.replace("LATENTS", str(inputs["latents"]["shape"][1]))
        body = body.replace("LABELS", f', "labels": np.arange({count})' if "labels" in inputs else "")
        wanted, modules = (["import wave"], []) if sounds else ([], ["from PIL import Image"])
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
    elif {"melody", "frame", "voice"} <= parts.keys():
        width = config["embedding_dim"] // config["num_heads"]
        numbers = {"GRID": config["grid"], "TOKENS": config["tokens"], "HEADS": config["num_heads"], "WIDTH": width}
        body = _SING.replace("ORDER", str(tuple(config["order"])))
        for word, value in numbers.items():
            body = body.replace(word, str(value))
        wanted, modules = [], []
    elif {"spectrogram", "vocoder"} <= parts.keys():
        body, wanted, modules = _filled(_VOCODE, config), ["import wave"], []
    elif {"phonemes", "velocity"} <= parts.keys():
        said = [SYMBOLS.index(one) for one in (".", "HH", "AH0", "L", "OW1", ".")]
        body = _READ.replace("NUMBERS", ", ".join(map(str, said))).replace("SYMBOLS", "zoo/data/spoken_text.py")
        body, wanted, modules = _filled(body, config), [], []
    elif {"image_encoder", "caption_decoder"} <= parts.keys():
        width = config["embedding_dim"] // config["num_heads"]
        numbers = {"SIZE": config["image_size"], "HEADS": config["num_heads"], "ROOM": config["context_length"]}
        body, wanted, modules = _CAPTION, [], ["from PIL import Image", "from tokenizers import Tokenizer"]
        for word, value in (numbers | {"WIDTH": width}).items():
            body = body.replace(word, str(value))
    else:
        return ""
    hub = ["from huggingface_hub import snapshot_download"] if on_hub else []
    head = ["import numpy as np", "import onnxruntime", *hub, *modules]
    folder = (_SNAPSHOT if on_hub else _FOLDER).replace("{place}", place)
    return "\n".join([*wanted, *([""] if wanted else []), *head, "", folder, body])


def _filled(body: str, config: dict[str, Any]) -> str:
    """Lines of code with the numbers of a spectrogram in place of their names."""
    words = {"RATE": "sample_rate", "HOP": "hop_length", "MELS": "num_mels", "TEMPERATURE": "temperature"}
    for word, key in (words | {"STEPS": "sampling_steps"}).items():
        body = body.replace(word, str(config.get(key)))
    return body
