"""The demo: `python app.py`, then open the address it prints. PORT chooses the port."""

import logging

from zoo.ui.shell import build, launch

logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")

demo = build()

if __name__ == "__main__":
    launch(demo)
