"""The inception score, with the zoo's own pinned judges in the place of the Inception network.

Salimans, Goodfellow, Zaremba, Cheung, Radford and Chen, "Improved techniques for training GANs", NeurIPS 2016. It
rises as each picture is surely of one class and as all classes come up alike, from 1 to the number of classes; it sees
no variety within a class. Departure: one score of all pictures, where the paper has the mean of ten parts.
"""

from __future__ import annotations

import numpy as np


def inception_score(log_probabilities: np.ndarray) -> float:
    """exp of the mean of KL(p(class | picture) || p(class)): log p(class | picture), natural, (n, classes)."""
    given = log_probabilities.astype(np.float64)
    share = np.exp(given)
    marginal = share.mean(0)
    everywhere = np.log(np.maximum(marginal, np.finfo(np.float64).tiny))
    terms = np.where(share > 0, share * (np.maximum(given, -1e3) - everywhere), 0.0)  # 0 log 0 is 0
    return float(np.exp(terms.sum(1).mean()))
