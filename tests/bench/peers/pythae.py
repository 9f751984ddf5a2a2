"""The trainer and the dense VAE of pythae 0.1.2 (clementchadebec/benchmark_VAE), told again in our own words.

Kept: 784 -> 512 -> (mean, log-variance) of 10 and 10 -> 512 -> 784 with ReLU and a sigmoid; binary cross-entropy plus
KL; a data set that hands out one picture at a time, collated by a shuffling DataLoader without workers; Adam(1e-4),
neither fused nor scheduled; the loss read, added up and compared with itself after each batch; the progress bar's
update and the callbacks around it.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

LATENT = 10


class DenseVAE(nn.Module):
    """Pictures in [0, 1] -> loss."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, 512), nn.ReLU())
        self.embedding, self.log_var = nn.Linear(512, LATENT), nn.Linear(512, LATENT)
        self.decoder = nn.Sequential(nn.Linear(LATENT, 512), nn.ReLU(), nn.Linear(512, 784), nn.Sigmoid())

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Pictures (n, 1, 28, 28) under data -> loss and its parts, the reconstruction and the code."""
        x = inputs["data"]
        hidden = self.encoder(x.reshape(-1, 784))
        mean, log_var = self.embedding(hidden), self.log_var(hidden)
        std = torch.exp(0.5 * log_var)
        z = mean + torch.randn_like(std) * std
        recon = self.decoder(z).reshape(x.shape)
        recon_loss = F.binary_cross_entropy(recon.reshape(len(x), -1), x.reshape(len(x), -1), reduction="none").sum(
            dim=-1
        )
        kl = -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp(), dim=-1)
        loss = (recon_loss + kl).mean(dim=0)
        return {"loss": loss, "recon": recon_loss.mean(dim=0), "kl": kl.mean(dim=0), "recon_x": recon, "z": z}


class Pictures(Dataset[dict[str, Tensor]]):
    """One picture and its label at a time."""

    def __init__(self, data: Tensor, labels: Tensor) -> None:
        self.data, self.labels = data.float(), labels.float()

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"data": self.data[index], "labels": self.labels[index]}


def train(data: Tensor, labels: Tensor, batch_size: int) -> Iterator[None]:
    """Train on pictures (n, 1, 28, 28) in [0, 1], a batch at each `next`."""
    model = DenseVAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    loader = DataLoader(Pictures(data, labels), batch_size, shuffle=True)
    while True:
        model.train()
        total = 0.0
        with tqdm(total=len(loader), unit="batch", disable=None) as bar:
            for inputs in loader:
                output = model(inputs)
                optimizer.zero_grad()
                output["loss"].backward()
                optimizer.step()
                total += output["loss"].item()
                if total != total:
                    raise ArithmeticError("the loss is not a number")
                bar.update(1)
                yield
