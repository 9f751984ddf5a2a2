"""Calculating with codes: on the bundled autoencoders, and on an untrained one that is told the class."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from zoo import checkpoint
from zoo.engine.graphs import Graphs
from zoo.engine.modules import Modules
from zoo.entry import IMAGE_AUTOENCODING
from zoo.export.graphs import export
from zoo.generate import latents, library
from zoo.generate.crossmodal import recognise_seen
from zoo.generate.image import Pictures, as_seen, encode, generate, latent_grid, reconstruct
from zoo.generate.inputs import InputError
from zoo.generate.provenance import picture_of
from zoo.models.image import vae
from zoo.noise import Noise

TOLD = replace(vae.ENTRY.tiny, num_classes=10)
COLOUR = replace(vae.ENTRY.tiny, channels=3, image_size=32, likelihood="logistic")


def folder_of(place: Path, name: str, config: vae.VAEConfig, dataset: str) -> Path:
    """A checkpoint folder of an untrained model with every weight random, which says that it learnt from `dataset`."""
    torch.manual_seed(0)
    model, noise = vae.VAE(config).eval(), Noise(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * noise.normal(*parameter.shape)
    folder = place / f"vae.{name}"
    folder.mkdir()
    labels = tuple(map(str, range(config.num_classes)))
    checkpoint.save(folder, model, "vae", name, labels=labels, dtype="float32")
    checkpoint.write_json(folder / "recipe.json", {"dataset": dataset})
    return folder


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(folder_of(tmp_path_factory.mktemp("told"), "told", TOLD, "mnist"))


@pytest.fixture(scope="module")
def colour(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(folder_of(tmp_path_factory.mktemp("colour"), "colour", COLOUR, "emoji"))


def pixels(found: Pictures) -> list[np.ndarray]:
    return [np.asarray(image) for image in found.images]


def seven() -> Image.Image:
    pad = Image.new("RGB", (280, 280), "white")
    ImageDraw.Draw(pad).line([(90, 60), (190, 60), (130, 220)], fill="black", width=18)
    return pad


def test_what_is_taken_away_and_put_back_changes_nothing() -> None:
    known = latents.known_of(library.get("vae.mnist"))
    found = pixels(latents.arithmetic("vae.mnist", "picture 4", "3", "3"))
    again = pixels(latents.arithmetic("vae.mnist", "3", "3", "picture 4"))
    assert np.array_equal(found[3], found[0]) and np.array_equal(again[3], found[0])
    (expected,) = generate(library.get("vae.mnist").network, known.means[3:4])
    assert np.array_equal(found[0][::8, ::8], expected)


def test_a_sum_is_the_sum_of_the_codes_and_says_how_it_was_made() -> None:
    found = latents.arithmetic("vae.mnist", "9", "picture 11", "given", picture=seven())
    known = latents.known_of(library.get("vae.mnist"))
    seen = as_seen("vae.mnist", seven())
    (given,) = encode(library.get("vae.mnist").network, seen[None, None] * 2 - 1)
    (expected,) = generate(
        library.get("vae.mnist").network, (known.code_of("9") - known.means[10] + given)[None].astype(np.float32)
    )
    assert np.array_equal(pixels(found)[3][::8, ::8], expected)
    record = found.source.record
    assert record.operation == "image.arithmetic" and record.seed is None
    assert record.parameters == {"a": "9", "b": "picture 11", "c": "given"}
    again = latents.added("vae.mnist", **record.parameters, seen=picture_of(record.parents[0]))
    assert all(map(np.array_equal, pixels(again), pixels(found))) and again.source.record == record
    assert found.labels == ["9", "− picture 11", "+ given", "="] and len(found.images) == 4


def test_the_mean_code_of_a_class_is_a_picture_of_the_class() -> None:
    found = latents.arithmetic("vae.mnist", "4", "7", "1").images
    read = [recognise_seen(np.asarray(image)[::8, ::8].astype(np.float32) / 255).digits for image in found[:3]]
    assert read == ["4", "7", "1"]


def test_a_slider_leads_to_the_class_and_back_and_nothing_moves_at_zero() -> None:
    towards = 0
    for seed in range(6):
        before, after = pixels(latents.slide("vae.mnist", {"0": 2.5}, seed=seed))
        shares = [
            recognise_seen(picture[::8, ::8].astype(np.float32) / 255).probabilities["0"] for picture in (before, after)
        ]
        towards += shares[1] > max(0.5, shares[0] - 1e-3)
    assert towards >= 5
    still = pixels(latents.slide("vae.mnist", {"0": 0.0, "3": 0}, seed=1))
    assert np.array_equal(still[0], still[1])
    record = latents.slide("vae.mnist", {"8": -0.5, "1": 1.25}, seed=4).source.record
    assert record.parameters == {"amounts": "1=1.25, 8=-0.5"} and record.seed == 4
    same = latents.slide("vae.mnist", " 8=-0.5,1=1.25", seed=4)
    assert same.source.record == record


def test_a_slider_begins_with_a_visitors_picture() -> None:
    found = latents.slide("vae.mnist", "1=0.5", picture=seven())
    record = found.source.record
    again = latents.moved("vae.mnist", record.parameters["amounts"], seed=0, seen=picture_of(record.parents[0]))
    assert all(map(np.array_equal, pixels(again), pixels(found)))
    read = recognise_seen(pixels(found)[0][::8, ::8].astype(np.float32) / 255)
    assert read.digits == "7"


def test_a_row_of_single_dimensions_moves_one_and_the_most_telling_comes_first() -> None:
    found = latents.traverse("vae.mnist", seed=2, dimensions=12)
    rows = np.stack(pixels(found)).reshape(12, latents.STEPS, *found.images[0].size).astype(int)
    spans = np.abs(rows[:, -1] - rows[:, 0]).mean((1, 2))
    assert spans[:4].mean() > spans[-4:].mean() > 0
    known, network = latents.known_of(library.get("vae.mnist")), library.get("vae.mnist").network
    most = int(known.means.var(0).argmax())
    assert found.labels[0] == f"dimension {most + 1}"
    code = Noise(2).normal_array(1, network.config.latent_dim)
    code[0, most] = -latents.REACH
    assert np.array_equal(rows[0, 0, ::8, ::8], generate(network, code)[0])


def test_a_row_of_styles_is_one_code_in_every_class(told: str) -> None:
    found = latents.styles_by_class(told, seed=3, styles=2)
    assert found.labels == [str(digit) for digit in range(10)] * 2 and len(found.images) == 20
    model = checkpoint.load(Path(told)).model
    codes = Noise(3).normal(2, model.latent_dim)
    for row in range(2):
        for column in (0, 7):
            with torch.no_grad():
                made = model.generate(codes[row : row + 1], torch.tensor([column]))[0, 0].numpy()
            shown = np.asarray(found.images[row * 10 + column])[::8, ::8] / 127.5 - 1
            np.testing.assert_allclose(shown, made, atol=0.5 / 127.5 + 1e-5)


def test_the_first_style_is_that_of_a_visitors_picture(told: str) -> None:
    plain = pixels(latents.styles_by_class(told, seed=3, styles=3))
    found = latents.styles_by_class(told, seed=3, styles=3, picture=seven(), label="7")
    shown = pixels(found)
    assert not np.array_equal(shown[0], plain[0]) and all(map(np.array_equal, shown[10:], plain[10:]))
    other = pixels(latents.styles_by_class(told, seed=3, styles=1, picture=seven(), label="1"))
    assert not np.array_equal(other[0], shown[0]), "the class that is said counts for the code"
    record = found.source.record
    assert record.parameters == {"styles": 3, "label": "7"}
    again = latents.styled(told, seed=3, **record.parameters, seen=picture_of(record.parents[0]))
    assert all(map(np.array_equal, pixels(again), shown))


def test_a_picture_in_colour_is_its_middle_square_on_white_and_its_record_gives_it_back(colour: str) -> None:
    wide = Image.new("RGBA", (200, 100), (0, 0, 0, 0))
    ImageDraw.Draw(wide).rectangle([75, 25, 124, 74], fill=(255, 0, 0, 255))
    seen = as_seen(colour, wide).reshape(3, 32, 32)
    assert np.allclose(seen[:, 0, 0], 1) and np.allclose(seen[:, 16, 16], [1, 0, 0])
    found = latents.arithmetic(colour, "given", "smileys-emotion", "picture 2", picture=wide)
    assert found.images[0].mode == "RGB" and found.images[0].size == (256, 256)
    kept = picture_of(found.source.record.parents[0])
    assert np.array_equal(kept.reshape(3, 32, 32), seen)
    again = latents.added(colour, "given", "smileys-emotion", "picture 2", seen=kept)
    assert all(map(np.array_equal, pixels(again), pixels(found)))


def test_a_model_in_colour_redraws_what_it_is_shown_in_colour(colour: str) -> None:
    found = reconstruct(colour, Image.new("RGB", (40, 50), (0, 128, 255)))
    assert [image.mode for image in found.images] == ["RGB", "RGB"]
    assert (np.asarray(found.images[0]) == [0, 128, 255]).all()
    (record,) = found.source.record.parents
    assert picture_of(record).shape == (96, 32)


def test_a_map_of_a_model_that_is_told_the_class_stays_within_one(told: str) -> None:
    first, named, other = (latent_grid(told, size=3, label=label) for label in (None, "0", "4"))
    assert np.array_equal(np.asarray(first.sheet), np.asarray(named.sheet))
    assert not np.array_equal(np.asarray(first.sheet), np.asarray(other.sheet))
    assert first.source.record.parameters == {"size": 3, "label": "0"}
    assert latent_grid("vae.mnist", size=2).source.record.parameters == {"size": 2}, "as in older files"
    with pytest.raises(InputError, match="vae.mnist does not draw by class"):
        latent_grid("vae.mnist", label="4")
    with pytest.raises(InputError, match="is told the class, which a picture does not say"):
        reconstruct(told, seven())


def test_graphs_of_a_model_that_is_told_the_class_give_what_its_modules_give(told: str, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "told", TOLD, "mnist")
    export(folder)
    found = checkpoint.load(folder)
    graphs, modules = Graphs(folder, found.sha256), Modules(found.model)
    labels = np.arange(5, dtype=np.int64)
    given: dict[str, dict[str, Any]] = {
        "encoder": {"images": Noise(1).uniform_array(5, 1, 28, 28) * 2 - 1, "labels": labels},
        "generator": {"latents": Noise(2).normal_array(5, 4), "labels": labels},
    }
    for part, inputs in given.items():
        for ours, theirs in zip(graphs.run(part, **inputs), modules.run(part, **inputs), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-5)


def test_what_cannot_be_calculated_with_is_refused_in_words(told: str) -> None:
    with pytest.raises(InputError, match="'ten' is nothing to calculate with; there are 0, 1, 2"):
        latents.arithmetic("vae.mnist", "ten", "1", "2")
    with pytest.raises(InputError, match="number of the picture is 289; allowed are whole numbers from 1 to 288"):
        latents.arithmetic("vae.mnist", "picture 289", "1", "2")
    with pytest.raises(InputError, match="there is no picture to stand for"):
        latents.arithmetic("vae.mnist", "given", "1", "2")
    with pytest.raises(InputError, match='none of the three is "given"'):
        latents.arithmetic("vae.mnist", "0", "1", "2", picture=seven())
    with pytest.raises(InputError, match="nothing is drawn there"):
        latents.arithmetic("vae.mnist", "given", "1", "2", picture=Image.new("L", (40, 40), 255))
    with pytest.raises(InputError, match="is told the class, so its codes hold the style alone"):
        latents.arithmetic(told, "0", "1", "2")
    with pytest.raises(InputError, match="is told the class, so its codes hold the style alone"):
        latents.slide(told, "1=1")
    with pytest.raises(InputError, match="the amount of 1 is 4; allowed are numbers from -3 to 3"):
        latents.slide("vae.mnist", {"1": 4})
    with pytest.raises(InputError, match="'x' is no amount"):
        latents.slide("vae.mnist", "1=x")
    with pytest.raises(InputError, match="the class 'one' does not exist"):
        latents.slide("vae.mnist", "one=1")
    with pytest.raises(InputError, match="'1' is named twice"):
        latents.slide("vae.mnist", "1=1, 1=2")
    with pytest.raises(InputError, match="its codes hold class and style together"):
        latents.styles_by_class("vae.mnist")
    with pytest.raises(InputError, match="say the class of the picture"):
        latents.styles_by_class(told, picture=seven())
    with pytest.raises(InputError, match="there is no picture"):
        latents.styles_by_class(told, label="3")
    with pytest.raises(InputError, match="number of styles is 13"):
        latents.styles_by_class(told, styles=13)
    with pytest.raises(InputError, match="the number of dimensions is 0"):
        latents.traverse("vae.mnist", dimensions=0)
    with pytest.raises(InputError, match="does not draw by class"):
        latents.traverse("vae.mnist", "3")
    with pytest.raises(InputError, match="no checkpoint for image-feature-extraction is named 'dcgan.mnist'"):
        latents.traverse("dcgan.mnist")
    with pytest.raises(InputError, match="has 10 x 10 pixels as seen; the model sees 28 x 28"):
        latents.moved("vae.mnist", "", seen=np.zeros((10, 10), np.float32))


def test_a_model_of_data_that_are_not_bundled_has_nothing_to_calculate_with(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "own", vae.ENTRY.tiny, "my own")
    with pytest.raises(InputError, match="learnt from data that are not bundled"):
        latents.attributes(str(folder))
    assert latents.attributes("vae.fashion-mnist")[0] == "T-shirt/top" and latents.sample_size("vae.mnist") == 288
    assert library.choices(IMAGE_AUTOENCODING)
