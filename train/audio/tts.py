"""Recipes of text to speech."""

from train.algorithms.single_loss import SingleLoss
from train.recipe import Recipe, tiny
from zoo.models.audio.tts import ENTRY, TTSConfig

_TELEPHONE = Recipe(
    config=TTSConfig(),
    algorithm=SingleLoss(learning_rate=1e-3, weight_decay=0.01),
    dataset="telephone_prompts",
    metric="flow error",
    keep="last",  # understood best when the error on unseen frames has long been rising
    steps=6000,
    batch_size=16,
    precision="auto",
    ema_decay=0.998,
    warmup=200,
    evaluate_every=500,
    save_every=250,
    weights="int8",
)
PRESETS = {
    "telephone": _TELEPHONE,
    "tiny": tiny(_TELEPHONE, ENTRY.tiny),
}
