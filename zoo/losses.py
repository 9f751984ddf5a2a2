"""Losses that two or more models use. All take logits and return nats, but for the least squares: scores, and none."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """-log D(x) - log(1 - D(G(z))) from logits (n,), averaged (Goodfellow et al., 2014, equation 1)."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def non_saturating_loss(fake: Tensor) -> Tensor:
    """The generator's -log D(G(z)) from logits (n,), averaged (ibid., section 3)."""
    return F.softplus(-fake).mean()


def minimax_loss(fake: Tensor) -> Tensor:
    """The generator's log(1 - D(G(z))) from logits (n,), averaged (ibid., equation 1): flat where D is certain."""
    return -F.softplus(fake).mean()


def least_squares_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Half of (D(x) - 1)^2 + D(G(z))^2 from scores of any one shape each, averaged (Mao et al., 2017, equation 9)."""
    return 0.5 * ((real.float() - 1.0).square().mean() + fake.float().square().mean())


def least_squares_generator_loss(fake: Tensor) -> Tensor:
    """The generator's (D(G(z)) - 1)^2 from scores of any shape, averaged (Zhu et al., 2017, section 4)."""
    return (fake.float() - 1.0).square().mean()


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, exp(log_variance)) || N(0, 1)), summed over the last axis: (n, d) -> (n,) in nats.

    Kingma and Welling, "Auto-encoding variational Bayes", 2014, appendix B.
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).sum(-1)


def gaussian_divergence(mean: Tensor, log_variance: Tensor, other_mean: Tensor, other_log_variance: Tensor) -> Tensor:
    """KL of a normal from another, N(mean, exp(log_variance)) || N(other...), over the last axis: (n, d) -> (n,)."""
    apart = (log_variance.exp() + (mean - other_mean).square()) * (-other_log_variance).exp()
    return 0.5 * (apart - 1.0 + other_log_variance - log_variance).sum(-1)
