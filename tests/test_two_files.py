"""A new architecture costs two files: a toy in a copy of the project, trained, listed, offered, tested and tabled."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

MODEL = '''"""Toy: the mean picture of a class, tilted by the noise (principal components: Pearson, 1901)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zoo.config import bounded, check
from zoo.entry import IMAGE_GENERATION, Entry, Part
from zoo.noise import Noise


@dataclass(frozen=True)
class ToyConfig:
    """Sizes."""

    image_size: int = bounded(28, 4, 64)
    """Height and width in pixels."""
    latent_dim: int = bounded(8, 1, 64)
    """Standard normals that make one picture."""
    num_classes: int = bounded(10, 1, 100)
    """Classes to condition on."""

    def __post_init__(self) -> None:
        check(self)


class Toy(nn.Module):
    """Noise and a class -> a picture, by one matrix."""

    def __init__(self, config: ToyConfig) -> None:
        super().__init__()
        self.config = config
        self.latent_dim, self.num_classes = config.latent_dim, config.num_classes
        self.mean = nn.Embedding(config.num_classes, config.image_size**2)
        self.components = nn.Linear(config.latent_dim, config.image_size**2, bias=False)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """latents (n, latent_dim), labels int64 (n,) -> images (n, 1, image_size, image_size) in [-1, 1]."""
        size = self.config.image_size
        return (self.mean(labels) + self.components(latents)).tanh().view(-1, 1, size, size)

    def generate(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """As `forward`: the task's name for it."""
        if labels is None:
            raise ValueError("this toy is conditioned on a class; labels are missing")
        return self(latents, labels)

    def loss(self, batch: Mapping[str, Tensor], noise: Noise) -> dict[str, Tensor]:
        """Mean squared distance of the class's mean picture."""
        images = self(torch.zeros(len(batch["label"]), self.latent_dim), batch["label"])
        return {"loss": (images - batch["image"]).square().mean()}

    def parts(self) -> tuple[Part, ...]:
        """One graph."""
        inputs = {"latents": torch.zeros(2, self.latent_dim), "labels": torch.zeros(2, dtype=torch.int64)}
        return (Part("generator", self, inputs, ("images",), {name: {0: "batch"} for name in (*inputs, "images")}),)


ENTRY = Entry(
    title="Toy",
    paper="https://doi.org/10.1080/14786440109462720",
    tasks=(IMAGE_GENERATION,),
    config=ToyConfig,
    model=Toy,
    tiny=ToyConfig(latent_dim=2),
    summary="Draws the mean of each class, a little tilted.",
    summary_zh="画出每一类的平均图像，略加变化。",
)
'''

RECIPE = '''"""Recipes of the toy."""

from train.algorithms.single_loss import SingleLoss
from train.recipe import Recipe
from zoo.models.image.toy import ENTRY

PRESETS = {
    "tiny": Recipe(
        config=ENTRY.tiny,
        algorithm=SingleLoss(learning_rate=0.1),
        dataset="mnist",
        metric="Fréchet distance",
        steps=10,
        batch_size=32,
        warmup=1,
        evaluate_every=5,
        snapshots=4,
        save_every=5,
        sample=True,
    ),
}
'''


@pytest.fixture
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project; weights and samples are links."""
    root = tmp_path_factory.mktemp("house")
    heavy = ("__pycache__", "pretrained", "samples")
    for folder in ("zoo", "train"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns(*heavy))
    (root / "zoo" / "data" / "samples").symlink_to(ROOT / "zoo" / "data" / "samples")
    (root / "zoo" / "pretrained").mkdir()
    for path in (ROOT / "zoo" / "pretrained").glob("*/config.json"):
        (root / "zoo" / "pretrained" / path.parent.name).symlink_to(path.parent)
    (root / "tests").mkdir()
    for file in ("README.md", "README.zh.md", "pyproject.toml"):
        shutil.copy(ROOT / file, root / file)
    for file in ("daily.py", "test_contracts.py", "test_imports.py"):
        shutil.copy(ROOT / "tests" / file, root / "tests" / file)
    return root


def run(house: Path, *arguments: str) -> str:
    """Run Python in the copy, offline and without the full data; what it printed."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("ZOO_", "PYTEST"))}
    environment |= {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1", "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(house)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=house, env=environment, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def sources(root: Path) -> dict[str, str]:
    files = [*root.glob("zoo/**/*.py"), *root.glob("train/**/*.py"), root / "pyproject.toml"]
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.timeout(600)
def test_a_model_in_two_files_appears_everywhere(house: Path) -> None:
    before = sources(house)
    homes = run(house, "-c", "import train, zoo; print(train.__file__, zoo.__file__)").split()
    assert all(Path(home).is_relative_to(house) for home in homes), "the copy is what runs"
    (house / "zoo" / "models" / "image" / "toy.py").write_text(MODEL, encoding="utf-8")
    (house / "train" / "image" / "toy.py").write_text(RECIPE, encoding="utf-8")

    # It trains, and is published among the bundled checkpoints.
    run(house, "-m", "train", "toy", "--preset", "tiny", "--publish", "zoo/pretrained", "--no-measure", "--out", "run")
    folder = house / "zoo" / "pretrained" / "toy.tiny"
    assert (folder / "model.safetensors").is_file() and (folder / "samples" / "sheet.png").is_file()

    # It is measured and gets its card.
    run(house, "-m", "zoo", "verify", "toy.tiny", "--quick", "--write")
    assert "ok (quick" in run(house, "-m", "zoo", "verify", "toy.tiny", "--quick")
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "略加变化" in card and "pipeline_tag: unconditional-image-generation" in card

    # The command line lists it and draws with it.
    rows = {row["name"]: row for row in json.loads(run(house, "-m", "zoo", "list", "--json"))}
    assert rows["toy.tiny"]["task"] == "unconditional-image-generation"
    run(house, "-m", "zoo", "sample", "toy.tiny", "--label", "3", "--count", "4", "--out", "three.png")
    assert (house / "three.png").stat().st_size > 100

    # It gets its graphs, and is drawn with them.
    run(house, "-m", "zoo", "export", "toy.tiny", "--format", "onnx")
    assert (folder / "graphs.json").is_file() and (folder / "generator.onnx").is_file()
    asked = "from zoo.generate import library; print(type(library.get('toy.tiny').network).__name__)"
    assert run(house, "-c", asked).split() == ["Graphs"]
    run(house, "-m", "zoo", "sample", "toy.tiny", "--label", "3", "--count", "4", "--out", "four.png")
    assert (house / "four.png").stat().st_size > 100

    # The Image tab offers it: the choices that it reads, and the page as gradio builds it.
    asked = "from zoo.generate import library; print(library.choices('unconditional-image-generation'))"
    assert "'toy.tiny'" in run(house, "-c", asked)
    page = "import json; from zoo.ui import image; print(json.dumps(image.build().get_config_file(), default=str))"
    choices = re.findall(r'\["toy\.tiny", "toy\.tiny"\]', run(house, "-c", page))
    assert choices

    # The contract tests and the import rule hold it to account.
    tests = ("tests/test_contracts.py", "tests/test_imports.py")
    tested = run(house, "-m", "pytest", *tests, "-k", "toy", "-vv", "-p", "no:cacheprovider")
    assert "test_graphs_give_what_the_modules_give_at_other_sizes[toy] PASSED" in tested
    assert "test_a_module_imports_downwards_only[zoo.models.image.toy] PASSED" in tested
    assert " failed" not in tested and " skipped" not in tested

    # The READMEs' tables have its row, in both languages.
    run(house, "-m", "zoo", "table")
    for name in ("README.md", "README.zh.md"):
        assert "| [toy.tiny](zoo/pretrained/toy.tiny/README.md) |" in (house / name).read_text(encoding="utf-8")

    # Nothing else was edited.
    after = sources(house)
    edited = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert edited == {"zoo/models/image/toy.py", "train/image/toy.py"}
