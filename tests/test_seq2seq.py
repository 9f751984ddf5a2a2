"""The Transformer with an encoder and a decoder: its mathematics, its search, and its form in transformers."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import alone
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from zoo import checkpoint, export
from zoo.data.sequences import Pair, never_written, spelling, train_sentences
from zoo.engine.graphs import Graphs
from zoo.engine.modules import Modules
from zoo.entry import IGNORED
from zoo.export.graphs import export as write_graphs
from zoo.generate.beam import Hypothesis, log_chances, log_softmax, search
from zoo.models.text.seq2seq import ENTRY, Transformer, TransformerConfig
from zoo.nn.attention import attend, hiding, sinusoids
from zoo.noise import Noise

SMALL = TransformerConfig(
    vocab_size=11, context_length=24, encoder_layers=2, decoder_layers=3, num_heads=2, embedding_dim=16, hidden_dim=24
)
END = 1


def shaken(config: TransformerConfig = SMALL, by: float = 0.3, seed: int = 11) -> Any:
    """A model in evaluation mode whose every parameter is random, so that no term hides behind a zero."""
    torch.manual_seed(0)
    model, noise = Transformer(config), Noise(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += by * noise.normal(*parameter.shape)
    return model.eval().requires_grad_(False)


def sources() -> list[list[int]]:
    return [[3, 4, 5, 6, END], [7, END], [8, 9, 10, 8, 3, 2, END]]


def padded(rows: list[list[int]], filling: int = 0) -> tuple[Tensor, Tensor]:
    size = max(map(len, rows))
    ids = torch.tensor([[*row, *[filling] * (size - len(row))] for row in rows])
    return ids, torch.tensor([[1] * len(row) + [0] * (size - len(row)) for row in rows])


# The network


def test_attention_is_the_one_of_torch() -> None:
    query, key, value = (torch.randn(2, 3, t, 8) for t in (4, 6, 6))
    seen = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0]]).bool()[:, None, None]
    expected = F.scaled_dot_product_attention(query, key, value, attn_mask=seen).transpose(1, 2).flatten(2)
    torch.testing.assert_close(attend(query, key, value, hiding(seen)), expected)


def test_the_layers_are_those_of_torch_with_the_norm_first() -> None:
    """`nn.TransformerEncoderLayer` and `nn.TransformerDecoderLayer`, norm_first, with our weights."""
    model = shaken()
    x, source = torch.randn(2, 5, 16), torch.randn(2, 7, 16)
    theirs = torch.nn.TransformerEncoderLayer(16, 2, 24, 0.0, batch_first=True, norm_first=True).eval()
    ours = model.encoder.layers[0]
    copy(theirs.self_attn, ours.attention.qkv.weight, ours.attention.qkv.bias, ours.attention.out)
    for mine, other in zip((ours.norm1, ours.norm2), (theirs.norm1, theirs.norm2), strict=True):
        other.load_state_dict(mine.state_dict())
    theirs.linear1.load_state_dict(ours.perceptron.fc.state_dict())
    theirs.linear2.load_state_dict(ours.perceptron.out.state_dict())
    torch.testing.assert_close(ours(x, torch.zeros(5)), theirs(x), rtol=1e-4, atol=1e-5)

    ours, other = model.decoder.layers[1], torch.nn.TransformerDecoderLayer
    theirs = other(16, 2, 24, 0.0, batch_first=True, norm_first=True).eval()
    keys, values = (part[2 * 16 : 4 * 16].chunk(2) for part in (model.memory.weight, model.memory.bias))
    copy(theirs.self_attn, ours.attention.qkv.weight, ours.attention.qkv.bias, ours.attention.out)
    weight = torch.cat([ours.cross.query.weight, *keys])
    copy(theirs.multihead_attn, weight, torch.cat([ours.cross.query.bias, *values]), ours.cross.out)
    for mine, other in zip(
        (ours.norm1, ours.norm2, ours.norm3), (theirs.norm1, theirs.norm2, theirs.norm3), strict=True
    ):
        other.load_state_dict(mine.state_dict())
    theirs.linear1.load_state_dict(ours.perceptron.fc.state_dict())
    theirs.linear2.load_state_dict(ours.perceptron.out.state_dict())
    later = hiding(torch.ones(5, 5).bool().tril())
    memory = model.memory(source).chunk(6, dim=2)
    made = ours(x, later, memory[2], memory[3], torch.zeros(7))
    expected = theirs(x, source, tgt_mask=torch.ones(5, 5).bool().triu(1))
    torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-5)


def copy(theirs: torch.nn.MultiheadAttention, weight: Tensor, bias: Tensor, out: torch.nn.Linear) -> None:
    theirs.in_proj_weight.data, theirs.in_proj_bias.data = weight.clone(), bias.clone()
    theirs.out_proj.load_state_dict(out.state_dict())


def test_positions_begin_as_the_papers_sinusoids() -> None:
    table = sinusoids(50, 16)
    for position, i in itertools.product((0, 1, 7, 49), range(8)):
        angle = torch.tensor(position / 10_000 ** (2 * i / 16))
        torch.testing.assert_close(table[position, i], angle.sin(), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(table[position, 8 + i], angle.cos(), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(Transformer(SMALL).decoder.positions.weight.data, sinusoids(24, 16))


def test_no_target_token_sees_a_later_one_and_every_one_sees_the_whole_source() -> None:
    model = shaken()
    (source, mask), ids = padded(sources()), torch.tensor([[1, 3, 4, 5], [1, 6, 7, 8], [1, 9, 10, 2]])
    before = model(source, mask, ids)
    ids[:, 2] = 3
    after = model(source, mask, ids)
    assert torch.equal(before[:, :2], after[:, :2]) and not torch.allclose(before[:, 2:], after[:, 2:])
    for place in range(7):
        changed = source.clone()
        changed[2, place] = 4 + source[2, place] % 3
        assert not torch.allclose(model(changed, mask, ids)[2, 0], after[2, 0]), f"place {place} is not seen"


def test_a_source_gives_the_same_alone_and_beside_longer_ones() -> None:
    model = shaken()
    (source, mask), ids = padded(sources()), torch.tensor([[1, 3, 4]])
    together = model(source, mask, ids.expand(3, -1))
    for row, expected in zip(sources(), together, strict=True):
        alone_ = model(torch.tensor([row]), torch.ones(1, len(row), dtype=torch.int64), ids)
        torch.testing.assert_close(alone_[0], expected)


def test_the_cache_gives_what_the_whole_target_gives_whatever_its_room() -> None:
    model = shaken()
    source, mask = padded(sources())
    ids = torch.from_numpy(Noise(3).integers_array(11, 3, 9))
    whole, memory = model(source, mask, ids), model.encode(source, mask)
    for room in (9, 16, 24):
        caches = [torch.zeros(3, 2, room, 8) for _ in range(6)]
        for first, last in ((0, 1), (1, 5), (5, 6), (6, 9)):
            logits, *caches = model.decode(ids[:, first:last], torch.tensor(first), memory, mask, *caches)
            torch.testing.assert_close(logits, whole[:, first:last])


def test_the_loss_is_the_mean_over_targets_alone_and_smoothed_only_in_training() -> None:
    model = shaken(replace(SMALL, label_smoothing=0.2, dropout=0.0))
    (source, mask), (ids, _) = padded(sources()), padded([[1, 3, 4], [1, 5], [1, 6, 7]])
    targets = torch.tensor([[3, 4, 1], [5, 1, IGNORED], [6, 7, 1]])
    batch = {"source": source, "mask": mask, "ids": ids, "targets": targets}
    chances = model(source, mask, ids).log_softmax(2)
    picked = [(0, 0, 3), (0, 1, 4), (0, 2, 1), (1, 0, 5), (1, 1, 1), (2, 0, 6), (2, 1, 7), (2, 2, 1)]
    plain = -torch.stack([chances[place] for place in picked]).mean()
    even = -torch.stack([chances[n, t].mean() for n, t, _ in picked]).mean()
    found = model.loss(batch, Noise(0))
    torch.testing.assert_close(found["loss"], plain)
    assert found["items"] == 8
    torch.testing.assert_close(model.train().loss(batch, Noise(0))["loss"], 0.8 * plain + 0.2 * even)


def test_words_and_channels_are_dropped_in_training_alone_and_keep_their_mean() -> None:
    config = replace(SMALL, word_dropout=0.3, dropout=0.2, embedding_dim=64, num_heads=4)
    (source, mask), ids = padded(sources()), torch.tensor([[1, 3], [1, 5], [1, 6]])
    model = shaken(config)
    assert torch.equal(model(source, mask, ids), model(source, mask, ids))
    torch.manual_seed(0)
    model.train()
    assert not torch.equal(model(source, mask, ids), model(source, mask, ids))
    batch = torch.full((4000, 1), 7)
    kept = model.tokens(batch[:1]) * 8
    at = torch.zeros(1, dtype=torch.int64)
    model.encoder.norm_in = torch.nn.Identity()
    model.dropout.share, model.encoder.positions.weight.data[:] = 0.0, 0.0
    made = model._embedded(batch, model.encoder, at)
    whole = (made == kept).all(2)
    assert ((made == 0).all(2) | whole).all() and abs(whole.float().mean() - 0.7) < 0.03


def test_a_config_that_cannot_be_built_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of num_heads"):
        replace(SMALL, num_heads=3)
    with pytest.raises(ValueError, match="must be even"):
        replace(SMALL, num_heads=1, embedding_dim=15)


def test_it_learns_to_write_a_source_backwards() -> None:
    """A hundred steps of Adam on sequences of three letters: a task that only attention over the source solves."""
    torch.manual_seed(0)
    model = Transformer(replace(SMALL, embedding_dim=32, hidden_dim=64, label_smoothing=0.0, dropout=0.0))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    letters = torch.from_numpy(Noise(5).integers_array(8, 300, 3)) + 3
    end = torch.full((300, 1), END)
    batch = {
        "source": torch.cat([letters, end], 1), "mask": torch.ones(300, 4, dtype=torch.int64),
        "ids": torch.cat([end, letters.flip(1)], 1), "targets": torch.cat([letters.flip(1), end], 1),
    }  # fmt: skip
    for _ in range(100):
        rows = torch.randperm(200)[:100]
        loss = model.loss({key: value[rows] for key, value in batch.items()}, Noise(0))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    asked = batch["source"][200:].tolist()
    made = search(Modules(model.eval()), asked, end=END, beams=2)
    right = sum(list(best[0].ids) == [*row[2::-1], END] for row, best in zip(asked, made, strict=True))
    assert right >= 90, f"{right} of 100 that it has not learnt"


# The search


def scores(network: Any, source: list[int], ids: tuple[int, ...], power: float) -> float:
    """What a target is worth, from the network run on all of it at once."""
    chances = log_chances(network, source, ids, END)
    return float(sum(row[token] for row, token in zip(chances, ids, strict=True))) / len(ids) ** power


@pytest.mark.parametrize("power", [0.0, 1.0, 0.6])
def test_a_beam_that_holds_everything_finds_the_best_of_all_targets(power: float) -> None:
    """Brute force over every target of up to three tokens of five."""
    network = Modules(shaken(replace(SMALL, vocab_size=5)))
    targets = [
        ids
        for size in (1, 2, 3)
        for ids in itertools.product(range(5), repeat=size)
        if END not in ids[:-1] and (ids[-1] == END or size == 3)
    ]
    for source in ([3, 4, END], [2, END], [4, 4, 3, 2, END]):
        worth = sorted(((scores(network, source, ids, power), ids) for ids in targets), reverse=True)
        found = search(network, [source], end=END, beams=100, longest=3, length_penalty=power)[0]
        for one, (value, ids) in zip(found[:20], worth, strict=False):
            assert one.ids == ids and abs(one.score - value) < 1e-4


def test_one_beam_takes_the_likeliest_token_at_each_step() -> None:
    network = Modules(shaken(by=0.5))
    made = search(network, sources(), end=END, forbidden=[0, 2], beams=1)
    for source, (best,) in zip(sources(), made, strict=True):
        ids: list[int] = []
        while len(ids) < 24 and ids[-1:] != [END]:
            chances = log_chances(network, source, [*ids, 0], END)[-1]
            chances[[0, 2]] = -np.inf
            ids.append(int(chances.argmax()))
        assert list(best.ids) == ids


def test_more_beams_are_worth_no_less_and_side_by_side_sources_do_not_meet() -> None:
    network = Modules(shaken(by=0.5))
    worth = []
    for beams in (1, 2, 4, 8):
        made = search(network, sources(), end=END, forbidden=[0], beams=beams, longest=10, length_penalty=0.0)
        assert all(len(best) <= beams and best == sorted(best, key=lambda one: -one.score) for best in made)
        worth.append([best[0].score for best in made])
        for source, together in zip(sources(), made, strict=True):
            lone = search(network, [source], end=END, forbidden=[0], beams=beams, longest=10, length_penalty=0.0)[0]
            assert [one.ids for one in lone] == [one.ids for one in together]
            for one in together:
                assert abs(one.score - scores(network, source, one.ids, 0.0)) < 1e-3
                assert 0 not in one.ids and END not in one.ids[:-1] and (one.ids[-1] == END or len(one.ids) == 10)
    assert (np.array(worth[-1]) >= np.array(worth[0]) - 1e-5).all()


def test_log_softmax_bears_any_logits() -> None:
    logits = np.array([[1e4, -1e4, 3.0], [0.0, 0.0, 0.0]], np.float32)
    expected = torch.from_numpy(logits).log_softmax(1).numpy()
    np.testing.assert_allclose(log_softmax(logits), expected, rtol=1e-6)


def test_the_graphs_write_what_the_modules_write(tmp_path: Path) -> None:
    small = replace(ENTRY.tiny, encoder_layers=1, decoder_layers=1)
    checkpoint.save(tmp_path, shaken(small, by=0.5), "seq2seq", "tiny", labels=("en-arpabet",), dtype="float16")
    write_graphs(tmp_path)
    found = checkpoint.load(tmp_path)
    asked = [[5, 6, 7, END], [30, END], [8, 9, 10, 11, 12, 13, 14, 15, 16, 17, END]]
    made: list[list[list[Hypothesis]]] = [
        search(network, asked, end=END, forbidden=[0, 2], beams=3)
        for network in (Graphs(tmp_path, found.sha256), Modules(found.model))
    ]
    for ours, theirs in zip(*made, strict=True):
        assert [one.ids for one in ours] == [one.ids for one in theirs]
        np.testing.assert_allclose([one.score for one in ours], [one.score for one in theirs], atol=1e-4)


# In transformers

OPEN = """
import json, sys
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
found = {}
for name, texts in json.loads(sys.argv[1]).items():
    model, loading = AutoModelForSeq2SeqLM.from_pretrained(name, output_loading_info=True)
    tokenizer = AutoTokenizer.from_pretrained(name)
    rows = [tokenizer(text).input_ids for text in texts]
    batch = tokenizer(texts, return_tensors="pt", padding=True)
    start = model.config.decoder_start_token_id
    with torch.no_grad():
        logits, exact = [], []
        double = AutoModelForSeq2SeqLM.from_pretrained(name, dtype=torch.float64)
        for row in rows:
            given = {"input_ids": torch.tensor([row]), "decoder_input_ids": torch.tensor([[start, *row[:-1]]])}
            logits.append(model(**given).logits[0].tolist())
            exact.append(double(**given).logits[0].tolist())
        greedy = model.generate(**batch, num_beams=1)
        searched = model.generate(**batch, return_dict_in_generate=True, output_scores=True)
        many = model.generate(**batch, num_beams=3, num_return_sequences=3, length_penalty=0.6)
        labelled = model(input_ids=torch.tensor([rows[0]]), labels=torch.tensor([rows[1]])).logits[0].tolist()
        given = torch.tensor([[start, *rows[1][:-1]]])
        shifted = model(input_ids=torch.tensor([rows[0]]), decoder_input_ids=given).logits[0].tolist()
    found[name] = {
        "class": type(model).__name__, "dtype": str(model.dtype), "loading": {k: len(v) for k, v in loading.items()},
        "tied": model.lm_head.weight is model.model.shared.weight, "rows": rows, "logits": logits, "exact": exact,
        "greedy": greedy.tolist(), "beam": searched.sequences.tolist(), "scores": searched.sequences_scores.tolist(),
        "many": many.tolist(), "same": labelled == shifted,
        "text": tokenizer.batch_decode(greedy, skip_special_tokens=True), "special": tokenizer.special_tokens_map,
    }
print(json.dumps(found))
"""
SENTENCES = [
    ("I don't like Tom's 25 dogs.", "我不喜欢Tom的25只狗。"),
    ("She reads.", "她读书。"),
    ("He reads, too!", "他也读书！"),
    ("Do you like books?", "你喜欢书吗？"),
    ("Tom's dogs read.", "Tom的狗读书。"),
]
TEXTS = {
    "seq2seq.g2p": ["hello", "o'clock", "a", "mississippi"],
    "seq2seq.en-zh": ["<zh> she likes tom's dogs.", "<en>他喜欢书。", "<zh> do you read?", "<en>狗！"],
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of either kind with large random weights, and its form in transformers."""
    room = tmp_path_factory.mktemp("seq2seq")
    pairs = [pair for en, zh in 2 * SENTENCES for pair in (Pair("en-zh", en, zh), Pair("zh-en", zh, en))]
    for name, tokenizer in (("seq2seq.g2p", spelling()), ("seq2seq.en-zh", train_sentences(pairs, 120))):
        config = replace(SMALL, vocab_size=tokenizer.get_vocab_size(), embedding_dim=32, num_heads=4)
        (room / "own" / name).mkdir(parents=True)
        model = shaken(config, by=0.2, seed=7)
        checkpoint.save(room / "own" / name, model, "seq2seq", name[8:], labels=(), dtype="float32")
        tokenizer.save(str(room / "own" / name / "tokenizer.json"))
        export.export(room / "own" / name, "transformers", room / name)
    return room


def test_transformers_opens_the_exported_folder_alone_and_writes_the_same(folders: Path) -> None:
    """Logits within 1e-5, greedy and beam search token for token, in a process that has no zoo."""
    from zoo.data import tokenizer as tokenizers

    given = json.loads(alone.run(OPEN, folders, json.dumps(TEXTS)))
    for name, texts in TEXTS.items():
        theirs, model = given[name], checkpoint.load(folders / "own" / name).model
        known = tokenizers.load(folders / "own" / name)
        assert theirs["class"] == "MBartForConditionalGeneration" and theirs["dtype"] == "torch.float32"
        assert theirs["tied"] and not any(theirs["loading"].values()), "no tensor is missing, new or of another shape"
        rows = [known.encode(text).ids for text in texts]
        assert theirs["rows"] == rows
        assert theirs["special"] == {"eos_token": "<eos>", "pad_token": "<pad>", "unk_token": "<unk>"}
        for row, logits, exact in zip(rows, theirs["logits"], theirs["exact"], strict=True):
            ids = torch.tensor([[END, *row[:-1]]])
            batch = torch.tensor([row]), torch.ones(1, len(row), dtype=torch.int64), ids
            ours = model(*batch)[0].numpy()
            np.testing.assert_allclose(ours, np.array(logits), atol=1e-5 * np.abs(ours).max())
            ours = model.double()(*batch)[0].numpy()
            model.float()
            np.testing.assert_allclose(ours, np.array(exact), atol=1e-9 * np.abs(ours).max())
        network, forbidden = Modules(model), never_written(known)
        greedy = search(network, rows, end=END, forbidden=forbidden, beams=1)
        assert [written(row) for row in theirs["greedy"]] == [list(best[0].ids) for best in greedy]
        assert theirs["text"] == [known.decode(list(best[0].ids)) for best in greedy]
        best = search(network, rows, end=END, forbidden=forbidden, beams=4)
        assert [written(row) for row in theirs["beam"]] == [list(one[0].ids) for one in best]
        np.testing.assert_allclose([one[0].score for one in best], theirs["scores"], atol=1e-4)
        several = search(network, rows, end=END, forbidden=forbidden, beams=3, length_penalty=0.6)
        assert [written(row) for row in theirs["many"]] == [list(one.ids) for row in several for one in row]
        assert theirs["same"], "labels alone, as a trainer gives them, mean the same first token"


def written(row: list[int]) -> list[int]:
    """What `generate` wrote: without the token that begins it, and without what fills it up after its end."""
    row = row[1:]
    return row[: row.index(END) + 1] if END in row else row


def test_an_exported_model_stays_in_half_precision_where_it_was_stored_so(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    tokenizer = spelling()
    (tmp_path / "own").mkdir()
    checkpoint.save(tmp_path / "own", shaken(ENTRY.tiny), "seq2seq", "g2p", labels=("en-arpabet",), dtype="float16")
    tokenizer.save(str(tmp_path / "own" / "tokenizer.json"))
    export.export(tmp_path / "own", "transformers", tmp_path / "out")
    kinds = {tensor.dtype for tensor in load_file(tmp_path / "out" / "model.safetensors").values()}
    assert kinds == {torch.float16}
    train_sentences([Pair("en-zh", "Hi. Hi.", "嗨。嗨。")], 20).save(str(tmp_path / "own" / "tokenizer.json"))
    with pytest.raises(ValueError, match="tokens, its model 101"):
        export.export(tmp_path / "own", "transformers", tmp_path / "other")
    assert not (tmp_path / "other").exists()
