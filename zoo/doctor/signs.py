"""What the doctor looks for, and the numbers that decide. docs/doctor.md says where each threshold comes from."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from zoo.doctor.log import Curve, Log, Unmeasured

PATIENT = 300
"""Steps before which a run is not judged, but for numbers that are not finite: every run begins badly."""
TAIL = 0.5
"""Share of the steps, the last ones, over which a state must last: what heals itself is no fault."""
EXPLODED = 100.0
"""Gradient norm, in multiples of its first value and its median before, or of the bound that it is clipped at; and
|gradient| / |weight| of even the weakest tensor."""
RUINED = 10.0
"""Loss, in multiples of its first value, that nothing but too large steps reaches."""
VANISHED = 1e-7
"""|gradient| / |weight| of the weakest tensor: under float32's rounding (1.2e-7), a plain step changes no weight."""
CERTAIN, UNCERTAIN = 0.98, 0.02
"""Scores of real and of generated pictures beyond which the discriminator is never wrong."""
AHEAD, BEHIND = 0.90, 0.05
"""Real score - fake score: all but certain, and as good as blind."""
CLASSES = 0.5
"""Share of the judge's classes that a generator must reach."""
VARIETY = 0.5
"""Spread within classes, in multiples of that of real pictures."""
COPIES = 0.1
"""Share of generated pictures with a near-copy among 2,000."""
CODE = 2.0
"""Nats that a code must carry: e^2, or seven, kinds of picture can be told apart by it."""
USED = 0.01
"""Nats from which a dimension of the code counts as used (Burda et al., 2016, count by a variance of 0.01)."""
TURNED = 0.05
"""Rise of the validation loss over its best, as a share of the best and of what was gained until then."""
SCARCE, PASSES = 1000, 20
"""Samples that are few, and passes over them that are many."""
KNOWN = 0.75
"""Real score - fake score of a discriminator that has come to know its few samples."""
APART = 0.25
"""Validation loss over training loss, less 1, from which few samples are known better than understood."""
UNLEARNT = 0.05
"""Fall of the training loss, as a share of its first value, under which nothing was learnt."""
CHANCE = 1.5
"""Agreement with the classes asked for, in multiples of guessing, up to which a generator has learnt none."""
GAINING = 0.05
"""Share of the whole gain that the last quarter of the run brought: worth going on for."""
LOSSES = ("loss", "cross-entropy", "negative ELBO", "negative log-likelihood", "bits a sample", "perplexity")
"""Validation figures that fall and rise with the training loss."""
SAME_AS_LOSS = ("loss", "cross-entropy", "negative ELBO")
"""Those of them that are the training loss itself."""


@dataclass(frozen=True)
class Sign:
    """What a check found, before it is put into words: `zoo.doctor.words` has the words under `key`."""

    key: str
    facts: dict[str, Any]
    curves: tuple[str, ...]
    step: int | None = None
    """Where it began or showed most."""
    limits: dict[str, float] = field(default_factory=dict)
    """Thresholds, by curve."""
    level: Literal["alarm", "note"] = "alarm"


def _grown(log: Log) -> None:
    """Raise Unmeasured for a run that is too young to be judged."""
    if log.step < PATIENT:
        raise Unmeasured(f"step {log.step} < {PATIENT}")


def non_finite(log: Log) -> Sign | None:
    """NaN or infinity, wherever it showed."""
    events = [event for event in log.events if event.get("event") == "nonfinite"]
    if not events and not log.broken:
        return None
    if events:
        first, batch = events[0], events[0].get("batch") or []
        rows = ", ".join(str(row) for row in batch[:8]) + (", ..." if len(batch) > 8 else "")
        facts = {"step": first["step"], "where": first.get("where", "?"), "rows": rows or "?", "times": len(events)}
        return Sign("non-finite/event", facts, _present(log, "loss", "gradient_norm"), first["step"])
    step, name = log.broken[0]
    facts = {"step": step, "where": name, "times": len(log.broken)}
    return Sign("non-finite/figure", facts, _present(log, "loss", "gradient_norm"), step)


def exploding_gradients(log: Log) -> Sign | None:
    """Gradients a hundred times what they were, are clipped at, or the weights; or a loss that they have ruined."""
    _grown(log)
    norms = [log.curve("gradient_norm")]
    norms += [log.curves[name] for name in ("discriminator_gradient_norm",) if name in log.curves]
    clip = log.option("clip_norm") or 0.0
    for norm in norms:
        before = sorted(norm.values[:3])  # kept in order: a median afresh at each step takes minutes on a long log
        for i in range(3, len(norm.values)):
            usual = max(norm.values[0], (before[len(before) // 2] + before[~(len(before) // 2)]) / 2)
            insort(before, norm.values[i])
            if usual > 0 and norm.values[i] >= EXPLODED * usual:
                facts = {"curve": norm.name, "step": norm.steps[i], "norm": norm.values[i], "usual": usual}
                facts["times"] = norm.values[i] / usual
                return Sign("exploding-gradients/rise", facts, (norm.name, "loss"), norm.steps[i],
                            {norm.name: EXPLODED * usual})  # fmt: skip
        late = norm.last(TAIL).median
        if clip and late >= EXPLODED * clip:
            facts = {"curve": norm.name, "norm": late, "clip": clip, "times": late / clip}
            return Sign("exploding-gradients/clip", facts, (norm.name, "loss"), limits={norm.name: EXPLODED * clip})
    weakest = log.curves.get("weakest_gradient")
    if weakest and max(weakest.values) >= EXPLODED:
        worst = max(range(len(weakest.values)), key=weakest.values.__getitem__)
        facts = {"times": weakest.values[worst], "step": weakest.steps[worst]}
        return Sign("exploding-gradients/weights", facts, (weakest.name, norms[0].name, "loss"), weakest.steps[worst],
                    {weakest.name: EXPLODED})  # fmt: skip
    if log.adversarial:
        return None
    loss = log.curve("loss")
    worst = max(range(len(loss.values)), key=loss.values.__getitem__)
    if loss.values[0] > 0 and loss.values[worst] >= RUINED * loss.values[0]:
        facts = {"loss": loss.values[worst], "step": loss.steps[worst], "first": loss.values[0]}
        return Sign("exploding-gradients/loss", facts, ("loss", norms[0].name), loss.steps[worst],
                    {"loss": RUINED * loss.values[0]})  # fmt: skip
    return None


def vanishing_gradients(log: Log) -> Sign | None:
    """A tensor of weights to which no gradient comes back, in the second half of the run."""
    _grown(log)
    for name in ("weakest_gradient", "discriminator_weakest_gradient"):
        if name not in log.curves and name != "weakest_gradient":
            continue
        curve = log.curve(name)
        late = curve.last(TAIL).median
        if late < VANISHED:
            facts = {"curve": name, "late": late, "first": curve.values[0], "limit": VANISHED}
            return Sign(
                "vanishing-gradients", facts, (name, "gradient_norm"), _since(curve, VANISHED), {name: VANISHED}
            )
    return None


def discriminator_saturation(log: Log) -> Sign | None:
    """A discriminator that is never wrong teaches nothing."""
    real, fake = _scores(log)
    if real.last(TAIL).median < CERTAIN or fake.last(TAIL).median > UNCERTAIN:
        return None
    facts = {"real": real.last(TAIL).median, "fake": fake.last(TAIL).median}
    facts["loss"] = log.curve("discriminator_loss").last(TAIL).median
    limits = {"real_score": CERTAIN, "fake_score": UNCERTAIN}
    return Sign("discriminator-saturation", facts, ("real_score", "fake_score", "loss"), None, limits)


def discriminator_ahead(log: Log) -> Sign | None:
    """A discriminator that is nearly always right, short of saturation."""
    gap, facts = _gap(log)
    if gap < AHEAD or discriminator_saturation(log) is not None:
        return None
    return Sign("discriminator-ahead", facts, ("real_score", "fake_score", "loss"))


def generator_ahead(log: Log) -> Sign | None:
    """A discriminator that cannot tell real from generated: what it says to the generator is noise."""
    gap, facts = _gap(log)
    return Sign("generator-ahead", facts, ("real_score", "fake_score", "loss")) if gap <= BEHIND else None


def mode_collapse(log: Log) -> Sign | None:
    """Few classes, little variety within them, or copies, at the last evaluation."""
    _grown(log)
    names = [f"validation/{name}" for name in ("classes seen", "variety", "duplicates")]
    found = {name: log.curves[name] for name in names if name in log.curves}
    if not found:
        raise Unmeasured(", ".join(names))
    classes, variety, copies = (found[name].values[-1] if name in found else None for name in names)
    every = _judged_classes(log)
    limits = {}
    if classes is not None and every and classes <= CLASSES * every and not _by_chance(log):
        limits[names[0]] = CLASSES * every
    if variety is not None and variety < VARIETY:
        limits[names[1]] = VARIETY
    if copies is not None and copies > COPIES:
        limits[names[2]] = COPIES
    if not limits:
        return None
    facts = {"classes": classes, "every": every, "variety": variety, "copies": copies}
    curves = tuple(limits) + tuple(name for name in found if name not in limits)
    return Sign("mode-collapse", facts, curves, found[curves[0]].steps[-1], limits)


def posterior_collapse(log: Log) -> Sign | None:
    """A code that carries next to nothing: the decoder writes without it."""
    _grown(log)
    name = "validation/KL per dimension"
    if name in log.lists:
        step, spectrum = log.lists[name]
        total = sum(spectrum)
        facts = {"total": total, "used": sum(kl >= USED for kl in spectrum), "every": len(spectrum), "step": step}
        if total >= CODE:
            return None
        return Sign(
            "posterior-collapse/list", facts, (name, *_present(log, "kl", "reconstruction")), None, {"kl": CODE}
        )
    late = log.curve("kl").last(TAIL).median
    if late >= CODE:
        return None
    return Sign("posterior-collapse/sum", {"total": late}, ("kl", *_present(log, "reconstruction")), None, {"kl": CODE})


def over_fitting(log: Log) -> Sign | None:
    """Validation turned for the worse while the training loss went on falling."""
    _grown(log)
    if log.adversarial:
        raise Unmeasured("validation/loss")  # a pair's losses tell how the two compare, not how well they do
    curve, best = _validation(log)
    loss = log.curve("loss")
    i = curve.steps.index(best)
    top, last = curve.values[i], Curve(curve.name, curve.steps[-2:], curve.values[-2:]).median
    gained = curve.values[0] - top
    if len(curve.steps) - 1 - i < 2 or last - top < TURNED * max(abs(top), gained):
        return None
    before, after = _around(loss, best), loss.last(0.1).median
    if after >= before:
        return None
    facts = {"curve": curve.name, "best": top, "step": best, "last": last, "before": before, "after": after}
    facts["rise"] = (last - top) / abs(top)
    return Sign("over-fitting", facts, (curve.name, "loss"), best, {curve.name: top + TURNED * max(abs(top), gained)})


def too_little_data(log: Log) -> Sign | None:
    """Few samples, seen so often that they are known by heart."""
    _grown(log)
    samples = log.number("samples")
    seen = log.step * log.number("batch_size") * (log.option("accumulation") or 1)
    passes = seen / samples
    if samples >= SCARCE or passes < PASSES:
        return None
    facts = {"samples": int(samples), "passes": passes}
    if log.adversarial:
        gap, scores = _gap(log)
        if gap < KNOWN:
            return None
        return Sign("too-little-data/pair", facts | scores, ("real_score", "fake_score"))
    turned = over_fitting(log)
    if turned is None:
        return _wide_gap(log, facts)
    return Sign("too-little-data/turn", turned.facts | facts, turned.curves, turned.step, turned.limits)


def _wide_gap(log: Log, facts: dict[str, Any]) -> Sign | None:
    """The validation loss far over the training loss, where the two are the same figure."""
    name = next((f"validation/{name}" for name in SAME_AS_LOSS if f"validation/{name}" in log.curves), "")
    if not name:
        return None
    unseen, seen = log.curves[name].values[-1], log.curve("loss").last(0.1).median
    if seen <= 0 or unseen < (1 + APART) * seen:
        return None
    facts = facts | {"curve": name, "unseen": unseen, "seen": seen}
    return Sign("too-little-data/gap", facts, (name, "loss"), None, {name: (1 + APART) * seen})


def not_learning(log: Log) -> Sign | None:
    """A training loss that stays where it began; for a pair, pictures that the judge reads no better than by chance."""
    _grown(log)
    if log.adversarial:
        name, classes = "validation/judge agreement", log.option("num_classes")
        if not classes:
            raise Unmeasured(name)
        best = max(log.curve(name, 1).values)
        if not _by_chance(log):
            return None
        return Sign(
            "not-learning/pair", {"best": best, "chance": 1 / classes}, (name, "loss"), None, {name: CHANCE / classes}
        )
    loss = log.curve("loss")
    fallen = (loss.values[0] - loss.last(0.25).median) / abs(loss.values[0])
    if fallen >= UNLEARNT:
        return None
    facts = {"first": loss.values[0], "late": loss.last(0.25).median, "fallen": fallen, "step": log.step}
    level: Literal["alarm", "note"] = "note" if log.run.get("from") else "alarm"  # fine-tuning starts from a low loss
    return Sign(
        "not-learning", facts, ("loss", "gradient_norm"), None, {"loss": loss.values[0] * (1 - UNLEARNT)}, level
    )


def still_improving(log: Log) -> Sign | None:
    """The best metric is the last, and the last quarter of the steps brought much of it."""
    _grown(log)
    metric = log.run.get("metric")
    curve = log.curve(f"validation/{metric}", 4)
    sign = -1.0 if log.run.get("better") == "higher" else 1.0
    values = [sign * value for value in curve.values]
    if min(values) != values[-1]:
        return None
    quarter = len(values) - len(curve.last(0.25).values)  # the last evaluation before the last quarter began
    before, gain = values[max(0, quarter - 1)], max(values) - values[-1]
    if gain <= 0 or before - values[-1] < GAINING * gain:
        return None
    facts = {"curve": curve.name, "last": curve.values[-1], "before": sign * before, "step": curve.steps[-1]}
    facts["share"] = (before - values[-1]) / gain
    return Sign("still-improving", facts, (curve.name, "loss"), None, {}, "note")


CHECKS: dict[str, Callable[[Log], Sign | None]] = {
    "non-finite": non_finite,
    "exploding-gradients": exploding_gradients,
    "vanishing-gradients": vanishing_gradients,
    "too-little-data": too_little_data,
    "discriminator-saturation": discriminator_saturation,
    "discriminator-ahead": discriminator_ahead,
    "generator-ahead": generator_ahead,
    "posterior-collapse": posterior_collapse,
    "mode-collapse": mode_collapse,
    "over-fitting": over_fitting,
    "not-learning": not_learning,
    "still-improving": still_improving,
}
"""Every check by the fault that it looks for, causes before what they bring about."""
BROUGHT_ABOUT_BY: dict[str, tuple[str, ...]] = {
    "exploding-gradients": ("non-finite",),
    "vanishing-gradients": ("non-finite", "exploding-gradients"),
    "discriminator-saturation": ("vanishing-gradients", "too-little-data"),
    "discriminator-ahead": ("vanishing-gradients", "too-little-data"),
    "posterior-collapse": ("exploding-gradients", "vanishing-gradients"),
    "mode-collapse": (
        "exploding-gradients",
        "vanishing-gradients",
        "too-little-data",
        "discriminator-saturation",
        "discriminator-ahead",
        "generator-ahead",
        "posterior-collapse",
    ),
    "over-fitting": ("too-little-data", "exploding-gradients"),
    "not-learning": (
        "non-finite",
        "exploding-gradients",
        "vanishing-gradients",
        "discriminator-saturation",
        "discriminator-ahead",
        "generator-ahead",
        "posterior-collapse",
        "mode-collapse",
    ),
}
"""A fault whose cause has been found too is told as a note that names the cause."""


def _present(log: Log, *names: str) -> tuple[str, ...]:
    return tuple(name for name in names if name in log.curves)


def _since(curve: Curve, limit: float) -> int:
    """The step from which on the curve stays under the limit, or its last."""
    step = curve.steps[-1]
    for s, value in zip(reversed(curve.steps), reversed(curve.values), strict=True):
        if value >= limit:
            break
        step = s
    return step


def _scores(log: Log) -> tuple[Curve, Curve]:
    _grown(log)
    return log.curve("real_score"), log.curve("fake_score")


def _gap(log: Log) -> tuple[float, dict[str, Any]]:
    real, fake = _scores(log)
    facts = {"real": real.last(TAIL).median, "fake": fake.last(TAIL).median}
    return facts["real"] - facts["fake"], facts


def _judged_classes(log: Log) -> int | None:
    """How many classes the judge of the run's data knows, or the model where it has classes; None for neither."""
    from zoo import checkpoint, hub
    from zoo.metrics.judges import judge_of

    if classes := log.option("num_classes"):
        return int(classes)
    judge = judge_of(str(log.run.get("dataset")))
    path = hub.PRETRAINED / judge.name / "config.json" if judge else None
    return len(checkpoint.read_json(path)["labels"]) if path and path.is_file() else None


def _by_chance(log: Log) -> bool:
    """Whether the judge never agreed with the classes asked for in more than 1.5 times chance: it saw no classes."""
    classes, agreement = log.option("num_classes"), log.curves.get("validation/judge agreement")
    return bool(classes) and agreement is not None and max(agreement.values) <= CHANCE / classes


def _validation(log: Log) -> tuple[Curve, int]:
    """The validation loss, and the step at which it was best."""
    for name in LOSSES:
        if f"validation/{name}" in log.curves:
            curve = log.curve(f"validation/{name}", 4)
            return curve, curve.steps[min(range(len(curve.values)), key=curve.values.__getitem__)]
    raise Unmeasured("validation/loss")


def _around(curve: Curve, step: int) -> float:
    """The median of the three points nearest to `step`."""
    nearest = sorted(zip(curve.steps, curve.values, strict=True), key=lambda point: abs(point[0] - step))[:3]
    return sorted(value for _, value in nearest)[len(nearest) // 2] if nearest else math.nan
