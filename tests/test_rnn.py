"""Recurrent language models: torch's own LSTM and GRU are the oracle, forward and backward, and the graphs follow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_zoo
import torch
from torch import Tensor, nn

from train.recipe import course
from zoo import checkpoint
from zoo.checkpoint import CheckpointError
from zoo.data.load import load
from zoo.data.tokenizer import train_characters
from zoo.engine.graphs import Graphs
from zoo.engine.modules import Modules
from zoo.export.graphs import export
from zoo.generate.prose import continue_text
from zoo.models.text.rnn import ENTRY, RNN, Layer, RNNConfig
from zoo.noise import Noise

CELLS = ("lstm", "gru")
ORDER = {"lstm": (0, 2, 3, 1), "gru": (1, 0, 2)}
"""Where torch's gates (input, forget, cell, output; reset, update, candidate) stand among ours."""
ORACLES = {"lstm": nn.LSTM, "gru": nn.GRU}
TINY: RNNConfig = ENTRY.tiny


@pytest.fixture(autouse=True)
def _seeded() -> Any:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


def in_torchs_order(cell: str, gates: Tensor) -> Tensor:
    return torch.cat([gates.chunk(len(ORDER[cell]))[i] for i in ORDER[cell]])


def layer_of(cell: str, width: int = 8, h: int = 12, **options: float) -> Layer:
    """A layer in double precision with biases that show."""
    layer = Layer(RNNConfig(cell=cell, hidden_dim=h, embedding_dim=width, **options), width).double()
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.5)
    return layer


def oracle_of(cell: str, layers: list[Layer]) -> Any:
    """torch's network with the weights of ours."""
    width, h = layers[0].weight.shape[1], layers[0].recurrent.shape[1]
    oracle = ORACLES[cell](width, h, len(layers)).to(layers[0].weight.dtype)
    with torch.no_grad():
        for i, layer in enumerate(layers):
            getattr(oracle, f"weight_ih_l{i}").copy_(in_torchs_order(cell, layer.weight))
            getattr(oracle, f"weight_hh_l{i}").copy_(in_torchs_order(cell, layer.recurrent))
            getattr(oracle, f"bias_ih_l{i}").copy_(in_torchs_order(cell, layer.bias))
            getattr(oracle, f"bias_hh_l{i}").zero_()
            if cell == "gru":
                getattr(oracle, f"bias_hh_l{i}")[2 * h :].copy_(layer.candidate_bias)
    return oracle


@pytest.mark.parametrize("cell", CELLS)
def test_a_layer_gives_what_torchs_gives_and_so_do_its_gradients(cell: str) -> None:
    layer = layer_of(cell)
    oracle = oracle_of(cell, [layer])
    x, theirs_x = (torch.randn(7, 3, 8, dtype=torch.float64) for _ in range(2))
    theirs_x = x.clone().requires_grad_()
    x.requires_grad_()
    state = [torch.randn(3, 12, dtype=torch.float64, requires_grad=True) for _ in range(layer.state_size)]
    before = [one.detach().clone().requires_grad_() for one in state]
    ours, after = layer(x, state)
    given = tuple(one[None] for one in before)
    theirs, last = oracle(theirs_x, given if cell == "lstm" else given[0])
    last = [one[0] for one in (last if cell == "lstm" else (last,))]
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(after, last)
    weights = torch.randn_like(ours)
    sum(((one * (i + 2)).sum() for i, one in enumerate(after)), (ours * weights).sum()).backward()
    sum(((one * (i + 2)).sum() for i, one in enumerate(last)), (theirs * weights).sum()).backward()
    torch.testing.assert_close(x.grad, theirs_x.grad)
    torch.testing.assert_close([one.grad for one in state], [one.grad for one in before])
    for name, grad in (
        ("weight_ih", layer.weight.grad),
        ("weight_hh", layer.recurrent.grad),
        ("bias_ih", layer.bias.grad),
    ):
        torch.testing.assert_close(in_torchs_order(cell, grad), getattr(oracle, f"{name}_l0").grad)
    if cell == "gru":
        torch.testing.assert_close(layer.candidate_bias.grad, oracle.bias_hh_l0.grad[24:])


@pytest.mark.parametrize("cell", CELLS)
def test_a_network_is_torchs_between_an_embedding_and_an_output(cell: str) -> None:
    model = RNN(replace(TINY, cell=cell)).double().eval()
    ids = Noise(1).integers(32, 3, 9)
    outputs, _ = oracle_of(cell, list(model.layers))(model.tokens(ids.t()))
    torch.testing.assert_close(model(ids), (outputs @ model.head.t() + model.bias).transpose(0, 1))


@pytest.mark.parametrize("cell", CELLS)
def test_dropped_channels_of_the_state_stay_dropped_for_the_whole_sequence(cell: str) -> None:
    layer = layer_of(cell, state_dropout=0.5)
    x = torch.randn(6, 2, 8, dtype=torch.float64, requires_grad=True)
    state = [torch.zeros(2, 12, dtype=torch.float64) for _ in range(layer.state_size)]
    torch.manual_seed(3)
    ours, _ = layer(x, state)
    (ours_grad,) = torch.autograd.grad(ours.square().sum(), x)
    torch.manual_seed(3)
    mask = (torch.rand_like(state[0]) >= 0.5) / 0.5
    hidden, cell_state, outputs = state[0], state[-1], []
    for row in x:
        given, product = row @ layer.weight.t() + layer.bias, (hidden * mask) @ layer.recurrent.t()
        if cell == "lstm":
            inward, outward, forget = (given + product)[:, :36].sigmoid().chunk(3, 1)
            cell_state = forget * cell_state + inward * (given + product)[:, 36:].tanh()
            hidden = outward * cell_state.tanh()
        else:
            update, reset = (given + product)[:, :24].sigmoid().chunk(2, 1)
            new = (given[:, 24:] + reset * (product[:, 24:] + layer.candidate_bias)).tanh()
            hidden = (1 - update) * new + update * hidden
        outputs.append(hidden)
    theirs = torch.stack(outputs)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(ours_grad, torch.autograd.grad(theirs.square().sum(), x)[0])
    assert not torch.equal(layer(x, state)[0], ours), "another sequence drops others"
    layer.eval()
    assert torch.equal(layer(x, state)[0], layer(x, state)[0])


@pytest.mark.parametrize("cell", CELLS)
def test_a_step_in_half_precision_points_where_one_in_full_does(cell: str) -> None:
    model = RNN(replace(TINY, cell=cell, hidden_dim=32, embedding_dim=32))
    ids = Noise(2).integers(32, 4, 21)
    batch, gradients, losses = {"ids": ids[:, :-1], "targets": ids[:, 1:]}, [], []
    for half in (False, True):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = model.loss(batch, Noise(0))["loss"]
        loss.backward()
        losses.append(float(loss))
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
        assert all(p.grad.dtype == torch.float32 for p in model.parameters())
    assert losses[0] == pytest.approx(losses[1], rel=0.01)
    assert torch.cosine_similarity(*gradients, dim=0) > 0.995


@pytest.mark.parametrize("cell", CELLS)
def test_a_text_in_pieces_is_read_as_the_whole_of_it(cell: str) -> None:
    model = RNN(replace(TINY, cell=cell)).eval()
    ids = Noise(4).integers(32, 2, 50)
    state, found = model.start(2), []
    with torch.no_grad():
        for first, last in ((0, 1), (1, 30), (30, 50)):
            logits, state = model.step(ids[:, first:last], state)
            found.append(logits)
        torch.testing.assert_close(torch.cat(found, 1), model(ids), rtol=1e-5, atol=1e-6)
        logits, *after = model.decode(ids, *model.start(2))
    torch.testing.assert_close(logits, found[-1][:, -1], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(after, state, rtol=1e-5, atol=1e-6)


def test_an_lstm_begins_by_remembering() -> None:
    for layer in RNN(TINY).layers:
        inward, outward, forget, new = layer.bias.chunk(4)
        assert (forget == 1).all() and not torch.cat([inward, outward, new]).any()


def test_tied_weights_are_one_tensor_of_one_width() -> None:
    tied = replace(TINY, tied=True, embedding_dim=24)
    assert (
        checkpoint.count_parameters(RNN(tied)) == checkpoint.count_parameters(RNN(replace(tied, tied=False))) - 32 * 24
    )
    with pytest.raises(ValueError, match=r"embedding_dim is 16; tied weights want it to be hidden_dim \(24\)"):
        replace(TINY, tied=True)


@pytest.mark.parametrize("cell", CELLS)
def test_it_learns_what_only_a_memory_can_know(cell: str) -> None:
    """Whether an "a" or a "b" began the line is asked for after three letters that do not say it."""
    model = RNN(replace(TINY, cell=cell, vocab_size=8))
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for step in range(60):
        first = Noise(step).integers(2, 32)
        ids = torch.cat([first[:, None], torch.arange(2, 5).repeat(32, 1), first[:, None]], 1)
        loss = model.loss({"ids": ids[:, :-1], "targets": ids[:, 1:]}, Noise(0))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    asked = model(ids[:, :-1])[:, -1, :2]
    assert (asked.argmax(1) == first).all()


def test_windows_of_training_text_are_as_long_as_the_config_says_however_long_a_text_may_be() -> None:
    recipe = course("rnn").presets["tiny"]
    data = load(recipe.dataset, "train", recipe.config, sample=True)
    assert recipe.config.context_length > 100_000
    assert data.batch(np.arange(2))["ids"].shape == (2, recipe.config.window)


def test_the_presets_are_of_about_the_size_of_the_gpt_of_the_same_text_and_no_larger() -> None:
    from zoo.models.text.gpt import GPT

    with torch.device("meta"):
        largest = checkpoint.count_parameters(GPT(course("gpt").presets["shakespeare"].config))
        for name in ("shakespeare-lstm", "shakespeare-gru"):
            assert 0.8 * largest < checkpoint.count_parameters(RNN(course("rnn").presets[name].config)) <= largest


# The engine


def made(tmp_path: Path, **changes: Any) -> tuple[Graphs, Modules, Any]:
    """An untrained checkpoint of large weights by onnxruntime and by torch, and its tokenizer."""
    letters = train_characters([tiny_zoo.PROSE])
    model = RNN(replace(TINY, vocab_size=letters.get_vocab_size(), **changes)).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    checkpoint.save(tmp_path, model, "rnn", "tiny", labels=(), dtype="float16")
    export(tmp_path)
    found = checkpoint.load(tmp_path)
    return Graphs(tmp_path, found.sha256), Modules(found.model), letters


@pytest.mark.parametrize("changes", [{"cell": "lstm"}, {"cell": "gru"}, {"tied": True, "embedding_dim": 24}])
def test_a_graph_goes_on_from_its_state_alone_in_rows_and_in_pieces(tmp_path: Path, changes: dict[str, Any]) -> None:
    graphs, modules, _ = made(tmp_path, **changes)
    assert "position" not in graphs.parts["decoder"]["inputs"]
    ids = Noise(1).integers_array(60, 3, 12)
    states = [network.start(3) for network in (graphs, modules)]
    for first, last in ((0, 5), (5, 6), (6, 7), (7, 12)):
        found = []
        for i, network in enumerate((graphs, modules)):
            logits, states[i] = network.step(ids[:, first:last], states[i])
            found.append(logits)
        np.testing.assert_allclose(*found, atol=5e-5)
    assert np.abs(found[0]).max() > 1


@pytest.mark.parametrize("cell", CELLS)
def test_a_seed_writes_the_same_letters_far_beyond_the_training_window(tmp_path: Path, cell: str) -> None:
    graphs, modules, letters = made(tmp_path, cell=cell)
    texts = [list(continue_text(network, letters, "To be", count=150, seed=5)) for network in (graphs, modules)]
    assert texts[0] == texts[1] and len(set(texts[0])) > 10
    assert texts[0] != list(continue_text(graphs, letters, "To be", count=150, seed=6))


def test_two_texts_at_once_do_not_share_a_state(tmp_path: Path) -> None:
    graphs, _, _ = made(tmp_path)
    alone = graphs.step(np.array([[9]]), graphs.step(np.array([[5, 6]]), graphs.start(1))[1])[0]
    _, one = graphs.step(np.array([[5, 6]]), graphs.start(1))
    _, other = graphs.step(np.array([[30, 31, 32]]), graphs.start(1))
    graphs.step(np.array([[8]]), other)
    np.testing.assert_array_equal(graphs.step(np.array([[9]]), one)[0], alone)


def test_a_text_longer_than_the_context_is_refused_by_the_graph_and_begun_anew_by_the_writer(tmp_path: Path) -> None:
    graphs, modules, letters = made(tmp_path, context_length=16)
    state = graphs.step(np.zeros((1, 10), np.int64), graphs.start(1))[1]
    with pytest.raises(ValueError, match="17 tokens do not fit; this model sees at most 16"):
        graphs.step(np.zeros((1, 7), np.int64), state)
    texts = [list(continue_text(network, letters, "What ho", count=60, seed=1)) for network in (graphs, modules)]
    assert texts[0] == texts[1] and len(texts[0]) == 60


def test_graphs_of_eight_bits_are_near_and_of_four_there_are_none(tmp_path: Path) -> None:
    graphs, _, _ = made(tmp_path, hidden_dim=48, embedding_dim=48)
    exact, _ = graphs.step(np.array([[3, 4, 5]]), graphs.start(1))
    (tmp_path / "small").mkdir()
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "small" / name).write_bytes((tmp_path / name).read_bytes())
    export(tmp_path / "small", bits=8)
    small = Graphs(tmp_path / "small", checkpoint.sha256_of(tmp_path / "small" / "model.safetensors"))
    rounded, _ = small.step(np.array([[3, 4, 5]]), small.start(1))
    assert 0 < np.abs(rounded - exact).max() < 0.05 * np.abs(exact).max()
    with pytest.raises(ValueError, match=r"rnn\.tiny has no graphs of 4 bits; it has 32 and 8, and gpt has 4"):
        export(tmp_path, bits=4)


def test_weights_of_another_shape_than_the_config_says_are_refused(tmp_path: Path) -> None:
    made(tmp_path)
    values = checkpoint.read_json(tmp_path / "config.json")
    values["config"]["cell"] = "gru"
    checkpoint.write_json(tmp_path / "config.json", values)
    with pytest.raises(CheckpointError, match="lacks tensors: layers.0.candidate_bias"):
        checkpoint.load(tmp_path)


# The comparison


def test_models_are_compared_at_equal_time_by_the_best_that_each_had_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "bench"))
    import text_models

    settings = {"batch_size": 32, "accumulation": 2, "config": {"context_length": 1 << 20, "window": 100}}
    recipe = {"settings": settings, "steps": 100, "wall_seconds": 600.0, "parameters": 1234}
    found = {"loss": [[1, 9.0]], "validation/loss": [[50, 2.0]], "validation/bits a character": [[20, 4.0], [60, 3.0]]}
    (tmp_path / "rnn.one" / "timeline").mkdir(parents=True)
    for name, values in (
        ("recipe.json", recipe),
        ("metrics.json", {"figures": [{"name": "loss", "value": 1.5}, {"name": "bits a character", "value": 2.164}]}),
        ("timeline/curves.json", {"steps": 100, "curves": found}),
    ):
        checkpoint.write_json(tmp_path / "rnn.one" / name, values)
    course = text_models.course_of(tmp_path / "rnn.one")
    assert course.tokens == 100 * 64 * 100 and course.minutes == 10
    assert [course.best_at(minutes) for minutes in (2.0, 5.9, 6.0, 10.0)] == [4.0, 4.0, 3.0, 3.0]
    assert np.isnan(course.best_at(1.9)) and np.isnan(course.best_at(10.1)), "not measured yet, and over"
    first, second = text_models.table([course], (1.0, 5.0)).split("\n\nBits a character")
    assert "| rnn.one | 1,234 | 10.0 | 0.6 M | 1.500 |  | 2.164 |" in first
    assert second.endswith("| rnn.one |  | 4.000 |")
