"""Speech as a Space; `zoo.ui.guard.compute` carries the GPU mark that ZeroGPU looks for."""

from zoo.ui.shell import build, launch

demo = build(tabs=("audio", "models"))

if __name__ == "__main__":
    launch(demo)
