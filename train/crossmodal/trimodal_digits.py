"""Recipes of the joint model of digits."""

from train.algorithms.single_loss import SingleLoss
from train.recipe import Recipe, tiny
from zoo.models.crossmodal.trimodal_digits import ENTRY, TrimodalDigitsConfig

_DIGITS = Recipe(
    config=TrimodalDigitsConfig(),
    algorithm=SingleLoss(learning_rate=2e-3, weight_decay=0.0),
    dataset="trimodal_digits",
    metric="conditional coherence",
    better="higher",
    steps=5000,
    batch_size=128,
    clip_norm=300.0,  # the loss is a sum over pixels and magnitudes
    precision="auto",
    evaluate_every=1000,
    save_every=250,
    weights="int8",
)
PRESETS = {
    "digits": _DIGITS,
    "tiny": tiny(_DIGITS, ENTRY.tiny),
}
