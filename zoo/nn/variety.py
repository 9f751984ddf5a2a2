"""How varied a batch is, as a feature of each sample: a discriminator that sees it notices a generator's collapse."""

from __future__ import annotations

from torch import Tensor

GROUP = 4
"""Samples over which the standard deviation is taken."""


def variety(x: Tensor) -> Tensor:
    """The standard deviation within groups of four samples, averaged over channels and places: a map for each sample.

    (n, c, h, w) -> (n, 1, h, w); one group where n is no multiple of four. Karras et al., "Progressive growing of
    GANs", ICLR 2018, section 3.
    """
    n = len(x)
    size = GROUP if n % GROUP == 0 else n
    groups = x.float().view(size, n // size, *x.shape[1:])
    found = (groups.var(0, correction=0) + 1e-8).sqrt().mean((1, 2, 3))  # a number for each group
    return found.repeat(size).view(n, 1, 1, 1).expand(-1, -1, *x.shape[2:]).to(x.dtype)
