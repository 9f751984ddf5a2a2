"""The demo: `python app.py`, then open the address it prints. docs/hosting.md tells how to host it."""

import argparse
import gc
import logging
import sys

gc.disable()  # what is imported and the page's parts stay: to look for garbage among them costs a sixth of the start
from zoo.ui.shell import build, launch  # noqa: E402

logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")

demo = build()
gc.freeze()
gc.enable()

if __name__ == "__main__":
    options = argparse.ArgumentParser(description="Serve the demo until Ctrl-C or SIGTERM.", allow_abbrev=False)
    options.add_argument("--host", help="address to listen on; 0.0.0.0 for all (default 127.0.0.1: this machine alone)")
    options.add_argument("--port", type=int, help="port to listen on (default PORT, else the first free from 7860)")
    options.add_argument("--root-path", help="where a proxy shows it: /zoo, or https://example.org/zoo")
    given = options.parse_args()
    try:
        launch(demo, host=given.host, port=given.port, root_path=given.root_path)
    except (ValueError, OSError) as error:
        sys.exit(f"zoo: {error}")
