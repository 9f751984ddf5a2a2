"""nginx as docs/hosting.md has it, before apps that the tests have started."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DOCUMENT = Path(__file__).parent.parent / "docs" / "hosting.md"


def documented(marker: str) -> str:
    """The example of docs/hosting.md under a marker."""
    found = re.search(rf"<!-- {marker} -->\n```\w+\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    if not found:
        raise ValueError(f"{DOCUMENT.name} has no example under {marker!r}")
    return found[1]


@contextmanager
def nginx(folder: Path, example: str) -> Iterator[str]:
    """Run nginx with an example of the document, on a free port in place of its 80; the address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    places = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\n"
        f"http {{ access_log off; {places}\n{example.replace('listen 80;', f'listen 127.0.0.1:{port};')} }}\n"
    )
    process = subprocess.Popen([shutil.which("nginx") or "nginx", "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None:
                raise AssertionError(f"nginx did not start:\n{(folder / 'error.log').read_text()}")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
