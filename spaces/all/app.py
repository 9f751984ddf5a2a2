"""The whole zoo as a Space."""

from spaces import GPU

from zoo.ui.shell import build, launch

demo = build()


@GPU
def wake() -> None:
    """A ZeroGPU Space must have a function that asks for a GPU; the models here are small enough for its CPU."""


if __name__ == "__main__":
    launch(demo)
