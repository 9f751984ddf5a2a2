"""BERT: transformers' own classes are the oracle, here and in a process without the zoo; heads learn and are asked."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import alone
import numpy as np
import pytest
import tiny_dialogues
import torch
from torch.nn import functional as F

from train.algorithms.single_loss import SingleLoss
from train.loop import Run
from train.recipe import course, tiny
from train.sources import Sources
from zoo import checkpoint, entry, export, registry, verify
from zoo.data.dialogue import BOT, END, REPLIES, TOPICS, USER, padded
from zoo.data.load import load
from zoo.engine.graphs import Graphs
from zoo.engine.modules import Modules
from zoo.export.bert import _config as config_there
from zoo.export.bert import architecture_of, bert_tensors
from zoo.export.graphs import export as write_graphs
from zoo.generate import library, masked
from zoo.generate.inputs import InputError
from zoo.generate.replies import vectors_of
from zoo.models.text.bert import Bert, BertConfig
from zoo.noise import Noise
from zoo.verify.masked import _blocks, found_replies, masked_tokens, topics
from zoo.verify.matches import ranks_of

TINY: BertConfig = registry.entry("bert").tiny
NEAR = 1e-5
TEXTS = ("I love the Beatles!", "你喜欢看电影吗？", "Who won the game last night, and why?", "ok")


pytestmark = pytest.mark.usefixtures("one_thread")


def rows(model: Any, n: int = 3, t: int = 9) -> tuple[torch.Tensor, torch.Tensor]:
    """Random ids and masks of rows of different lengths."""
    ids = torch.from_numpy(Noise(4).integers_array(model.vocab_size, n, t))
    return ids, (torch.arange(t) < torch.tensor([[t], [t - 4], [1]])[:n]).long()


# The network


@pytest.mark.parametrize("heads", tiny_dialogues.HEADS.values(), ids=list(tiny_dialogues.HEADS))
def test_transformers_own_layers_give_the_same_from_the_same_weights(heads: dict[str, Any]) -> None:
    import transformers

    model = tiny_dialogues.bert(**heads).double()
    values = config_there(model.config, tuple(TOPICS))
    kind = getattr(transformers, architecture_of(model.config))
    values = {key: value for key, value in values.items() if key not in ("architectures", "model_type", "dtype")}
    options = {"add_pooling_layer": False} if "replies" in heads else {}
    oracle = kind(transformers.BertConfig(**values), **options).double().eval()
    found = oracle.load_state_dict(bert_tensors(dict(model.state_dict()), model.config), strict=False)
    tied = {"cls.predictions.decoder.weight", "cls.predictions.decoder.bias", "bert.embeddings.position_ids"}
    assert set(found.missing_keys) <= tied and not found.unexpected_keys
    oracle.tie_weights()
    ids, mask = rows(model)
    with torch.no_grad():
        if "replies" in heads:
            for number in (0, 1):
                hidden = oracle(ids, attention_mask=mask, token_type_ids=torch.full_like(ids, number))[0]
                mean = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
                ours = model.embed(ids, mask, torch.full((3,), number))
                torch.testing.assert_close(ours, F.normalize(mean), rtol=1e-9, atol=1e-9)
            return
        theirs = oracle(ids, attention_mask=mask).logits
        ours = model.classify(ids, mask) if "num_classes" in heads else model(ids, mask)
    shown = mask.bool() if ours.ndim == 3 else slice(None)
    torch.testing.assert_close(ours[shown], theirs[shown], rtol=1e-9, atol=1e-9)


def test_what_a_row_is_filled_up_with_changes_nothing() -> None:
    model = tiny_dialogues.bert(num_classes=4, replies=True)
    ids, mask = rows(model)
    kind = torch.tensor([0, 1, 0])
    with torch.no_grad():
        for row, size in enumerate((9, 5, 1)):
            lone, whole = ids[row : row + 1, :size], torch.ones(1, size)
            torch.testing.assert_close(model(ids, mask)[row, :size], model(lone, whole)[0])
            torch.testing.assert_close(model.classify(ids, mask)[row], model.classify(lone, whole)[0])
            one = kind[row : row + 1]
            torch.testing.assert_close(model.embed(ids, mask, kind)[row], model.embed(lone, whole, one)[0])
        again = ids.clone()
        again[mask == 0] = 7
        torch.testing.assert_close(model(again, mask)[mask == 1], model(ids, mask)[mask == 1])


def test_a_message_and_a_reply_of_the_same_words_have_different_vectors() -> None:
    model = tiny_dialogues.bert(replies=True)
    ids, mask = rows(model, 2)
    with torch.no_grad():
        one, other = (model.embed(ids, mask, torch.full((2,), kind)) for kind in (0, 1))
    assert (one * other).sum(1).max() < 0.99


def test_a_head_that_a_config_has_not_is_neither_there_nor_asked() -> None:
    only = Bert(replace(TINY, num_classes=0, replies=False))
    assert [part.name for part in only.parts()] == ["masked"] and only.classifier is None
    ids, mask = rows(only)
    with pytest.raises(ValueError, match="num_classes=0"):
        only.classify(ids, mask)
    with pytest.raises(ValueError, match="masked=False"):
        Bert(replace(TINY, masked=False))(ids, mask)
    with pytest.raises(ValueError, match="no head"):
        BertConfig(masked=False)


def test_masks_fall_on_a_sixth_of_the_tokens_and_four_fifths_of_them_are_seen_as_masks() -> None:
    model = Bert(replace(TINY, vocab_size=500, context_length=64))
    ids = torch.from_numpy(Noise(1).integers_array(495, 400, 64)) + 5
    ids[:, 0], ids[:, 40] = 2, 3
    mask = (torch.arange(64) < 41).long().expand(400, 64)
    seen, told = model.corrupt(ids, mask, Noise(0))
    assert not told[:, [0, 40]].any() and not told[:, 41:].any(), "neither marks nor what rows are filled up with"
    share = told[:, 1:40].float().mean()
    assert abs(share - 0.15) < 0.01
    assert torch.equal(seen[~told], ids[~told])
    masks, same = (seen[told] == 4).float().mean(), (seen[told] == ids[told]).float().mean()
    assert abs(masks - 0.8) < 0.02 and abs(same - 0.1) < 0.02
    others = seen[told & (seen != 4) & (seen != ids)]
    assert others.min() >= 5 and len(others.unique()) > 100, "any other token, but no mark"


def test_masks_are_those_of_the_noise_whatever_rows_are_filled_up_to() -> None:
    model = Bert(TINY)
    ids = torch.full((6, 8), 9)
    first = model.corrupt(ids, torch.ones_like(ids), Noise(3))
    again = model.corrupt(ids, torch.ones_like(ids), Noise(3))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    longer = F.pad(ids, (0, 4))
    padded_too = model.corrupt(longer, (longer > 0).long(), Noise(3))
    assert all(torch.equal(a, b[:, :8]) for a, b in zip(first, padded_too, strict=True))
    halves = [model.corrupt(ids[:3], torch.ones(3, 8), Noise(3, rank=rank, world=2)) for rank in (0, 1)]
    assert torch.equal(torch.cat([half[0] for half in halves]), first[0]), "processes together see what one would"


def test_the_loss_is_that_of_the_masked_tokens_alone() -> None:
    model = tiny_dialogues.bert()
    ids = torch.from_numpy(Noise(2).integers_array(model.vocab_size - 5, 8, 20)) + 5
    batch = {"ids": ids, "mask": torch.ones_like(ids)}
    found = model.loss(batch, Noise(5))
    seen, told = model.corrupt(ids, batch["mask"], Noise(5))
    wanted = F.cross_entropy(model(seen, batch["mask"])[told], ids[told])
    torch.testing.assert_close(found["loss"], wanted)
    assert found["items"] == told.sum() > 0
    marks = torch.full((2, 4), 3)
    assert model.loss({"ids": marks, "mask": torch.ones(2, 4)}, Noise(5))["loss"] == 0, "nothing to be told is no NaN"


def test_each_message_is_to_find_its_own_reply_and_equal_replies_do_not_count() -> None:
    model = tiny_dialogues.bert(masked=False, replies=True)
    ids = torch.from_numpy(Noise(2).integers_array(model.vocab_size, 6, 8))
    replies = torch.from_numpy(Noise(6).integers_array(model.vocab_size, 6, 8))
    ones = torch.ones_like(ids)
    batch = {"ids": ids, "mask": ones, "reply_ids": replies, "reply_mask": ones}
    with torch.no_grad():
        given, answers = (model.embed(x, ones, torch.full((6,), kind)) for kind, x in enumerate((ids, replies)))
        scores = 20.0 * given @ answers.T
        wanted = (F.cross_entropy(scores, torch.arange(6)) + F.cross_entropy(scores.T, torch.arange(6))) / 2
        torch.testing.assert_close(model.contrast(batch), wanted)
        replies[3] = replies[1]
        answers[3] = answers[1]
        scores = 20.0 * given @ answers.T
        scores[1, 3] = scores[3, 1] = -math.inf
        wanted = (F.cross_entropy(scores, torch.arange(6)) + F.cross_entropy(scores.T, torch.arange(6))) / 2
        torch.testing.assert_close(model.contrast(batch), wanted)


def test_every_head_learns_what_it_is_shown() -> None:
    torch.manual_seed(0)
    from accelerate import Accelerator

    model = Bert(replace(TINY, num_classes=3, context_length=8, embedding_dim=32))
    update = SingleLoss(learning_rate=1e-2).prepare(model, Accelerator(cpu=True), 1.0)
    ids = torch.from_numpy(Noise(1).integers_array(59, 12, 8)) + 5
    replies, ones = torch.from_numpy(Noise(2).integers_array(59, 12, 8)) + 5, torch.ones(12, 8, dtype=torch.int64)
    batch = {"ids": ids, "mask": ones, "reply_ids": replies, "reply_mask": ones, "label": torch.arange(12) % 3}
    found = [{key: float(value) for key, value in update(batch, Noise(0, step)).items()} for step in range(100)]
    for head in ("masked", "classes", "replies"):
        before, after = (np.mean([one[head] for one in part]) for part in (found[:10], found[-10:]))
        assert after < 0.7 * before, head


# Beginning from another checkpoint


def test_a_preset_that_names_its_base_begins_with_its_weights_and_tokens(dialogue_zoo: Path, tmp_path: Path) -> None:
    base = checkpoint.load(dialogue_zoo / "bert.dialogue")
    for preset, new in (("topic", {"classifier"}), ("retrieval", set())):
        recipe = course("bert").presets[preset]
        assert recipe.base == "bert.dialogue" and not recipe.config.masked
        small = replace(recipe.config, **tiny_dialogues.BODY)
        sources = Sources()
        sources.begin_with("bert", recipe.base)
        run = Run(course("bert"), preset, tiny(recipe, small), tmp_path / preset, cpu=True, sources=sources)
        assert run.tokenizer.to_str() == tiny_dialogues.exchanges().tokenizer.to_str()
        ours = run.model.state_dict()
        for name, tensor in ours.items():
            assert name.split(".")[0] in new or torch.equal(tensor, base.model.state_dict()[name]), name
        assert run.train(stop_after=2) != 0 and run.progress["step"] == 2
    with pytest.raises(ValueError, match="a bert, not a gpt"):
        Sources().begin_with("gpt", "bert.dialogue")


# What it is asked


def test_blanks_are_filled_with_the_likeliest_words(dialogue_zoo: Path) -> None:
    found = masked.fill("bert.dialogue", "I ___ the [MASK] very much.", top=7)
    assert len(found.blanks) == 2 and all(len(blank) == 7 for blank in found.blanks)
    assert found.text == f"I {found.blanks[0][0].token} the {found.blanks[1][0].token} very much."
    tokenizer, model = tiny_dialogues.exchanges().tokenizer, checkpoint.load(dialogue_zoo / "bert.dialogue").model
    ids = torch.tensor([tokenizer.encode("I [MASK] the [MASK] very much.").ids])
    shares = model(ids, torch.ones_like(ids)).softmax(-1)[0]
    for blank, row in zip(found.blanks, (ids[0] == 4).nonzero().flatten(), strict=True):
        assert [c.probability for c in blank] == sorted((c.probability for c in blank), reverse=True)
        for candidate in blank:
            share = float(shares[row, tokenizer.token_to_id(candidate.token)])
            assert candidate.probability == pytest.approx(share, rel=1e-3)
            assert not candidate.token.startswith(("##", "["))
    assert [len(blank) for blank in masked.fill("bert.dialogue", "你喜＿听（）吗？", top=1).blanks] == [1, 1]
    record = found.source.record
    assert (record.operation, record.parameters) == ("text.fill", {"text": "I ___ the [MASK] very much.", "top": 7})


def test_rude_words_are_no_candidates(dialogue_zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    best = masked.fill("bert.dialogue", "I ___ it", top=3).blanks[0]
    monkeypatch.setattr(masked, "is_rude", lambda text: text == best[0].token)
    assert masked.fill("bert.dialogue", "I ___ it", top=2).blanks[0] == best[1:]


def test_topics_come_with_their_probabilities(dialogue_zoo: Path) -> None:
    found = masked.classify("bert.topic", "Who directed the new “Batman”?")
    assert {label for label, _ in found.classes} == set(TOPICS)
    assert sum(share for _, share in found.classes) == pytest.approx(1) and found.classes[0][1] > 1 / len(TOPICS)
    assert [share for _, share in found.classes] == sorted((share for _, share in found.classes), reverse=True)
    assert found.source.record.parameters == {"text": 'Who directed the new "Batman"?'}


def test_what_cannot_be_filled_or_told_is_refused_in_words(dialogue_zoo: Path) -> None:
    for text, why in (
        ("", "empty"), ("no blanks here", "0 blanks"), ("___ " * 9, "9 blanks"), ("x" * 601, "601 characters"),
        ("Я люблю ___", "has learnt English"), ("word " * 40 + "___", "tokens"), (None, "empty"), (3, "must be text"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=why):
            masked.fill("bert.dialogue", text)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="candidates"):
        masked.fill("bert.dialogue", "a ___", top=0)
    for text, why in (("", "empty"), ("こんにちは", "has learnt English"), ("word " * 60, "tokens")):
        with pytest.raises(InputError, match=why):
            masked.classify("bert.topic", text)
    with pytest.raises(InputError, match=r"no checkpoint for fill-mask is named 'bert\.topic'.*bert\.dialogue"):
        masked.fill("bert.topic", "a ___")
    with pytest.raises(InputError, match=r"no checkpoint for text-classification is named.*bert\.topic"):
        masked.classify("bert.dialogue", "a")


def test_checkpoints_are_offered_for_what_their_heads_do(dialogue_zoo: Path) -> None:
    assert library.choices(entry.FILL_MASK) == ["bert.dialogue"]
    assert library.choices(entry.TEXT_CLASSIFICATION) == ["bert.topic"]
    assert library.choices(entry.RETRIEVAL) == ["bert.retrieval"]
    assert {row["name"]: row["task"] for row in library.table()}["bert.topic"] == entry.TEXT_CLASSIFICATION


def test_a_checkpoint_is_measured_by_the_heads_that_it_has() -> None:
    heads = {"masked perplexity": {}, "accuracy": {"masked": False, "num_classes": 6}}
    for name, given in heads.items():
        config = SimpleNamespace(context_length=32, num_classes=given.get("num_classes", 0), replies=False)
        data = load("dialogue", "test", config, sample=True, tokenizer=tiny_dialogues.exchanges().tokenizer)
        subject = verify.Subject("bert", tiny_dialogues.bert(**given), "dialogue", data.tokenizer, sample=True)  # type: ignore[attr-defined]
        names = {figure.name for figure in verify.measure(subject, data, verify.QUICK)}
        assert name in names and not names & (set(heads) - {name})


def test_a_graph_answers_as_the_module_does(dialogue_zoo: Path, tmp_path: Path) -> None:
    shutil.copytree(dialogue_zoo / "bert.topic", tmp_path / "bert.topic")
    write_graphs(tmp_path / "bert.topic")
    found = checkpoint.load(tmp_path / "bert.topic")
    graphs, modules = Graphs(tmp_path / "bert.topic", found.sha256), Modules(found.model)
    for text in TEXTS:
        both = (masked.told(network, tiny_dialogues.exchanges().tokenizer, text) for network in (graphs, modules))
        np.testing.assert_allclose(*both, rtol=1e-4, atol=1e-6)


# Measures


def measured(measure: Any, model: Any, data: Any) -> dict[str, verify.Figure]:
    subject = verify.Subject("bert", model, "dialogue", data.tokenizer, sample=True)
    with torch.no_grad():
        return {figure.name: figure for figure in measure(subject, data, verify.QUICK, lambda: None)}


def test_masked_tokens_are_measured_beside_their_frequency() -> None:
    data = tiny_dialogues.exchanges("test")
    size = data.tokenizer.get_vocab_size()
    model = tiny_dialogues.bert()
    with torch.no_grad():  # a model that gives every token the same chance
        model.tokens.weight.zero_()
        model.masked_head.bias.zero_()
    found = measured(masked_tokens, model, data)
    assert found["masked perplexity"].value == pytest.approx(size, rel=1e-3)
    assert 1 < found["perplexity by frequency"].value < size
    assert measured(masked_tokens, model, data) == found


def test_topics_are_measured_beside_the_commonest() -> None:
    config = SimpleNamespace(context_length=32, num_classes=len(TOPICS), replies=False)
    data = load("dialogue", "test", config, sample=True, tokenizer=tiny_dialogues.exchanges().tokenizer)
    model = tiny_dialogues.bert(masked=False, num_classes=len(TOPICS))
    labels = data.targets[: verify.QUICK.rows]  # type: ignore[attr-defined]
    with torch.no_grad():  # one that always says the same
        model.classifier.classes.weight.zero_()
        model.classifier.classes.bias.copy_(F.one_hot(torch.tensor(np.bincount(labels).argmax()), len(TOPICS)) * 9.0)
    found = measured(topics, model, data)
    assert found["accuracy"].value == found["commonest topic"].value == np.bincount(labels).max() / len(labels)
    assert found["accuracy of 5 turns"].samples == sum(
        count // 5
        for count in np.unique(data.numbers[: len(labels)], return_counts=True)[1]  # type: ignore[attr-defined]
    )


def test_replies_are_ranked_among_a_hundred_and_ties_count_against() -> None:
    scores = np.array([[3.0, 1, 2], [5, 5, 0], [9, 8, 7]])
    assert ranks_of(scores).tolist() == [0, 1, 2]
    blocks = list(_blocks(["en"] * 230 + ["zh"] * 120))
    assert [len(block) for block in blocks] == [100] * 3 and len(set(np.concatenate(blocks).tolist())) == 300
    assert (np.concatenate(blocks[:2]) < 230).all(), "one language as far as may be"
    data = tiny_dialogues.exchanges("test")
    found = measured(found_replies, tiny_dialogues.bert(masked=False, replies=True), data)
    for name in ("recall@1", "recall@10", "recall@1 by TF-IDF", "recall@10 by TF-IDF"):
        assert 0 <= found[name].value <= 1
    assert found["recall@10"].value < 0.5, "an untrained model is near to chance"
    assert found["recall@10 by TF-IDF"].value > 0.1, "words in common are better than chance"


# Other libraries

OPEN = """
import json, sys
import torch
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSequenceClassification
from transformers import AutoTokenizer, pipeline
texts, blanks = json.loads(sys.argv[1])
found = {}
for name, kind in (("bert.dialogue", AutoModelForMaskedLM), ("bert.topic", AutoModelForSequenceClassification)):
    model, loading = kind.from_pretrained(name, output_loading_info=True)
    tokenizer = AutoTokenizer.from_pretrained(name)
    given = tokenizer(texts, return_tensors="pt", padding=True)
    with torch.no_grad():
        logits = model(input_ids=given["input_ids"], attention_mask=given["attention_mask"]).logits
    found[name] = {
        "class": type(model).__name__, "loading": {k: len(v) for k, v in loading.items()},
        "ids": given["input_ids"].tolist(), "logits": logits.tolist(), "dtype": str(model.dtype),
    }
found["fill"] = pipeline("fill-mask", "bert.dialogue", top_k=5)(blanks)
found["classes"] = pipeline("text-classification", "bert.topic", top_k=None)(texts)
model = AutoModel.from_pretrained("bert.retrieval", add_pooling_layer=False)
tokenizer = AutoTokenizer.from_pretrained("bert.retrieval")
given = tokenizer(texts, return_tensors="pt", padding=True)
mask = given["attention_mask"]
found["vectors"] = []
for kind in (0, 1):
    with torch.no_grad():
        states = model(input_ids=given["input_ids"], attention_mask=mask, token_type_ids=torch.full_like(mask, kind))[0]
    mean = (states * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
    found["vectors"].append(torch.nn.functional.normalize(mean).tolist())
chat = pipeline("text-generation", "gpt.dialogue")
messages = [{"role": "user", "content": texts[0]}]
found["prompt"] = chat.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
torch.manual_seed(0)
found["answer"] = chat(messages, max_new_tokens=12)[0]["generated_text"][-1]
written = []
for _ in range(6):
    ids = chat.tokenizer(found["prompt"], return_tensors="pt")["input_ids"]
    written.append(chat.model.generate(ids, max_new_tokens=30)[0, ids.shape[1]:].tolist())
found["written"] = written
print(json.dumps(found))
"""


def test_transformers_alone_opens_every_form_and_gives_what_we_give(dialogues: Path, tmp_path: Path) -> None:
    for name in (*tiny_dialogues.HEADS, "gpt.dialogue"):
        export.export(dialogues / name, "transformers", tmp_path / name)
    assert (tmp_path / "bert.retrieval" / REPLIES).read_bytes() == (dialogues / "bert.retrieval" / REPLIES).read_bytes()
    blanks = ["I [MASK] the Beatles!", "你喜[MASK]看电影吗？"]
    there = json.loads(alone.run(OPEN, tmp_path, json.dumps([list(TEXTS), blanks])).splitlines()[-1])
    tokenizer = tiny_dialogues.exchanges().tokenizer
    ids, mask = map(torch.from_numpy, padded([tokenizer.encode(text).ids for text in TEXTS], 32))
    for name, kind in (("bert.dialogue", "BertForMaskedLM"), ("bert.topic", "BertForSequenceClassification")):
        opened = there[name]
        assert opened["class"] == kind and opened["dtype"] == "torch.float32"
        assert not any(opened["loading"].values()), "no tensor is missing, left over or of another shape"
        model, size = checkpoint.load(dialogues / name).model, len(opened["ids"][0])
        assert torch.equal(torch.tensor(opened["ids"]), ids[:, :size])
        logits = model.classify(ids, mask) if name == "bert.topic" else model(ids, mask)[:, :size]
        seen = mask[:, :size].bool() if logits.ndim == 3 else slice(None)
        torch.testing.assert_close(torch.tensor(opened["logits"])[seen], logits[seen], rtol=NEAR, atol=NEAR)
    for blank, filled in zip(blanks, there["fill"], strict=True):
        (ours,) = masked.filled(Modules(checkpoint.load(dialogues / "bert.dialogue").model), tokenizer, blank, 50)
        shares = dict(ours)
        known = {one["token_str"]: one["score"] for one in filled if one["token_str"] in shares}
        assert len(known) > 1 and known == pytest.approx({token: shares[token] for token in known}, rel=1e-4)
    for text, classes in zip(TEXTS, there["classes"], strict=True):
        found = checkpoint.load(dialogues / "bert.topic")
        shares = dict(zip(found.labels, masked.told(Modules(found.model), tokenizer, text), strict=True))
        assert {one["label"]: one["score"] for one in classes} == pytest.approx(shares, rel=1e-4)
    network = Modules(checkpoint.load(dialogues / "bert.retrieval").model)
    for kind, vectors in enumerate(there["vectors"]):
        np.testing.assert_allclose(vectors, vectors_of(network, tokenizer, list(TEXTS), kind), atol=NEAR)
    chat = tiny_dialogues.chat_tokenizer()
    assert there["prompt"] == f"{USER}{TEXTS[0]}{BOT}" and there["answer"]["role"] == "assistant"
    marks = {chat.token_to_id(mark) for mark in (USER, BOT, END)}
    for written in there["written"]:
        assert not marks & set(written[:-1]), "it ends with the turn"
        assert chat.token_to_id("<unk>") not in written
