"""Pictures and words in one space: transformers' CLIPModel is the oracle, here and in a process without the zoo."""

from __future__ import annotations

import io
import json
import math
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import alone
import numpy as np
import pytest
import tiny_zoo
import torch
from PIL import Image, ImageDraw
from serving import endpoint_handler
from torch.nn import functional as F

from train.algorithms.single_loss import SingleLoss
from zoo import checkpoint, entry, export, registry, verify
from zoo.__main__ import DONE, WRONG, main
from zoo.data.captions import CATALOGUE, LANGUAGES, Captioned, moved
from zoo.data.load import load
from zoo.data.source import read
from zoo.eight_bits import SCALES
from zoo.engine.modules import Modules
from zoo.export.clip import clip_config, clip_tensors
from zoo.generate import catalogue, library, matching
from zoo.generate.inputs import InputError
from zoo.generate.provenance import look, txt
from zoo.generate.replay import Replay, replay
from zoo.models.crossmodal.contrastive import Contrastive, ContrastiveConfig
from zoo.noise import Noise
from zoo.verify.matches import matched_concepts, ranks_of

TINY: ContrastiveConfig = registry.entry("contrastive").tiny
NAME = "contrastive.emoji"
TEXTS = ["a happy cat", "红色的水果", "grinning face, smile"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("matching")
    tiny_zoo.match(folder)
    return folder


@pytest.fixture
def zoo(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny checkpoint in place of the bundled ones."""
    return tiny_zoo.put_in_place(made, monkeypatch)


@pytest.fixture(scope="module")
def data() -> Captioned:
    found = load("emoji_names", "train", TINY, sample=True)
    assert isinstance(found, Captioned)
    return found


def shaken() -> Contrastive:
    """A small network with weights so large that what goes in shows in what comes out."""
    torch.manual_seed(1)
    model = Contrastive(TINY)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=1.0 / parameter[0].numel() ** 0.5)
        elif parameter.dim():
            parameter.data += 0.1 * torch.randn_like(parameter)
    return model.eval()


def batch(n: int = 6, t: int = 7) -> dict[str, torch.Tensor]:
    """Pictures and captions of different lengths, each of another concept."""
    noise = Noise(3)
    found = {"image": 2 * noise.uniform(n, 3, 32, 32) - 1, "concept": torch.arange(n)}
    for language in LANGUAGES:
        ids = 5 + noise.integers(TINY.vocab_size - 5, n, t)
        ends = 2 + torch.arange(n) % (t - 2)
        ids[torch.arange(n), ends] = TINY.end_token
        found[f"{language}_ids"] = ids.masked_fill(torch.arange(t) > ends[:, None], 0)
    return found


def photo() -> Image.Image:
    picture = Image.new("RGB", (90, 60), "white")
    ImageDraw.Draw(picture).ellipse((20, 10, 70, 50), fill=(220, 30, 20))
    return picture


# The network


def test_transformers_own_model_gives_the_same_vectors_and_loss_from_the_same_weights() -> None:
    from transformers import CLIPConfig, CLIPModel

    model = shaken().double()
    values = clip_config(model.config, pad=0, begin=2)
    oracle = CLIPModel(CLIPConfig(text_config=values["text_config"], vision_config=values["vision_config"],
                                  projection_dim=values["projection_dim"])).double().eval()  # fmt: skip
    oracle.load_state_dict(clip_tensors(dict(model.state_dict()), model.config), strict=True)
    given = batch()
    images, losses = given["image"].double(), []
    with torch.no_grad():
        for language in LANGUAGES:
            ids = given[f"{language}_ids"]
            theirs = oracle(input_ids=ids, pixel_values=images, attention_mask=(ids > 0).long(), return_loss=True)
            near = {"rtol": 1e-5, "atol": 1e-6}  # our vectors are float32
            torch.testing.assert_close(model.embed_images(images).double(), theirs.image_embeds, **near)
            torch.testing.assert_close(model.embed_captions(ids).double(), theirs.text_embeds, **near)
            losses.append(theirs.loss)
        found = model.loss({**given, "image": images}, Noise(0))
    torch.testing.assert_close(found["loss"].double(), torch.stack(losses).mean(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found["zh"].double(), losses[1], rtol=1e-5, atol=1e-6)


def test_pictures_of_the_same_do_not_count_against_each_other() -> None:
    model, given = shaken(), batch()
    concept = torch.tensor([0, 1, 2, 1, 4, 5])
    with torch.no_grad():
        pictures, captions = model.embed_images(given["image"]), model.embed_captions(given["en_ids"])
        scores = pictures @ captions.T / 0.07
        scores[1, 3] = scores[3, 1] = -math.inf
        own = torch.arange(6)
        wanted = (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2
        torch.testing.assert_close(model.contrast(pictures, captions, concept), wanted)
        model.log_scale.fill_(50.0)
        assert model.contrast(pictures, captions, concept) < 210, "the scale is bounded"


def test_it_learns_which_words_belong_to_which_picture() -> None:
    from accelerate import Accelerator

    torch.manual_seed(0)
    model = Contrastive(TINY)
    update = SingleLoss(learning_rate=3e-3).prepare(model, Accelerator(cpu=True), 1.0)
    given = batch(8)
    found = [float(update(given, Noise(0, step))["loss"]) for step in range(60)]
    assert found[0] > 1.5 and found[-1] < 0.3 * found[0]


def test_a_config_whose_sizes_do_not_fit_is_refused_by_name() -> None:
    for fields, why in (({"image_size": 36}, "image_size is 36"), ({"text_dim": 15}, "text_dim is 15")):
        with pytest.raises(ValueError, match=why):
            replace(ContrastiveConfig(), num_heads=4, **fields)


# The data


def test_the_splits_share_no_concept_and_no_variant_of_one() -> None:
    names = [
        {one.names["en"] for one in load("emoji_names", split, TINY, sample=True).concepts}  # type: ignore[attr-defined]
        for split in ("train", "validation", "test")
    ]
    assert all(names) and not names[0] & names[1] and not names[0] & names[2] and not names[1] & names[2]


def test_a_training_caption_is_of_the_concept_and_a_pure_function_of_sample_and_epoch(data: Captioned) -> None:
    seen = {language: set() for language in LANGUAGES}
    for epoch in range(6):
        for index in range(0, len(data), 7):
            concept = data.concepts[data.numbers[index]]
            for language, separator in (("en", ", "), ("zh", "，")):
                caption = data.caption(index, language, epoch)
                assert caption == data.caption(index, language, epoch)
                known = {concept.names[language], *concept.keywords[language]}
                assert caption in known or set(caption.split(separator)) <= known
                seen[language].add(caption)
    held_out = load("emoji_names", "test", TINY, sample=True, tokenizer=data.tokenizer)
    assert isinstance(held_out, Captioned)
    assert held_out.caption(5, "en", 3) == held_out.concepts[held_out.numbers[5]].names["en"]
    assert all(len(captions) > len(data.concepts) for captions in seen.values())


def test_a_batch_has_the_promised_shapes_and_moves_pictures_in_training_alone(data: Captioned) -> None:
    rows = np.arange(0, 24, 3)
    found = data.batch(rows, 1)
    assert found["image"].shape == (8, 3, 32, 32) and found["image"].abs().max() <= 1
    assert torch.equal(found["concept"], torch.from_numpy(data.numbers[rows]))
    end = data.tokenizer.token_to_id("[SEP]")
    for language in LANGUAGES:
        ids = found[f"{language}_ids"]
        assert ids.dtype == torch.int64 and ids.shape[1] <= TINY.context_length and ((ids == end).sum(1) == 1).all()
    again, other = data.batch(rows, 1), data.batch(rows, 2)
    assert torch.equal(found["image"], again["image"]) and not torch.equal(found["image"], other["image"])
    held_out: Any = load("emoji_names", "test", TINY, sample=True, tokenizer=data.tokenizer)
    assert np.array_equal(held_out.pictures(rows, 4), held_out.images[rows])


def test_what_says_left_or_right_is_never_mirrored(data: Captioned) -> None:
    labels = read("emoji_names", "train", sample=True).labels["group"]
    assert "symbols" in labels and "flags" in labels
    assert all(not one.mirrors for one in data.concepts if one.names["en"].startswith("flag:"))
    assert any(one.mirrors for one in data.concepts)
    image = np.full((3, 64, 64), 255, np.uint8)
    image[:, :, :24] = 0  # dark on the left
    darker = {
        mirror: {bool(found[:, :, :32].mean() > found[:, :, 32:].mean())
                 for found in (moved(image, Noise(seed), mirror=mirror) for seed in range(20))}
        for mirror in (False, True)
    }  # fmt: skip
    assert darker == {False: {False}, True: {False, True}}


# What it is asked


def test_the_emoji_of_a_description_are_the_nearest_pictures(zoo: Path) -> None:
    found = matching.find(NAME, "  a happy   cat ", top=5)
    known, model = catalogue.load(zoo / NAME), checkpoint.load(zoo / NAME).model
    ids = torch.tensor([library_tokens(zoo, "a happy cat")])
    scale = min(float(model.log_scale.exp()), 100)
    shares = (scale * torch.from_numpy(known.vectors["pictures"]) @ model.embed_captions(ids)[0]).softmax(0)
    best = shares.argsort(descending=True)[:5]
    assert [one.emoji for one in found.matches] == [known.emoji[i] for i in best]
    assert [one.share for one in found.matches] == pytest.approx(shares[best].tolist(), rel=1e-3)
    assert found.text.splitlines()[0].endswith(found.matches[0].title) and len(found.text.splitlines()) == 5
    assert found.source.record.parameters == {"text": "a happy cat", "top": 5}


def test_the_nearest_name_is_one_of_those_that_are_allowed(zoo: Path) -> None:
    known, network = catalogue.load(zoo / NAME), library.get(NAME).network
    for language, text in (("en", "a happy cat"), ("zh", known.names["zh"][0])):
        tokenizer = library_tokenizer(zoo)
        scores = known.vectors[language] @ catalogue.of_captions(network, tokenizer, [text])[0]
        for allowed in (set(known.emoji), set(known.emoji[3:8])):
            found = matching.nearest_name(NAME, f" {text} ", allowed)
            best = max(allowed, key=lambda one: scores[known.emoji.index(one)])
            assert found is not None and found.emoji == best and 0 < found.share <= 1
    assert matching.nearest_name(NAME, "cat", {"x"}) is None
    with pytest.raises(InputError, match="empty"):
        matching.nearest_name(NAME, " ", known.emoji)


def library_tokenizer(zoo: Path) -> Any:
    from zoo.data import tokenizer

    return tokenizer.load(zoo / NAME)


def library_tokens(zoo: Path, text: str) -> list[int]:
    found: list[int] = library_tokenizer(zoo).encode(text).ids
    return found


def test_a_held_out_emoji_is_named_by_the_names_nearest_to_it(zoo: Path) -> None:
    for language in LANGUAGES:
        found = matching.describe(NAME, photo(), language=language, top=3)
        assert len(found.matches) == 3 and found.matches[0].share >= found.matches[2].share > 0
    labels = matching.score(NAME, photo(), ["red circle", "蓝色", "cat"])
    assert sum(share for _, share in labels) == pytest.approx(1) and {label for label, _ in labels} >= {"蓝色", "cat"}


def test_what_cannot_be_looked_for_is_refused_in_words(zoo: Path) -> None:
    for text, why in (
        ("", "empty"), (None, "empty"), ("x" * 301, "301 characters"), ("кошка", "has learnt English"),
        ("cat " * 70, "tokens"), (3, "must be text"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=why):
            matching.find(NAME, text)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="number of emoji"):
        matching.find(NAME, "cat", top=0)
    for picture, why in (
        (None, "no picture"),
        (Image.new("RGB", (8, 8)), "8 x 8"),
        (Image.new("RGB", (40, 40)), "one shade"),
    ):
        with pytest.raises(InputError, match=why):
            matching.describe(NAME, picture)
    with pytest.raises(InputError, match="the language"):
        matching.describe(NAME, photo(), language="fr")
    with pytest.raises(InputError, match="list of 1 to 50"):
        matching.score(NAME, photo(), [])


def test_a_result_can_be_made_again_from_its_file(zoo: Path) -> None:
    for made in (matching.find(NAME, TEXTS[1]), matching.describe(NAME, photo(), language="zh", top=4)):
        file = txt(made.text, made.source.record).encode()
        *_, again = replay(look(file))
        assert isinstance(again, Replay) and again.identical and again.holds


def test_a_damaged_catalogue_is_refused_in_words(zoo: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    whole = load_file(zoo / NAME / CATALOGUE)
    for change, why in (
        ({"en": whole["en"][:-1]}, "do not fit together"), ({"text": whole["text"][:-30]}, "others or damaged"),
        ({"zh": whole["zh"].astype(np.float32)}, "holds other tensors"),
        ({"en" + SCALES: np.full_like(whole["en" + SCALES], np.nan)}, "not finite"),
    ):  # fmt: skip
        save_file({**whole, **change}, tmp_path / CATALOGUE)
        with pytest.raises(checkpoint.CheckpointError, match=why):
            catalogue.load(tmp_path)
    (tmp_path / CATALOGUE).unlink()
    with pytest.raises(checkpoint.CheckpointError, match="nothing to search among"):
        catalogue.load(tmp_path)
    kept = catalogue.load(zoo / NAME)
    catalogue.save(kept, tmp_path)
    again = catalogue.load(tmp_path)
    assert (again.emoji, again.names) == (kept.emoji, kept.names)
    for side in kept.vectors:
        np.testing.assert_allclose(again.vectors[side], kept.vectors[side], atol=1e-2)


# Measures


class Knowing:
    """Knows each concept by heart, and with `wrong` takes two of them for each other."""

    config = SimpleNamespace()

    def __init__(self, data: Captioned, *, wrong: bool = False) -> None:
        self.data, self.wrong, self.asked = data, wrong, 0

    def parameters(self) -> Any:
        return iter([torch.zeros(1)])

    def embed_images(self, images: torch.Tensor) -> torch.Tensor:
        numbers = self.data.numbers[self.asked : self.asked + len(images)]
        self.asked += len(images)
        swapped = np.where(numbers == 0, 1, np.where(numbers == 1, 0, numbers)) if self.wrong else numbers
        return torch.eye(len(self.data.concepts))[swapped]

    def embed_captions(self, ids: torch.Tensor) -> torch.Tensor:
        assert len(ids) == len(self.data.concepts)
        return torch.eye(len(ids))


def test_recall_is_measured_by_language_and_direction_and_ties_count_against() -> None:
    held_out = load("emoji_names", "test", TINY, sample=True)
    assert isinstance(held_out, Captioned)
    budget = replace(verify.QUICK, rows=None)
    for wrong in (False, True):
        subject = verify.Subject("contrastive", Knowing(held_out, wrong=wrong), "emoji_names")
        figures = {one.name: one for one in matched_concepts(subject, held_out, budget, lambda: None)}
        assert len(figures) == 10
        missed = (held_out.numbers < 2).mean() if wrong else 0.0
        for name in ("recall@1", "recall@1, English to picture", "recall@1, picture to Chinese"):
            assert figures[name].value == pytest.approx(1 - missed)
        assert figures["recall@1"].samples == len(held_out)
    assert ranks_of(np.zeros((3, 3))).tolist() == [2, 2, 2]


# Other libraries, the command line and the endpoint

OPEN = """
import json, sys
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModel, AutoTokenizer, pipeline
model, loading = AutoModel.from_pretrained("clip", output_loading_info=True)
tokenizer, processor = AutoTokenizer.from_pretrained("clip"), AutoImageProcessor.from_pretrained("clip")
texts = json.loads(sys.argv[1])
given = tokenizer(texts, padding=True, return_tensors="pt")
pixels = processor(Image.open("square.png"), return_tensors="pt")["pixel_values"]
with torch.no_grad():
    made = model(**given, pixel_values=pixels)
whole = pipeline("zero-shot-image-classification", "clip")
whole = whole("square.png", candidate_labels=texts, hypothesis_template="{}")
print(json.dumps({
    "class": type(model).__name__, "loading": {k: len(v) for k, v in loading.items()},
    "ids": given["input_ids"].tolist(), "pixels": pixels.tolist(), "logits": made.logits_per_image.tolist(),
    "pipeline": {one["label"]: one["score"] for one in whole},
}))
"""


def test_transformers_alone_opens_it_and_gives_what_we_give(made: Path, tmp_path: Path) -> None:
    export.export(made / NAME, "transformers", tmp_path / "clip")
    assert (tmp_path / "clip" / CATALOGUE).is_file()
    model = checkpoint.load(made / NAME).model
    photo().resize((32, 32)).save(tmp_path / "square.png")
    there = json.loads(alone.run(OPEN, tmp_path, json.dumps(TEXTS)).splitlines()[-1])
    assert there["class"] == "CLIPModel" and not any(there["loading"].values())
    images = torch.from_numpy(
        np.asarray(Image.open(tmp_path / "square.png")).transpose(2, 0, 1)[None] / 127.5 - 1
    ).float()
    torch.testing.assert_close(torch.tensor(there["pixels"]), images, rtol=1e-5, atol=1e-5)
    ids = torch.tensor(there["ids"])
    assert [row[: row.index(3) + 1] for row in there["ids"]] == [library_tokens(made, text) for text in TEXTS]
    logits = float(model.log_scale.exp()) * model.embed_images(images) @ model.embed_captions(ids).T
    torch.testing.assert_close(torch.tensor(there["logits"]), logits, rtol=1e-4, atol=1e-4)
    assert [there["pipeline"][text] for text in TEXTS] == pytest.approx(logits.softmax(1)[0].tolist(), rel=1e-3)


def test_the_command_line_finds_and_names(
    zoo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    photo().save(tmp_path / "photo.png")
    assert main(["sample", NAME, "--text", "a cat", "--top", "2", "--out", str(tmp_path / "cat.txt")]) == DONE
    assert main(["replay", str(tmp_path / "cat.txt"), "--out", str(tmp_path / "again.txt")]) == DONE
    assert (tmp_path / "again.txt").read_bytes() == (tmp_path / "cat.txt").read_bytes()
    assert main(["sample", NAME, "--picture", str(tmp_path / "photo.png"), "--language", "zh"]) == DONE
    assert len(capsys.readouterr().out.splitlines()) >= 10
    assert main(["sample", NAME]) == WRONG
    assert "needs either --text" in capsys.readouterr().err


def test_an_endpoint_finds_names_and_scores(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = endpoint_handler(monkeypatch)
    found = handler({"inputs": {"text": "a cat"}, "parameters": {"top": 3}})
    assert [one["label"] for one in found] == [one.title for one in matching.find(NAME, "a cat", top=3).matches]
    encoded = io.BytesIO()
    photo().save(encoded, "PNG")
    picture = b64encode(encoded.getvalue()).decode()
    assert len(handler({"inputs": picture})) == 8
    scored = handler({"inputs": picture, "parameters": {"candidate_labels": ["a cat", "a dog"]}})
    assert {one["label"] for one in scored} == {"a cat", "a dog"} and scored[0]["score"] >= scored[1]["score"]
    with pytest.raises(InputError, match="empty"):
        handler({"inputs": {}})


def test_the_pages_find_and_name(zoo: Path, tmp_path: Path) -> None:
    from zoo.ui import crossmodal
    from zoo.ui import matching as pages

    photo().save(tmp_path / "photo.png")
    (*_, (found, line, file)) = pages.find_emoji(NAME, "a cat", 4)
    assert len(found) == 4 and NAME in line and "crossmodal.find" in Path(file).read_text(encoding="utf-8")
    (*_, (named, _, _)) = pages.name_picture(NAME, str(tmp_path / "photo.png"), "zh", 4)
    assert len(named) == 4
    page = crossmodal.build()
    assert {"find_emoji", "name_picture"} <= {str(one.api_name) for one in page.fns.values()}
    assert library.choices(entry.IMAGE_TEXT_MATCHING) == [NAME]
    assert Modules(checkpoint.load(zoo / NAME).model).config.image_size == 32
