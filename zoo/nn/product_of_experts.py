"""What several Gaussian experts say together: their product, of arrays or of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def product_of_experts(means: Sequence[Any], precisions: Sequence[Any]) -> tuple[Any, Any]:
    """Means and precisions (one over the variance), each of one shape -> those of the normalised product.

    An expert of precision 0 says nothing; not all may be silent. Hinton, "Training products of experts by minimizing
    contrastive divergence", 2002; of Gaussians Cao and Fleet, 2014.
    """
    precision: Any = sum(precisions)
    weighted: Any = sum(mean * one for mean, one in zip(means, precisions, strict=True))
    return weighted / precision, precision
