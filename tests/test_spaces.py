"""The Space's folder, put together as it is uploaded, starts where Hugging Face would start it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SPACE = ROOT / "spaces" / "all"


def test_no_package_hides_hugging_faces_own() -> None:
    assert not list((ROOT / "spaces").rglob("__init__.py"))


def test_a_space_installs_what_the_app_needs() -> None:
    assert (SPACE / "requirements.txt").read_text() == (ROOT / "requirements.txt").read_text()


def test_the_space_builds_its_page_with_the_marks_of_a_space_set(tmp_path: Path) -> None:
    shutil.copytree(SPACE, tmp_path, dirs_exist_ok=True)
    (tmp_path / "zoo").symlink_to(ROOT / "zoo")
    program = "import app, gradio; assert isinstance(app.demo, gradio.Blocks); print('built', len(app.demo.fns))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "SYSTEM": "spaces", "SPACE_ID": "somebody/zoo", "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "built" in done.stdout
