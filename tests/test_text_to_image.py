"""Latent diffusion: diffusers' networks, scheduler and pipeline are the oracles; what it learns and how it draws."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import alone
import numpy as np
import pytest
import tiny_zoo
import torch
from serving import endpoint_handler

from train.algorithms.single_loss import SingleLoss
from train.image.text_to_image import finish
from train.recipe import course
from train.sources import Sources
from zoo import checkpoint, export, hub, registry, verify
from zoo.__main__ import DONE, main
from zoo.data.captions import CONCEPTS, LANGUAGES, Prompted, prompt_ids
from zoo.data.image import VENDORS
from zoo.data.load import load
from zoo.engine.graphs import Graphs
from zoo.engine.modules import Modules
from zoo.export.graphs import export as write_graphs
from zoo.export.latent_diffusion import latent_scheduler_config, unet_config, unet_tensors, vae_config, vae_tensors
from zoo.generate import library, prompting
from zoo.generate.image import Pictures
from zoo.generate.inputs import InputError
from zoo.generate.provenance import look, png
from zoo.generate.replay import Replay, replay
from zoo.losses import gaussian_kl
from zoo.metrics import judges
from zoo.models.image import text_to_image
from zoo.models.image.text_to_image import LatentDiffusion, LatentDiffusionConfig
from zoo.nn.ddim import LATENT_LIMIT, sample
from zoo.noise import Noise

TINY: LatentDiffusionConfig = registry.entry("text_to_image").tiny
NAME = "text_to_image.emoji"
NEAR = {"rtol": 1e-9, "atol": 1e-9}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawing")
    tiny_zoo.prompt(folder)
    return folder


@pytest.fixture
def zoo(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny checkpoint in place of the bundled ones."""
    return tiny_zoo.put_in_place(made, monkeypatch)


def shaken(**fields: Any) -> LatentDiffusion:
    """A small network with weights so large that what goes in shows in what comes out."""
    torch.manual_seed(1)
    model = LatentDiffusion(replace(TINY, **fields))
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=1.0 / parameter[0].numel() ** 0.5)
        else:
            parameter.data += 0.1 * torch.randn_like(parameter)
    return model.double().eval()


# The networks


def test_diffusers_own_autoencoder_gives_the_same_from_the_same_weights() -> None:
    from diffusers import AutoencoderKL

    model = shaken(autoencoder_widths=(8, 12, 12))
    values = {key: value for key, value in vae_config(model.config).items() if not key.startswith("_")}
    oracle = AutoencoderKL(**values).double().eval()
    oracle.load_state_dict(vae_tensors(dict(model.state_dict())), strict=True)
    images = 2 * Noise(1).uniform(3, 3, 32, 32).double() - 1
    with torch.no_grad():
        posterior = oracle.encode(images).latent_dist
        mean, log_variance = model.autoencoder.encode(images)
        torch.testing.assert_close(mean, posterior.mean, **NEAR)
        torch.testing.assert_close(log_variance, posterior.logvar, **NEAR)
        torch.testing.assert_close(gaussian_kl(mean.flatten(1), log_variance.flatten(1)), posterior.kl(), **NEAR)
        codes = Noise(2).normal(3, 4, 8, 8).double()
        torch.testing.assert_close(model.decode(codes), oracle.decode(codes).sample.clamp(-1, 1), **NEAR)


@pytest.mark.parametrize(("blocks", "attention_from"), [(1, 0), (2, 1)])
def test_diffusers_own_denoiser_gives_the_same_from_the_same_weights(blocks: int, attention_from: int) -> None:
    from diffusers import UNet2DConditionModel

    model = shaken(blocks=blocks, widths=(8, 16, 16), attention_from=attention_from)
    values = {key: value for key, value in unet_config(model.config).items() if not key.startswith("_")}
    oracle = UNet2DConditionModel(**values).double().eval()
    oracle.load_state_dict(unet_tensors(dict(model.state_dict())), strict=True)
    noise, side = Noise(3), model.config.latent_size
    noisy, context = noise.normal(3, 4, side, side).double(), noise.normal(3, 16, 16).double()
    time = torch.tensor([0.0, 417.0, 999.0])
    with torch.no_grad():
        theirs = oracle(noisy, time, encoder_hidden_states=context).sample
        torch.testing.assert_close(model.denoise(noisy, time, context), theirs, rtol=1e-5, atol=1e-5)


def test_each_step_is_that_of_diffusers_scheduler_and_codes_have_no_bound() -> None:
    from diffusers import DDIMScheduler

    schedule = LatentDiffusion(TINY).schedule
    values = {key: value for key, value in latent_scheduler_config(TINY).items() if not key.startswith("_")}
    scheduler = DDIMScheduler(**values)
    scheduler.set_timesteps(10)
    noise = Noise(5).normal(2, 4, 4, 4)
    theirs = noise
    for time in scheduler.timesteps:
        theirs = scheduler.step(torch.tanh(theirs) * -8, int(time), theirs).prev_sample
    *_, (_, ours) = sample(schedule, lambda noisy, time: torch.tanh(noisy) * -8, noise, 10, LATENT_LIMIT)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    assert ours.abs().max() > 5


def test_a_stage_learns_its_own_networks_and_leaves_the_others_as_they_are() -> None:
    from accelerate import Accelerator

    noise = Noise(1)
    given = {"image": (2 * noise.uniform(6, 3, 1, 1) - 1).expand(-1, -1, 32, 32), "ids": noise.integers(60, 6, 16)}
    for stage, learns in (("autoencoder", {"autoencoder"}), ("denoiser", {"captions", "denoiser"})):
        torch.manual_seed(0)
        model = LatentDiffusion(replace(TINY, stage=stage, prompt_dropout=0.0))
        bias = model.autoencoder.encoder.last.bias
        assert bias is not None
        bias.data[TINY.latent_channels :] = -10.0  # codes without noise, so that there is something to learn
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        update = SingleLoss(learning_rate=1e-2).prepare(model, Accelerator(cpu=True), 1.0)
        found = [float(update(given, Noise(0, step))["loss"]) for step in range(60)]
        assert np.mean(found[-10:]) < 0.9 * np.mean(found[:10])
        after = model.state_dict()
        changed = {name.split(".")[0] for name, tensor in after.items() if not torch.equal(tensor, before[name])}
        assert changed == learns


def test_an_empty_prompt_takes_the_place_of_the_share_that_is_withheld() -> None:
    model = shaken(prompt_dropout=1.0).float()
    noise = Noise(1)
    given = {"image": 2 * noise.uniform(4, 3, 32, 32) - 1, "ids": noise.integers(60, 4, 16)}
    wanted = model.loss({**given, "ids": model.empty.repeat(4, 1)}, Noise(2))["loss"]
    torch.testing.assert_close(model.loss(given, Noise(2))["loss"], wanted)
    told = shaken(prompt_dropout=0.0).float()
    assert not torch.isclose(told.loss(given, Noise(2))["loss"], wanted)


def test_a_picture_is_encoded_once_while_the_denoiser_learns_and_only_so_many_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, noise = shaken().float(), Noise(1)
    images, ids = 2 * noise.uniform(5, 3, 32, 32) - 1, noise.integers(60, 5, 16)
    shown = torch.tensor([4, 0, 9, 1, 7])
    wanted = model.errors(images, ids, Noise(2))
    monkeypatch.setattr(text_to_image, "REMEMBERED", 4)
    torch.testing.assert_close(model.errors(images, ids, Noise(2), shown), wanted, rtol=1e-4, atol=1e-4)
    assert list(model.codes) == [4, 0, 9, 1]
    encoded: list[int] = []
    encode = model.autoencoder.encode
    monkeypatch.setattr(model.autoencoder, "encode", lambda seen: encoded.append(len(seen)) or encode(seen))
    torch.testing.assert_close(model.errors(images, ids, Noise(2), shown), wanted, rtol=1e-4, atol=1e-4)
    assert encoded == [1], "the one that was not kept"
    order = torch.tensor([3, 1])
    model.encoded(images[order], shown[order])
    assert encoded == [1] and "codes" not in str(list(model.state_dict()))


def test_guidance_goes_from_the_empty_prompt_through_the_prompt_and_further() -> None:
    model = shaken().float()
    ids, latents = Noise(4).integers(60, 2, 16), Noise(5).normal(2, model.latent_dim)
    with torch.no_grad():
        drawn = {weight: model.generate(latents, ids, steps=2, guidance=weight) for weight in (0.0, 1.0, 4.0)}
        empty = model.generate(latents, model.empty.repeat(2, 1), steps=2, guidance=1.0)
    torch.testing.assert_close(drawn[0.0], empty, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(drawn[1.0], drawn[4.0], atol=1e-3) and not torch.allclose(drawn[1.0], empty, atol=1e-3)


def test_sizes_that_do_not_fit_are_refused_by_name() -> None:
    for fields, why in (
        ({"image_size": 36}, "image_size is 36"), ({"widths": (60, 128)}, "widths are"), ({"text_dim": 30}, "text_dim"),
        ({"sampling_steps": 2000}, "sampling_steps"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=why):
            replace(LatentDiffusionConfig(), **fields)


# The data and the recipes


def test_a_prompt_is_a_style_and_a_caption_filled_up_to_the_full_length() -> None:
    data = load("emoji_names", "train", TINY, sample=True)
    assert isinstance(data, Prompted)
    found = data.batch(np.arange(9), 1)
    assert found["ids"].shape == (9, TINY.context_length) and found["image"].shape == (9, 3, 32, 32)
    languages = set()
    for index in range(40):
        style, _, text = data.prompt(index, 2).partition(", ")
        languages.add("en" if text else "zh")
        assert (style if text else style.split("，")[0]) == VENDORS[data.vendors[index]]
    assert languages == set(LANGUAGES)
    seen: dict[int, torch.Tensor] = {}
    for epoch in range(6):
        batch = data.batch(np.arange(len(data)), epoch)
        for number, image in zip(batch["shown"].tolist(), batch["image"], strict=True):
            assert torch.equal(seen.setdefault(number, image), image)
    assert len(data) < len(seen) <= 2 * len(data)
    assert "shown" not in load("emoji_names", "validation", TINY, sample=True).batch(np.arange(2))
    assert np.array_equal(prompt_ids(data.tokenizer, [data.prompt(3, 1)], 16)[0], found["ids"][3].numpy())


def test_faces_animals_and_food_are_a_part_of_all_emoji_with_the_tokens_of_the_whole() -> None:
    whole, part = (load(name, "train", TINY, sample=True) for name in ("emoji_names", "emoji_nature"))
    assert isinstance(whole, Prompted) and isinstance(part, Prompted)
    assert whole.tokenizer.to_str() == part.tokenizer.to_str()
    names = [one.names["en"] for one in part.concepts]
    assert 5 < len(names) < len(whole.concepts) and set(names) < {one.names["en"] for one in whole.concepts}
    assert {"grinning face", "fox"} & set(names) and not [name for name in names if name.startswith("flag: ")]
    assert part.prompt(0, 0).startswith(VENDORS[part.vendors[0]])
    assert judges.judge_of("emoji_nature") == judges.judge_of("emoji_names")


def test_the_second_training_begins_with_the_first_ones_weights() -> None:
    presets = course("text_to_image").presets
    assert presets["emoji"].base == "text_to_image.autoencoder, contrastive.emoji" and presets["tiny"].base == ""
    first, second = presets["autoencoder"].config, presets["emoji"].config
    assert (first.stage, replace(first, stage="denoiser")) == ("autoencoder", second)


def test_the_encoder_of_captions_is_lent_by_a_matcher_of_the_same_tokens(tmp_path: Path) -> None:
    config = replace(TINY, text_dim=128, text_layers=3, num_heads=4, vocab_size=5000, context_length=32)
    folder = tmp_path / "text_to_image.autoencoder"
    folder.mkdir()
    checkpoint.save(folder, LatentDiffusion(config), "text_to_image", "autoencoder", labels=(), dtype="float32")
    (folder / "tokenizer.json").write_bytes((hub.PRETRAINED / "contrastive.emoji" / "tokenizer.json").read_bytes())
    sources, model = Sources(), LatentDiffusion(config)
    sources.begin_with("text_to_image", f"{folder}, contrastive.emoji")
    sources.start(model)
    lender, first = checkpoint.load(hub.PRETRAINED / "contrastive.emoji").model, checkpoint.load(folder).model
    for name, tensor in model.state_dict().items():
        known = lender if name.startswith("captions.") else first
        assert torch.equal(tensor, known.state_dict()[name]), name
    with pytest.raises(ValueError, match=r"vae\.mnist has other tokens than text_to_image\.autoencoder"):
        Sources().begin_with("text_to_image", f"{folder}, vae.mnist")


# Drawing


def drawn(**given: Any) -> Pictures:
    *_, found = prompting.draw(NAME, **given)
    assert isinstance(found, Pictures)
    return found


def test_a_text_a_style_and_a_seed_give_the_pictures_that_the_network_gives(zoo: Path) -> None:
    found = drawn(text="a blue  cat", style="openmoji", count=3, seed=7, steps=3, guidance=2.0)
    opened = checkpoint.load(zoo / NAME)
    model, tokenizer = opened.model, library_tokenizer(zoo)
    ids = torch.from_numpy(prompt_ids(tokenizer, ["openmoji, a blue cat"] * 3, model.context_length))
    with torch.no_grad():
        images = model.generate(Noise(7).normal(3, model.latent_dim), ids, steps=3, guidance=2.0)
    wanted = ((images + 1) * 127.5).round().permute(0, 2, 3, 1).numpy()
    ours = np.stack([np.asarray(one.resize((32, 32), 0)) for one in found.images])
    assert np.abs(ours - wanted).max() <= 1
    assert found.source.record.operation == "image.draw_prompt"
    other = drawn(text="a blue cat", style="google", count=3, seed=7, steps=3, guidance=2.0)
    assert np.asarray(other.sheet).tobytes() != np.asarray(found.sheet).tobytes(), "the style counts"


def library_tokenizer(zoo: Path) -> Any:
    from zoo.data import tokenizer

    return tokenizer.load(zoo / NAME)


def test_graphs_draw_what_the_modules_draw(zoo: Path, tmp_path: Path) -> None:
    import shutil

    from zoo.engine.diffusion import draw_prompts

    shutil.copytree(zoo / NAME, tmp_path / NAME)
    write_graphs(tmp_path / NAME)
    found = checkpoint.load(tmp_path / NAME)
    ids, latents = Noise(4).integers_array(60, 2, 96), Noise(5).normal_array(2, found.model.latent_dim)
    both = []
    for network in (Graphs(tmp_path / NAME, found.sha256), Modules(found.model)):
        shares = list(draw_prompts(network, latents, ids, steps=4))
        assert [share for share, _ in shares] == [0.25, 0.5, 0.75, 1.0]
        both.append(shares[-1][1])
    np.testing.assert_allclose(*both, atol=1e-3)


def test_what_cannot_be_drawn_is_refused_in_words(zoo: Path) -> None:
    for given, why in (
        ({"text": ""}, "empty"), ({"text": "x" * 301}, "301 characters"), ({"text": "кошка"}, "has learnt English"),
        ({"text": "cat " * 70}, "tokens"), ({"text": "cat", "style": "apple"}, "the style"),
        ({"text": "cat", "count": 17}, "number of pictures"), ({"text": "cat", "steps": 0}, "number of steps"),
        ({"text": "cat", "guidance": 11}, "guidance"), ({"text": "cat", "seed": -1}, "seed"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=why):
            prompting.draw(NAME, **given)  # type: ignore[arg-type]


def test_a_drawing_can_be_made_again_from_its_file(zoo: Path) -> None:
    found = drawn(text="红色的水果", style="twitter", count=2, seed=3, steps=2)
    *_, again = replay(look(png(found.sheet, found.source.record)))
    assert isinstance(again, Replay) and again.identical and again.holds


def test_the_command_line_draws_a_text(zoo: Path, tmp_path: Path) -> None:
    out = tmp_path / "cat.png"
    assert main(["sample", NAME, "--text", "a cat", "--style", "fluent", "--steps", "2", "--out", str(out)]) == DONE
    assert look(out.read_bytes()).record.parameters["style"] == "fluent"


def test_an_endpoint_draws_a_text(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = endpoint_handler(monkeypatch)
    assert len(handler({"inputs": "a cat", "parameters": {"steps": 2, "count": 1}})[0]["image"]) > 100
    with pytest.raises(InputError, match="empty"):
        handler({"inputs": ""})


def test_the_page_draws_a_text(zoo: Path) -> None:
    from zoo.ui import crossmodal
    from zoo.ui import prompting as page

    *_, last = page.draw_emoji(NAME, "a cat", "google", 2, 5, 2, 1.5)
    assert Path(last[0]).is_file() and NAME in last[1] and "seed 5" in last[1]
    assert "draw_emoji" in {str(one.api_name) for one in crossmodal.build().fns.values()}


def test_the_page_says_whether_a_text_names_an_emoji_that_was_learnt_from(zoo: Path) -> None:
    from zoo.ui import prompting as page

    def said(text: str) -> str:
        prompting._concepts.cache_clear()
        *_, last = page.draw_emoji(NAME, text, "google", 1, 5, 2, 1.5)
        return "\n".join(last[1].splitlines()[1:])

    data = load("emoji_names", "train", TINY, sample=True)
    assert isinstance(data, Prompted)
    assert said("grinning face") == ""  # no list, nothing said
    try:
        finish(checkpoint.load(zoo / NAME).model, data, zoo / NAME)
        first = data.concepts[0]
        title = f"{first.emoji} {first.names['en']} · {first.names['zh']}"
        assert said(first.names["en"].upper()) == said(first.names["zh"]) == f"learnt from: {title}"
        assert said("a wholly new thing") == ""  # no matcher, no nearest
        tiny_zoo.match(zoo)
        library._added.clear()
        assert said("a wholly new thing").startswith("it has learnt from no emoji of this name, so it is a best effort")
        assert said("a wholly new thing").rpartition(": ")[2].split()[0] in {one.emoji for one in data.concepts}
        for damaged in ("[]", "{", json.dumps({"x": 5, "y": ["a"], "z": [1, 2]})):
            (zoo / NAME / CONCEPTS).write_text(damaged)
            assert said("grinning face") == ""
    finally:
        shutil.rmtree(zoo / "contrastive.emoji", ignore_errors=True)
        (zoo / NAME / CONCEPTS).unlink()


# Measures


def test_codes_and_predictions_are_measured_and_drawings_where_there_is_a_judge(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zoo.metrics import judges

    monkeypatch.setattr(judges, "PINS", tmp_path / "judges.json")
    (tmp_path / "judges.json").write_text("{}")
    opened = checkpoint.load(made / NAME)
    tokenizer = library_tokenizer(made)
    data = load("emoji_names", "test", opened.model.config, sample=True, tokenizer=tokenizer)
    subject = verify.Subject("text_to_image", opened.model, "emoji_names", tokenizer, sample=True)
    budget = replace(verify.QUICK, rows=4)
    assert [one.name for one in verify.measure(subject, data, budget)] == ["loss", "PSNR"]
    weights = checkpoint.sha256_of(tiny_zoo.match(tmp_path / "zoo") / "model.safetensors")
    (tmp_path / "judges.json").write_text(
        json.dumps({"emoji_names": {"name": str(tmp_path / "zoo" / "contrastive.emoji"), "sha256": weights}})
    )
    verify.judge_network.cache_clear()
    figures = {one.name: one for one in verify.measure(subject, data, budget)}
    assert next(iter(figures)) == "R-precision" and len(figures) == 9
    assert all(0 <= figures[name].value <= 1 for name in figures if name.startswith("R-precision"))
    assert figures["R-precision"].floor is not None and figures["R-precision"].judge_sha256 == weights
    before = verify.Subject("text_to_image", LatentDiffusion(replace(opened.model.config, stage="autoencoder")), "")
    assert [one.name for one in verify.measure(before, data, budget)] == ["PSNR"]


# Other libraries

OPEN = """
import json, sys
import torch
from diffusers import DiffusionPipeline
draw = DiffusionPipeline.from_pretrained("pipeline")
latents, prompts = torch.load("latents.pt"), json.loads(sys.argv[1])
made = draw(prompts, latents=latents, num_inference_steps=4, guidance_scale=2.0, output_type="pt")
size = draw.unet.config.sample_size * draw.vae_scale_factor
print(json.dumps({"class": type(draw).__name__, "size": size, "images": made.images.tolist()}))
"""


def test_diffusers_alone_opens_it_and_draws_the_same(made: Path, tmp_path: Path) -> None:
    export.export(made / NAME, "diffusers", tmp_path / "pipeline")
    model, prompts = checkpoint.load(made / NAME).model, ["google, a cat", "openmoji，蓝色的猫"]
    latents = Noise(6).normal(2, model.latent_dim)
    side = model.config.latent_size
    torch.save(latents.view(2, model.config.latent_channels, side, side), tmp_path / "latents.pt")
    there = json.loads(alone.run(OPEN, tmp_path, json.dumps(prompts)).splitlines()[-1])
    assert there["class"] == "StableDiffusionPipeline" and there["size"] == 32
    ids = torch.from_numpy(prompt_ids(library_tokenizer(made), prompts, model.context_length))
    with torch.no_grad():
        ours = model.generate(latents, ids, steps=4, guidance=2.0) / 2 + 0.5
    torch.testing.assert_close(torch.tensor(there["images"]), ours, rtol=1e-3, atol=1e-3)
