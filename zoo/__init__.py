"""A model zoo: small generative models written from scratch, with the weights this repository trained.

>>> import zoo
>>> model = zoo.load("dcgan.mnist")        # a bundled name, a Hub id "user/repo[@revision]", or a folder
"""

from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def load(name_or_repo_or_folder: str, *, device: str = "cpu") -> Any:
    """Return the checkpoint's model, in evaluation mode on `device`.

    Resolves as `zoo.hub.resolve` does: a local folder, else the Hub, else the bundled weights.
    Raises ValueError or OSError with words that say what was given and what is allowed.
    """
    from zoo import checkpoint, hub

    return checkpoint.load(hub.resolve(name_or_repo_or_folder)).model.to(device)
