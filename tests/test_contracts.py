"""What every model keeps, over the registry: a new model is tested here with nothing added."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from daily import some

from train.recipe import Recipe, course
from zoo import checkpoint, entry, registry, table
from zoo.config import from_dict, to_dict
from zoo.data.dialogue import train_pieces
from zoo.data.sequences import spelling, train_bilingual
from zoo.data.source import INFOS
from zoo.data.tokenizer import train_characters
from zoo.engine.graphs import Graphs
from zoo.engine.modules import Modules
from zoo.entry import Entry, Part
from zoo.export.graphs import export
from zoo.generate.sheet import write_sheet
from zoo.noise import Noise

NAMES = registry.names()
PROTOCOLS = {
    entry.IMAGE_GENERATION: entry.GeneratesImages,
    entry.IMAGE_AUTOENCODING: entry.AutoencodesImages,
    entry.IMAGE_CLASSIFICATION: entry.Classifies,
    entry.IMAGE_TRANSLATION: entry.TranslatesImages,
    entry.TEXT_GENERATION: entry.GeneratesText,
    entry.TRANSLATION: entry.TranslatesText,
    entry.FILL_MASK: entry.FillsMasks,
    entry.TEXT_CLASSIFICATION: entry.ClassifiesText,
    entry.RETRIEVAL: entry.FindsReplies,
    entry.AUDIO_GENERATION: entry.GeneratesAudio,
    entry.NOTE_GENERATION: entry.GeneratesNotes,
    entry.SOUND_GENERATION: entry.GeneratesSounds,
    entry.VOCODING: entry.Vocodes,
    entry.TEXT_TO_SPEECH: entry.SpeaksText,
    entry.AUDIO_CLASSIFICATION: entry.Classifies,
    entry.MUSIC_GENERATION: entry.ComposesMusic,
    entry.ANY_TO_ANY: entry.JoinsModalities,
    entry.TEXT_TO_IMAGE: entry.DrawsFromText,
    entry.IMAGE_TEXT_MATCHING: entry.MatchesImagesAndText,
    entry.CAPTIONING: entry.CaptionsImages,
}
ROOT = Path(__file__).parent.parent


def tiny(name: str) -> Any:
    """The smallest instance, in evaluation mode, the same each time."""
    found = registry.entry(name)
    torch.manual_seed(0)
    return found.model(found.tiny).eval()


def labels_of(model: Any) -> tuple[str, ...]:
    return tuple(map(str, range(getattr(model.config, "num_classes", 0))))


def outputs_of(part: Part, inputs: dict[str, torch.Tensor]) -> tuple[torch.Tensor, ...]:
    with torch.no_grad():
        found = part.module.eval()(*inputs.values())
    return found if isinstance(found, tuple) else (found,)


def doubled(part: Part) -> dict[str, torch.Tensor]:
    """The example inputs with every axis that may vary twice as long."""
    inputs = dict(part.inputs)
    for name, tensor in inputs.items():
        for axis in part.dynamic.get(name, {}):
            inputs[name] = torch.cat([inputs[name], inputs[name]], dim=axis)
        assert not tensor.ndim or inputs[name].shape != tensor.shape, f"no axis of {name} may vary, not even the batch"
    return inputs


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_says_what_the_model_is_in_both_languages(name: str) -> None:
    found = registry.entry(name)
    assert isinstance(found, Entry)
    assert found.title and found.paper.startswith("https://")
    assert found.tasks and set(found.tasks) <= set(entry.TASKS) and len(set(found.tasks)) == len(found.tasks)
    assert found.summary.isascii() and found.summary.endswith(".") and "\n" not in found.summary
    assert any("\u4e00" <= c <= "\u9fff" for c in found.summary_zh) and found.summary_zh.endswith("。")
    assert issubclass(found.model, torch.nn.Module) and isinstance(found.tiny, found.config)
    assert (ROOT / "zoo" / "models" / registry.modality(name) / f"{name}.py").is_file()
    assert (sys.modules[found.model.__module__].__doc__ or "").strip(), "the module says what it is"


def test_every_task_has_a_protocol_and_words_in_the_table() -> None:
    assert PROTOCOLS.keys() == entry.TASKS.keys()
    assert table._TASKS.keys() == entry.TASKS.keys()


@pytest.mark.parametrize("name", NAMES)
def test_the_tiny_model_is_below_a_million_parameters_and_keeps_its_config(name: str) -> None:
    model = tiny(name)
    assert 0 < checkpoint.count_parameters(model) < 1_000_000
    assert model.config == registry.entry(name).tiny


@pytest.mark.parametrize("name", NAMES)
def test_a_config_is_frozen_and_survives_json(name: str) -> None:
    found = registry.entry(name)
    assert dataclasses.is_dataclass(found.config)
    for config in (found.tiny, *(recipe.config for recipe in course(name).presets.values())):
        assert from_dict(found.config, json.loads(json.dumps(to_dict(config)))) == config
    first = dataclasses.fields(found.config)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(found.tiny, first, getattr(found.tiny, first))


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_field_of_a_config_is_refused_with_a_suggestion(name: str) -> None:
    found = registry.entry(name)
    first = dataclasses.fields(found.config)[0].name
    with pytest.raises(ValueError, match=f"has no field '{first}x'; perhaps you meant '{first}'"):
        from_dict(found.config, {**to_dict(found.tiny), f"{first}x": 1})


@pytest.mark.parametrize("name", NAMES)
def test_a_field_of_another_type_or_beyond_its_bounds_is_refused_by_name(name: str) -> None:
    found = registry.entry(name)
    for field in dataclasses.fields(found.config):
        with pytest.raises(ValueError, match=rf"{found.config.__name__}\.{field.name}"):
            from_dict(found.config, {**to_dict(found.tiny), field.name: {"an": "object"}})
        for key, step in (("low", -1), ("high", 1)):
            if key in field.metadata:
                beyond = type(field.default if not isinstance(field.default, tuple) else 0)(field.metadata[key] + step)
                value = [beyond] if isinstance(field.default, tuple) else beyond
                with pytest.raises(ValueError, match=rf"{found.config.__name__}\.{field.name}"):
                    from_dict(found.config, {**to_dict(found.tiny), field.name: value})


@pytest.mark.parametrize("name", NAMES)
def test_a_model_satisfies_the_protocols_of_its_tasks(name: str) -> None:
    model = tiny(name)
    assert isinstance(model, entry.Inspectable)
    assert isinstance(model, entry.Trainable) or callable(getattr(model, "discriminator", None))
    for task in registry.entry(name).tasks:
        assert isinstance(model, PROTOCOLS[task]), task


@pytest.mark.parametrize("name", NAMES)
def test_what_a_task_returns_has_the_promised_shape_and_range(name: str) -> None:
    model, tasks = tiny(name), registry.entry(name).tasks
    noise = Noise(1)
    with torch.no_grad():
        if entry.IMAGE_GENERATION in tasks:
            labels = torch.arange(6) % model.num_classes if model.num_classes else None
            images = model.generate(5 * noise.normal(6, model.latent_dim), labels)
            assert images.ndim == 4 and len(images) == 6 and images.dtype == torch.float32
            assert images.abs().max() <= 1
        if entry.IMAGE_AUTOENCODING in tasks:
            mean, log_variance = model.encode(images)
            assert mean.shape == log_variance.shape == (6, model.latent_dim)
            weights, kl = model.log_weights(images.sign(), noise, 3)
            assert weights.shape == (3, 6) and kl.shape == (6,) and (kl >= 0).all()
        if entry.TEXT_GENERATION in tasks:
            ids = torch.from_numpy(noise.integers_array(model.vocab_size, 2, 6))
            logits, state = model.step(ids, model.start(2))
            assert logits.shape == (2, 6, model.vocab_size)
            again, _ = model.step(ids[:, :1], state)
            assert again.shape == (2, 1, model.vocab_size)
        if entry.TRANSLATION in tasks:
            source, ids = (torch.from_numpy(noise.integers_array(model.vocab_size, 2, t)) for t in (6, 4))
            mask = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0]])
            logits, memory = model(source, mask, ids), model.encode(source, mask)
            assert logits.shape == (2, 4, model.vocab_size) and memory.shape[:2] == (2, 6)
            source[1, 3:] = 0
            torch.testing.assert_close(model(source, mask, ids), logits, msg="what the mask hides says nothing")
        if entry.AUDIO_GENERATION in tasks:
            who = {"digit": torch.tensor([0, 1]), "speaker": torch.tensor([1, 0])}
            condition = model.condition({**who, "duration": torch.tensor([0.3, 0.4]), "frames": torch.tensor(5)})
            assert condition.shape[:2] == (2, 5) and condition.isfinite().all()
        if entry.SOUND_GENERATION in tasks:
            labels = torch.arange(6) % model.num_classes if model.num_classes else None
            waveforms = model.generate(5 * noise.normal(6, model.latent_dim), labels)
            assert waveforms.ndim == 2 and len(waveforms) == 6 and waveforms.dtype == torch.float32
            assert waveforms.abs().max() <= 1
        if entry.MUSIC_GENERATION in tasks:
            voices = torch.from_numpy(noise.integers_array(89, 2, 5, 4))
            condition = model.listen(voices[..., 0], torch.tensor([5, 3]))
            assert condition.shape[:2] == (2, 5)
            assert model(voices, condition).shape == (2, 5, 4, 89)
        if entry.VOCODING in tasks:
            mel = model.spectrogram(noise.uniform(2, 5 * model.hop_length) * 0.2)
            assert mel.shape == (2, 5, model.num_mels)
            made = model.generate(mel, noise.normal(2, 5 * model.hop_length))
            assert made.shape == (2, 5 * model.hop_length) and made.abs().max() <= 1
        if entry.TEXT_TO_SPEECH in tasks:
            symbols, mask = torch.tensor([[1, 2, 3], [4, 5, 0]]), torch.tensor([[1, 1, 1], [1, 1, 0]])
            means, states, durations = model.encode(symbols, mask)
            assert means.shape == (2, 3, model.num_mels) and states.shape[:2] == durations.shape == (2, 3)
            told = noise.normal(2, 4, model.num_mels + states.shape[2] + 2)
            frames = noise.normal(2, 4, model.num_mels)
            assert model.velocity(frames, torch.tensor([0.0, 0.9]), told, torch.ones(2, 4)).shape == frames.shape
        if entry.ANY_TO_ANY in tasks:
            config, words = model.config, torch.arange(3)
            images = model.decode_pictures(noise.normal(3, model.shared_dim), noise.normal(3, model.style_dim))
            mel = model.decode_sounds(noise.normal(3, model.shared_dim), noise.normal(3, model.style_dim))
            assert images.ndim == 4 and len(images) == 3 and images.abs().max() <= 1
            assert mel.shape == (3, config.length // config.hop_length, config.num_mels)
            assert model.decode_words(noise.normal(3, model.shared_dim)).shape == (3, model.num_words)
            for moments, styles in (
                (model.encode_words(words), 0),
                (model.encode_pictures(images), model.style_dim),
                (model.encode_sounds(noise.uniform(3, config.length) - 0.5), model.style_dim),
            ):
                assert [one.shape for one in moments] == [(3, model.shared_dim + styles)] * 2
        if entry.IMAGE_TRANSLATION in tasks:
            given = noise.uniform(3, model.source_channels, model.source_size, model.source_size) * 2 - 1
            made = model.translate(given)
            assert made.ndim == 4 and len(made) == 3 and made.abs().max() <= 1
        if {entry.FILL_MASK, entry.TEXT_CLASSIFICATION, entry.RETRIEVAL} & set(tasks):
            ids = torch.from_numpy(noise.integers_array(model.vocab_size, 3, 5))
            mask = torch.arange(5) < torch.tensor([[5], [3], [1]])
            if entry.FILL_MASK in tasks:
                assert model(ids, mask).shape == (3, 5, model.vocab_size)
            if entry.TEXT_CLASSIFICATION in tasks:
                assert model.classify(ids, mask).shape == (3, model.config.num_classes)
            if entry.RETRIEVAL in tasks:
                vectors = model.embed(ids, mask, torch.tensor([0, 1, 1]))
                assert vectors.ndim == 2 and torch.allclose(vectors.norm(dim=1), torch.ones(3))
        if entry.TEXT_TO_IMAGE in tasks:
            ids = torch.from_numpy(noise.integers_array(model.vocab_size, 3, model.context_length))
            images = model.generate(noise.normal(3, model.latent_dim), ids)
            assert images.shape == (3, 3, model.config.image_size, model.config.image_size) and images.abs().max() <= 1
            assert model.reconstruct(images).shape == images.shape and model.errors(images, ids, noise).shape == (3,)
        if entry.IMAGE_TEXT_MATCHING in tasks:
            ids = 4 + torch.from_numpy(noise.integers_array(model.vocab_size - 4, 3, 5))
            ids[0, 4] = ids[1, 2] = ids[2, 0] = model.config.end_token
            vectors = [
                model.embed_images(2 * noise.uniform(3, 3, model.image_size, model.image_size) - 1),
                model.embed_captions(ids),
            ]
            assert vectors[0].shape == vectors[1].shape
            assert all(torch.allclose(found.norm(dim=1), torch.ones(3)) for found in vectors)
            ids[1, 3:] = 5
            torch.testing.assert_close(
                model.embed_captions(ids), vectors[1], msg="what comes after the end says nothing"
            )
        if entry.CAPTIONING in tasks:
            images = 2 * noise.uniform(3, 3, model.image_size, model.image_size) - 1
            ids = torch.from_numpy(noise.integers_array(model.vocab_size, 3, 5))
            memory, logits = model.look(images), model(images, ids)
            assert memory.ndim == 3 and len(memory) == 3 and logits.shape == (3, 5, model.vocab_size)
            ids[:, 4] = 0
            torch.testing.assert_close(model(images, ids)[:, :4], logits[:, :4], msg="what comes later is not seen")
        if {entry.IMAGE_CLASSIFICATION, entry.AUDIO_CLASSIFICATION} & set(tasks):
            inputs = noise.uniform(3, 1, 28, 28) if entry.IMAGE_CLASSIFICATION in tasks else noise.uniform(3, 4000)
            assert model(inputs * 2 - 1).shape == (3, model.config.num_classes)
            features = model.features(inputs * 2 - 1)
            assert features.ndim == 2 and len(features) == 3


@pytest.mark.parametrize("name", NAMES)
def test_parts_run_on_their_examples_and_their_axes_vary_as_they_say(name: str) -> None:
    parts = tiny(name).parts()
    assert parts and len({part.name for part in parts}) == len(parts)
    for part in parts:
        before, after = outputs_of(part, part.inputs), outputs_of(part, doubled(part))
        assert len(before) == len(after) == len(part.outputs)
        assert set(part.dynamic) <= {*part.inputs, *part.outputs}
        for output, small, large in zip(part.outputs, before, after, strict=True):
            expected = [n * (1 + (axis in part.dynamic.get(output, {}))) for axis, n in enumerate(small.shape)]
            assert list(large.shape) == expected, f"{part.name}: {output}"


@pytest.mark.parametrize("name", NAMES)
def test_a_model_has_the_parts_of_its_tasks(name: str) -> None:
    parts = {part.name: part for part in tiny(name).parts()}
    for task in registry.entry(name).tasks:
        for part in entry.PARTS[task]:
            assert part in parts or entry.IN_PLACE_OF.get(part) in parts, part
    for part in parts.values():
        assert part.state.keys() <= part.inputs.keys() and set(part.state.values()) <= set(part.outputs)
        assert all(not part.inputs[before].any() for before in part.state), "state begins as zeros"


def test_every_task_names_its_parts() -> None:
    assert entry.PARTS.keys() == entry.TASKS.keys()


@pytest.mark.parametrize(
    "name", some(NAMES, slow=("text_to_image", "waveglow", "stylegan", "music_transformer"))
)
def test_graphs_give_what_the_modules_give_at_other_sizes(name: str, tmp_path: Path) -> None:
    """A folder's graphs, made from one size, run another by onnxruntime and borrow their weights from the folder."""
    model = tiny(name)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * Noise(3).normal(*parameter.shape)
    checkpoint.save(tmp_path, model, name, "tiny", labels=labels_of(model), dtype="float16")
    stated = export(tmp_path)
    found = checkpoint.load(tmp_path)
    graphs, modules = Graphs(tmp_path, found.sha256), Modules(found.model)
    assert graphs.weights().keys() == modules.weights().keys()
    weights = (tmp_path / "model.safetensors").stat().st_size
    for part in found.model.parts():
        noise = Noise(2)
        inputs = {key: value.numpy() for key, value in doubled(part).items()}
        for key, value in inputs.items():
            if value.dtype == np.float32 and key not in part.state:
                inputs[key] = value + noise.normal_array(*value.shape)
        for ours, theirs in zip(graphs.run(part.name, **inputs), modules.run(part.name, **inputs), strict=True):
            assert ours.shape == theirs.shape and ours.dtype == theirs.dtype == np.float32
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-5)
        said = stated["parts"][part.name]
        assert said["inputs"].keys() == part.inputs.keys() and tuple(said["outputs"]) == part.outputs
        for key, value in said["inputs"].items():
            free = part.dynamic.get(key, {})
            assert value["shape"] == [free.get(axis, n) for axis, n in enumerate(part.inputs[key].shape)]
        assert (tmp_path / said["file"]).stat().st_size < weights + 40_000, "the weights are not in it"


@pytest.mark.parametrize("name", NAMES)
def test_inference_draws_nothing_at_random_and_gives_the_same_twice(name: str, tmp_path: Path) -> None:
    """Everything random comes from zoo.noise: a seed gives the same bytes, and torch's generator is untouched."""
    model = tiny(name)
    tokenizer = None
    if entry.TEXT_GENERATION in registry.entry(name).tasks:
        size = model.vocab_size
        tokenizer = train_characters(["\n" + "".join(map(chr, range(97, 97 + size - 2)))])
        assert tokenizer.get_vocab_size() == size
    if {entry.FILL_MASK, entry.IMAGE_TEXT_MATCHING, entry.TEXT_TO_IMAGE} & set(registry.entry(name).tasks):
        tokenizer = train_pieces(["the quick brown fox jumps over the lazy dog and packs five dozen jugs"], 64)
        assert tokenizer.get_vocab_size() == model.vocab_size
    if entry.CAPTIONING in registry.entry(name).tasks:
        words = "the quick brown fox jumps over the lazy dog and packs five dozen jugs"
        tokenizer = train_bilingual([f" {word}" for word in words.split() * 2], 64)
        assert tokenizer.get_vocab_size() == model.vocab_size
    if entry.TRANSLATION in registry.entry(name).tasks:
        tokenizer = spelling()
        assert tokenizer.get_vocab_size() == model.vocab_size
    before = torch.get_rng_state()
    for sheet in ("first", "second"):
        write_sheet(name, model, tmp_path / sheet, tokenizer, () if tokenizer else labels_of(model))
    for part in model.parts():
        for once, twice in zip(outputs_of(part, part.inputs), outputs_of(part, part.inputs), strict=True):
            assert torch.equal(once, twice)
    assert torch.equal(before, torch.get_rng_state())
    first, second = (sorted(tmp_path.glob(f"{sheet}.*")) for sheet in ("first", "second"))
    assert [path.suffix for path in first] == [path.suffix for path in second]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(first, second, strict=True))
    judges = {entry.IMAGE_CLASSIFICATION, entry.AUDIO_CLASSIFICATION}
    assert first or judges & set(registry.entry(name).tasks), "what generates has a sheet of samples"


@pytest.mark.parametrize("name", NAMES)
def test_another_seed_gives_another_sample(name: str) -> None:
    model = tiny(name)
    if {entry.IMAGE_GENERATION, entry.SOUND_GENERATION} & set(registry.entry(name).tasks):
        labels = torch.zeros(2, dtype=torch.int64) if model.num_classes else None
        with torch.no_grad():
            one, other = (model.generate(Noise(seed).normal(2, model.latent_dim), labels) for seed in (7, 8))
        assert not torch.equal(one, other) and not torch.equal(one[0], one[1])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("dtype", "apart"), [("float32", 0.0), ("float16", 1e-2)])
def test_a_checkpoint_gives_the_weights_back(name: str, dtype: str, apart: float, tmp_path: Path) -> None:
    model = tiny(name)
    checkpoint.save(tmp_path, model, name, "tiny", labels=labels_of(model), dtype=dtype)
    found = checkpoint.load(tmp_path)
    assert (found.name, found.model_name, found.preset) == (f"{name}.tiny", name, "tiny")
    assert found.labels == labels_of(model)
    assert found.model.config == model.config and not found.model.training
    ours, theirs = model.state_dict(), found.model.state_dict()
    assert ours.keys() == theirs.keys()
    for key, tensor in ours.items():
        assert theirs[key].dtype == tensor.dtype
        assert (theirs[key] - tensor).abs().le(apart * tensor.abs().clamp_min(0.1)).all(), key
    if not apart:
        for before, after in zip(model.parts(), found.model.parts(), strict=True):
            for one, two in zip(outputs_of(before, before.inputs), outputs_of(after, before.inputs), strict=True):
                assert torch.equal(one, two)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_has_a_recipe_file_whose_presets_are_valid(name: str) -> None:
    path = ROOT / "train" / registry.modality(name) / f"{name}.py"
    assert path.is_file(), f"{path.relative_to(ROOT)} is where its recipe belongs"
    presets = course(name).presets
    assert "tiny" in presets
    for preset, recipe in presets.items():
        assert isinstance(recipe, Recipe) and isinstance(recipe.config, registry.entry(name).config), preset
        assert preset == preset.lower() and "." not in preset and "_" not in preset
        assert recipe.dataset in INFOS
        assert callable(recipe.algorithm.prepare)
        scales = [recipe.learning_rate_scale(step) for step in range(0, recipe.steps, max(1, recipe.steps // 50))]
        assert min(scales) >= 0 and max(scales) <= 1 and scales[-1] <= scales[len(scales) // 2]
        with torch.device("meta"):
            parameters = checkpoint.count_parameters(registry.entry(name).model(recipe.config))
        assert parameters <= checkpoint.MAX_PARAMETERS
    small = presets["tiny"]
    assert small.sample and small.steps <= 50 and small.config == registry.entry(name).tiny


@pytest.mark.parametrize("name", NAMES)
def test_a_recipes_metric_is_one_that_its_tasks_measure(name: str) -> None:
    """The names come from measuring the tiny model on the bundled sample, as a run does on its validation split."""
    from zoo import verify
    from zoo.data.load import load

    recipe = course(name).presets["tiny"]
    training: Any = load(recipe.dataset, "train", recipe.config, sample=True)
    tokenizer = getattr(training, "tokenizer", None)
    data = load(recipe.dataset, "validation", recipe.config, sample=True, tokenizer=tokenizer)
    model = course(name).build(recipe, training).eval()
    subject = verify.Subject(name, model, recipe.dataset, tokenizer, sample=True)
    budget = dataclasses.replace(verify.TRAINING, rows=20, pictures=100)
    figures = {figure.name: figure for figure in verify.measure(subject, data, budget)}
    assert recipe.metric in figures
    assert figures[recipe.metric].better == recipe.better
    assert all(np.isfinite(figure.value) and figure.tolerance >= 0 for figure in figures.values())
