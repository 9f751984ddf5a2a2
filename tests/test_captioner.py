"""Pictures in words: torch's own decoder layer is the oracle of the network, and nothing judged on is learnt from."""

from __future__ import annotations

import ast
import io
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
from torch import Tensor
from torch.nn import functional as F

from train.algorithms.single_loss import SingleLoss
from zoo import card, checkpoint, entry, export, registry, verify
from zoo.__main__ import DONE, WRONG, main
from zoo.data.captions import LANGUAGES
from zoo.data.described import DIGIT, KINDS, NEW, SEEN, Described, digit_picture
from zoo.data.load import load
from zoo.engine.modules import Modules
from zoo.entry import IGNORED
from zoo.generate import beam, describing, library
from zoo.generate.inputs import InputError
from zoo.generate.provenance import look, picture_of, txt
from zoo.generate.replay import Replay, replay
from zoo.models.crossmodal.captioner import Captioner, CaptionerConfig
from zoo.noise import Noise
from zoo.verify.descriptions import descriptions

TINY: CaptionerConfig = registry.entry("captioner").tiny
NAME = "captioner.emoji-digits"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("captions")
    tiny_zoo.caption(folder)
    return folder


@pytest.fixture
def zoo(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny checkpoint in place of the bundled ones."""
    return tiny_zoo.put_in_place(made, monkeypatch)


def opened(split: str, tokenizer: Any = None) -> Described:
    found = load("emoji_digits", split, TINY, sample=True, tokenizer=tokenizer)
    assert isinstance(found, Described)
    return found


@pytest.fixture(scope="module")
def data() -> Described:
    return opened("train")


@pytest.fixture(scope="module")
def held_out(data: Described) -> Described:
    return opened("test", data.tokenizer)


def shaken() -> Captioner:
    """A small network whose every parameter is random, so that no term hides behind a zero."""
    torch.manual_seed(1)
    model, noise = Captioner(TINY), Noise(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.2 * noise.normal(*parameter.shape)
    return model.eval().requires_grad_(False)


def photo() -> Image.Image:
    picture = Image.new("RGB", (90, 60), "white")
    ImageDraw.Draw(picture).ellipse((20, 10, 70, 50), fill=(220, 30, 20))
    return picture


def seven(ink: str = "black", paper: str = "white") -> Image.Image:
    picture = Image.new("RGB", (280, 280), paper)
    ImageDraw.Draw(picture).line([(90, 60), (190, 60), (130, 220)], fill=ink, width=18)
    return picture


# The network


def test_the_decoder_is_that_of_torch_over_the_grid_of_the_picture() -> None:
    """`nn.TransformerDecoderLayer`, norm_first, with our weights, from tokens and a picture to logits."""
    model, d = shaken(), TINY.embedding_dim
    images, ids = 2 * Noise(3).uniform(2, 3, 32, 32) - 1, torch.tensor([[3, 7, 9, 11], [4, 8, 2, 60]])
    grid = model.grid(images)
    assert grid.shape == (2, TINY.places, d), "as wide as the decoder, so that torch's layer takes it"
    x = model.norm_in(model.tokens(ids) * d**0.5 + model.positions.weight[:4])
    for number, ours in enumerate(model.layers):
        theirs = torch.nn.TransformerDecoderLayer(
            d, TINY.num_heads, TINY.hidden_dim, 0.0, batch_first=True, norm_first=True
        ).eval()
        sought = slice(2 * number * d, (2 * number + 2) * d)  # its keys and its values, one below the other
        copy(theirs.self_attn, ours.attention.qkv.weight, ours.attention.qkv.bias, ours.attention.out)
        weight = torch.cat([ours.cross.query.weight, model.memory.weight[sought]])
        bias = torch.cat([ours.cross.query.bias, model.memory.bias[sought]])
        copy(theirs.multihead_attn, weight, bias, ours.cross.out)
        for mine, other in zip(
            (ours.norm1, ours.norm2, ours.norm3), (theirs.norm1, theirs.norm2, theirs.norm3), strict=True
        ):
            other.load_state_dict(mine.state_dict())
        theirs.linear1.load_state_dict(ours.perceptron.fc.state_dict())
        theirs.linear2.load_state_dict(ours.perceptron.out.state_dict())
        x = theirs(x, grid, tgt_mask=torch.ones(4, 4).bool().triu(1))
    expected = model.norm_out(x) @ model.tokens.weight.T
    torch.testing.assert_close(model(images, ids), expected, rtol=1e-4, atol=1e-4)


def copy(theirs: torch.nn.MultiheadAttention, weight: Tensor, bias: Tensor, out: torch.nn.Linear) -> None:
    theirs.in_proj_weight.data, theirs.in_proj_bias.data = weight.clone(), bias.clone()
    theirs.out_proj.load_state_dict(out.state_dict())


def test_every_word_sees_the_whole_picture() -> None:
    model = shaken()
    images, ids = 2 * Noise(3).uniform(1, 3, 32, 32) - 1, torch.tensor([[3, 7]])
    grid, before = model.grid(images), model(images, ids)
    for place in range(TINY.places):
        changed = grid.clone()
        changed[0, place] += 1
        assert not torch.allclose(model._told(model.memory(changed), ids)[0, 0], before[0, 0]), place


def test_a_cache_of_fixed_size_gives_what_the_whole_gives() -> None:
    model = shaken()
    images, ids = 2 * Noise(3).uniform(2, 3, 32, 32) - 1, torch.tensor([[3, 7, 9, 11, 5], [4, 8, 2, 60, 1]])
    memory, expected = model.look(images), model(images, ids)
    caches = [torch.zeros(2, TINY.num_heads, 8, TINY.embedding_dim // TINY.num_heads) for _ in range(4)]
    for start, end in ((0, 2), (2, 3), (3, 5)):
        logits, *caches = model.decode(ids[:, start:end], torch.tensor(start), memory, *caches)
        torch.testing.assert_close(logits, expected[:, start:end], rtol=1e-4, atol=1e-5)


def test_the_loss_is_the_mean_over_the_tokens_of_both_languages() -> None:
    model = shaken()
    images = 2 * Noise(3).uniform(2, 3, 32, 32) - 1
    ids = torch.tensor([[[3, 7, 9], [4, 8, 0]], [[3, 5, 0], [4, 6, 7]]])
    targets = torch.tensor([[[7, 9, 1], [8, 1, IGNORED]], [[5, 1, IGNORED], [6, 7, 1]]])
    found = model.loss({"image": images, "ids": ids, "targets": targets}, Noise(0))
    nats = [F.cross_entropy(model(images[i : i + 1], ids[i, j : j + 1])[0], targets[i, j], ignore_index=IGNORED,
                            reduction="sum") for i in range(2) for j in range(2)]  # fmt: skip
    assert int(found["items"]) == 10
    torch.testing.assert_close(found["loss"], torch.stack(nats).sum() / 10)


def test_it_learns_the_names_of_a_few_pictures_and_writes_them(data: Described) -> None:
    from accelerate import Accelerator

    torch.manual_seed(0)
    model = Captioner(replace(TINY, vocab_size=data.tokenizer.get_vocab_size(), label_smoothing=0.0))
    update = SingleLoss(learning_rate=5e-3).prepare(model, Accelerator(cpu=True), 1.0)
    rows = np.r_[np.arange(0, 12, 2), len(data) - 2, len(data) - 1]
    given = data.batch(rows)
    losses = [float(update(given, Noise(0, step))["loss"]) for step in range(120)]
    assert losses[0] > 5 and losses[-1] < 0.1
    model.eval()
    for language in LANGUAGES:
        said = describing.described(Modules(model), data.tokenizer, given["image"].numpy(), language, beams=2)
        assert said == [data.name(int(row), language) for row in rows]


def test_a_config_whose_sizes_do_not_fit_is_refused_by_name() -> None:
    for fields, why in (({"image_size": 36}, "image_size is 36"), ({"embedding_dim": 30}, "embedding_dim is 30")):
        with pytest.raises(ValueError, match=why):
            replace(CaptionerConfig(), **fields)


# The data


def pictures_of(data: Described, kind: str) -> set[tuple[str, int]]:
    """Names and vendors of the emoji of a kind."""
    rows = np.flatnonzero(data.kinds == KINDS.index(kind))
    return {(data.name(int(row), "en"), int(data.vendors[row])) for row in rows}


def test_what_is_judged_on_is_not_learnt_from(data: Described, held_out: Described) -> None:
    learnt, validation = pictures_of(data, SEEN), opened("validation", data.tokenizer)
    assert not pictures_of(data, NEW)
    others = [pictures_of(split, SEEN) for split in (validation, held_out)]
    assert all(others) and not others[0] & others[1] and not (others[0] | others[1]) & learnt
    names = {name for name, _ in learnt}
    assert {name for other in others for name, _ in other} <= names, "another vendor's picture of it is learnt from"
    new = [{name for name, _ in pictures_of(split, NEW)} for split in (validation, held_out)]
    assert all(new) and not new[0] & new[1] and not (new[0] | new[1]) & names
    unseen = "".join(held_out.concepts[number].names["zh"]
                     for number in held_out.numbers[held_out.kinds == KINDS.index(NEW)])  # fmt: skip
    known = "".join(data._texts("zh"))
    alone_ = next(c for c in unseen if c not in known and c > "\u4e00")
    assert data.tokenizer.token_to_id(alone_) is None, "the tokenizer has not read it either"


def test_a_name_comes_back_from_its_tokens(data: Described) -> None:
    for row in range(0, len(data), 9):
        for language in LANGUAGES:
            name = data.name(row, language)
            assert describing.text_of(data.tokenizer, data.tokens(name, language)) == name


def test_a_batch_is_a_pure_function_of_samples_and_epoch_and_moves_pictures_in_training_alone(
    data: Described, held_out: Described
) -> None:
    rows = np.r_[np.arange(0, 30, 4), len(data) - 3, len(data) - 1]
    found, again, other = data.batch(rows, 1), opened("train", data.tokenizer).batch(rows, 1), data.batch(rows, 2)
    assert all(torch.equal(found[key], again[key]) for key in found)
    assert not torch.equal(found["image"], other["image"])
    assert found["image"].shape == (len(rows), 3, 32, 32) and found["image"].abs().max() <= 1
    ids, targets = found["ids"], found["targets"]
    assert ids.shape == targets.shape and ids.shape[:2] == (len(rows), 2) and ids.dtype == torch.int64
    starts = [data.tokenizer.token_to_id(f"<{language}>") for language in LANGUAGES]
    assert (ids[:, :, 0] == torch.tensor(starts)).all()
    there = targets[:, :, :-1] != IGNORED
    end = data.tokenizer.token_to_id("<eos>")
    goes_on = there & (targets[:, :, :-1] != end)
    assert torch.equal(ids[:, :, 1:][goes_on], targets[:, :, :-1][goes_on])
    assert ((targets == end).sum(2) == 1).all()
    first = np.arange(4)
    assert np.array_equal(held_out.pictures(first, 1), held_out.pictures(first, 5))


def test_digits_take_turns_until_all_were_seen(data: Described) -> None:
    slots = np.flatnonzero(data.kinds == KINDS.index(DIGIT))
    epochs = -(-len(data.digits) // len(slots))
    seen = [data._digit(int(slot), epoch) for epoch in range(epochs) for slot in slots][: len(data.digits)]
    assert sorted(seen) == list(range(len(data.digits)))
    label = int(data.digits.targets[data._digit(int(slots[0]), 3)])
    assert data.name(int(slots[0]), "zh", 3) == "零一二三四五六七八九"[label]


def test_a_digit_is_dark_on_white_and_as_large_as_emoji_show_things(data: Described) -> None:
    shown = digit_picture(data.digits.images[0, 0], 64)
    rows, columns = np.nonzero(shown.min(0) < 128)
    assert shown.shape == (3, 64, 64) and (shown[:, 0] == 255).all() and (shown[:, :, -1] == 255).all()
    assert max(np.ptp(rows), np.ptp(columns)) > 50


# What it is asked


def test_words_are_the_likeliest_and_each_token_has_its_probability(zoo: Path) -> None:
    found = describing.describe_picture(NAME, photo(), language="zh", beams=1)
    model = checkpoint.load(zoo / NAME).model
    tokenizer = tiny_tokenizer(zoo)
    seen = torch.from_numpy(picture_of(found.source.record.parents[0]).reshape(1, 3, 32, 32)) * 2 - 1
    ids, never = [tokenizer.token_to_id("<zh>")], [tokenizer.token_to_id(t) for t in ("<pad>", "<unk>", "<en>", "<zh>")]
    for token in found.tokens:
        with torch.no_grad():
            chances = model(seen, torch.tensor([ids]))[0, -1].softmax(0)
        assert token.probability == pytest.approx(float(chances[token_of(tokenizer, token.text)]), rel=1e-3)
        assert max(share for _, share in token.alternatives) == pytest.approx(float(chances.max()), rel=1e-3)
        chances[never] = 0
        ids.append(int(chances.argmax()))
        assert ids[-1] == token_of(tokenizer, token.text)
    assert found.text == describing.text_of(tokenizer, ids[1:]) and found.language == "zh"
    assert found.source.record.parameters == {"language": "zh", "beams": 1}


def tiny_tokenizer(zoo: Path) -> Any:
    from zoo.data import tokenizer

    return tokenizer.load(zoo / NAME)


def token_of(tokenizer: Any, text: str) -> int:
    found: int = tokenizer.token_to_id(text or "<eos>")
    return found


def test_more_beams_find_nothing_that_is_less_likely(zoo: Path) -> None:
    network = Modules(checkpoint.load(zoo / NAME).model)
    tokenizer = tiny_tokenizer(zoo)
    memory = describing.look(network, 2 * Noise(1).uniform_array(3, 3, 32, 32) - 1)
    begin, end = tokenizer.token_to_id("<en>"), tokenizer.token_to_id("<eos>")
    found = {beams: beam.written_of(network, describing.DECODER, memory, begin=begin, end=end, beams=beams,
                                    longest=6, length_penalty=0.0) for beams in (1, 8)}  # fmt: skip
    for one, many in zip(found[1], found[8], strict=True):
        assert many[0].score >= one[0].score - 1e-4 and len(many) == 8
        assert [best.score for best in many] == sorted((best.score for best in many), reverse=True)


def test_a_drawn_digit_is_seen_as_those_that_were_learnt(zoo: Path) -> None:
    dark, light = (describing.describe_digit(NAME, picture) for picture in (seven(), seven("white", "black")))
    assert dark.text == light.text
    seen = picture_of(dark.source.record.parents[0]).reshape(3, 32, 32)
    rows, columns = np.nonzero(seen[0] < 0.5)
    assert (seen[:, 0] == 1).all() and max(np.ptp(rows), np.ptp(columns)) >= 24, "dark on white, and large"


def test_what_cannot_be_described_is_refused_in_words(zoo: Path) -> None:
    for picture, why in (
        (None, "no picture"), (Image.new("RGB", (8, 8)), "8 x 8"), (Image.new("RGB", (40, 40)), "one shade"),
        (Image.new("RGB", (400, 20), "red"), "one side"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=why):
            describing.describe_picture(NAME, picture)
    for picture, why in ((None, "no drawing"), (Image.new("RGB", (40, 40), "white"), "nothing is drawn")):
        with pytest.raises(InputError, match=why):
            describing.describe_digit(NAME, picture)
    for given, why in (({"language": "fr"}, "the language"), ({"beams": 0}, "number of beams"),
                       ({"beams": 9}, "number of beams")):  # fmt: skip
        with pytest.raises(InputError, match=why):
            describing.describe_picture(NAME, photo(), **given)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="sees 32"):
        describing.describe_seen(NAME, np.zeros((48, 16), np.float32))
    with pytest.raises(InputError, match="no checkpoint"):
        describing.describe_picture("captioner.other", photo())


def test_a_result_can_be_made_again_from_its_file(zoo: Path) -> None:
    for made in (describing.describe_picture(NAME, photo()), describing.describe_digit(NAME, seven(), language="zh")):
        file = txt(made.text, made.source.record).encode()
        *_, again = replay(look(file))
        assert isinstance(again, Replay) and again.identical and again.holds


# Measures


class Knowing:
    """Says the names that it is told of, in order, in place of `described`."""

    config = SimpleNamespace(**{"image_size": TINY.image_size, "context_length": TINY.context_length})

    def __init__(self, data: Described, *, wrong: tuple[str, ...] = ()) -> None:
        self.names = {data.pictures(np.array([row])).tobytes(): row for row in range(len(data))}
        self.data, self.wrong = data, wrong

    def described(self, network: Any, tokenizer: Any, images: np.ndarray, language: str, *, beams: int) -> list[str]:
        pixels = ((images + 1) * 127.5).round().astype(np.uint8)
        rows = [self.names[image.tobytes()] for image in pixels]
        kinds = [KINDS[self.data.kinds[row]] for row in rows]
        return ["x" if kind in self.wrong and language == "zh" else self.data.name(row, language)
                for row, kind in zip(rows, kinds, strict=True)]  # fmt: skip


def test_names_count_when_they_are_exactly_right_by_kind_and_language(
    held_out: Described, monkeypatch: pytest.MonkeyPatch
) -> None:
    for wrong in ((), (NEW,)):
        knowing = Knowing(held_out, wrong=wrong)
        monkeypatch.setattr(describing, "described", knowing.described)
        subject = verify.Subject("captioner", knowing, "emoji_digits", held_out.tokenizer, True, SimpleNamespace())  # type: ignore[arg-type]
        measured = descriptions(subject, held_out, verify.QUICK, lambda: None)
        figures = {figure.name: figure for figure in measured}
        assert len(figures) == len(measured) == 9 + 8
        assert [figure.name for figure in measured[:3]] == [
            "exact names",
            "exact names, new concepts",
            "digit accuracy",
        ]
        assert figures["exact names"].value == figures["digit accuracy, Chinese"].value == 1
        assert figures["exact names, new concepts"].value == (0.5 if wrong else 1)
        assert figures["chrF, English"].value == pytest.approx(100)
        assert (figures["chrF, new concepts, Chinese"].value < 1) == bool(wrong)
        for figure in measured:
            assert figure.floor is not None and figure.floor < 100 and figure.samples <= 100
        assert figures["exact names, new concepts"].floor == 0, "a training picture has another name"


# Other libraries, the command line, the endpoint and the page


def test_onnxruntime_alone_runs_the_lines_of_its_card(made: Path, tmp_path: Path) -> None:
    export.export(made / NAME, "onnx", tmp_path / NAME)
    source = card.text(tmp_path / NAME).split("```python\n")[1].split("```")[0]
    assert "zoo" not in source
    ast.parse(source)
    printed = alone.run(source, tmp_path).splitlines()
    model, tokenizer = checkpoint.load(made / NAME).model, tiny_tokenizer(made)
    picture = Image.new("RGB", (32, 32), "white")
    picture.paste("red", (8, 8, 24, 24))
    images = np.asarray(picture, np.float32).transpose(2, 0, 1)[None] / 127.5 - 1
    memory = describing.look(Modules(model), images)
    end = tokenizer.token_to_id("<eos>")
    for line, language in zip(printed, LANGUAGES, strict=True):
        begin = tokenizer.token_to_id(f"<{language}>")
        ((best,),) = beam.written_of(Modules(model), describing.DECODER, memory, begin=begin, end=end, beams=1)
        assert line == describing.text_of(tokenizer, best.ids)


def test_the_command_line_describes(zoo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo().save(tmp_path / "photo.png")
    given = ["sample", NAME, "--picture", str(tmp_path / "photo.png"), "--language", "zh", "--beams", "2"]
    assert main([*given, "--out", str(tmp_path / "said.txt")]) == DONE
    said = capsys.readouterr().out
    assert describing.describe_picture(NAME, photo(), language="zh", beams=2).text in said and "%" in said
    assert main(["replay", str(tmp_path / "said.txt"), "--out", str(tmp_path / "again.txt")]) == DONE
    assert (tmp_path / "again.txt").read_bytes() == (tmp_path / "said.txt").read_bytes()
    capsys.readouterr()
    assert main(["sample", NAME]) == WRONG
    assert "needs --picture" in capsys.readouterr().err


def test_an_endpoint_describes(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = endpoint_handler(monkeypatch)
    encoded = io.BytesIO()
    photo().save(encoded, "WEBP", lossless=True)
    picture = b64encode(encoded.getvalue()).decode()
    found = handler({"inputs": picture, "parameters": {"language": "zh", "beams": 2}})
    assert found == [{"generated_text": describing.describe_picture(NAME, photo(), language="zh", beams=2).text}]
    with pytest.raises(InputError, match="takes no parameter"):
        handler({"inputs": picture, "parameters": {"beam": 2}})


def test_the_page_describes_what_is_uploaded_and_what_is_drawn(zoo: Path, tmp_path: Path) -> None:
    from zoo.ui import crossmodal
    from zoo.ui import describing as page

    for name in ("photo.png", "photo.jpg", "photo.webp"):
        photo().save(tmp_path / name)
        (*_, (said, tokens, line, file)) = page.describe_picture(NAME, str(tmp_path / name), "en", 4)
        assert NAME in line and "zoo-token" in tokens
        assert "crossmodal.caption" in Path(file).read_text(encoding="utf-8")
    seven().save(tmp_path / "seven.png")
    (*_, (said, _, _, _)) = page.describe_digit(NAME, str(tmp_path / "seven.png"), "zh", 1)
    assert said == describing.describe_digit(NAME, seven(), language="zh", beams=1).text
    assert {"describe_picture", "describe_digit"} <= {str(one.api_name) for one in crossmodal.build().fns.values()}
    assert library.choices(entry.CAPTIONING) == [NAME]


def test_the_page_is_hidden_while_there_are_no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from zoo.ui import describing as page

    tiny_zoo.put_in_place(tmp_path, monkeypatch)
    assert not page.offered()
