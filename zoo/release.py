"""What a repository on the Hub holds of a checkpoint, laid out so that the Hub's own snippets open it; and its push.

Where no other library has a class for the model, the repository is the checkpoint folder with its graphs. Where one
has, that library's files stand at the top, so that `from_pretrained("user/repo")` finds what it looks for, and the
checkpoint folder stands below in `zoo/`, byte for byte: its weights keep the sha256 by which this zoo knows them. The
repository then holds the weights in both layouts, but nobody fetches both: a library reads the top, `zoo.hub.pull`
what is below.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from zoo import card, checkpoint, export, hub
from zoo.hub import HubError, Release
from zoo.hub_faults import short


def push(
    folder_or_name: str | Path, to: str, private: bool = False, token: str | None = None, tag: str | None = None
) -> Release:
    """Release a checkpoint folder (or a bundled name) as the repository `to`, as `zoo.hub.push` does.

    Raises HubError.
    """
    hub.check_target(to, tag)
    text = os.fspath(folder_or_name)
    with tempfile.TemporaryDirectory(prefix="zoo-release.") as room:
        try:
            tree = lay_out(hub.own_folder(text), Path(room) / "release", to)
        except HubError:
            raise
        except (ValueError, OSError) as error:
            raise HubError(f"{short(text)} is not pushed: {error}") from error
        return hub.push(tree, to, private=private, token=token, tag=tag)


def lay_out(folder: Path, out: Path, repo: str) -> Path:
    """Write what `repo` is to hold of a checkpoint folder as the new folder `out`, and return it.

    Graphs that are missing, or of other weights, are made. A card that this zoo wrote is written for the repository;
    one that a person wrote is left as it is. Raises CheckpointError when the checkpoint does not load.
    """
    checkpoint.load(folder)
    native = export.formats_of(checkpoint.describe(folder)[0])[0] != "onnx"
    within = f"{hub.WITHIN}/" if native else ""
    inner = out / within
    for name, path in hub.files_of(folder).items():
        (inner / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, inner / name)
    if not export.copy_graphs(folder, inner):
        export.write_graphs(inner)
    if native:
        export.write_native(folder, out)
    written = folder / "README.md"
    said = written.read_text(encoding="utf-8", errors="replace") if written.is_file() else ""
    if not said or (card.ENDING in said and said == card.text(folder)):
        said = card.text(inner, repo, within)
    (out / "README.md").write_text(said, encoding="utf-8")
    return out
