"""What a visitor gives is forgotten in time, and the page says so."""

from __future__ import annotations

import os
import time
from pathlib import Path

from zoo.generate.provenance import Record
from zoo.ui import files, shell
from zoo.ui.strings import TRANSLATIONS

RECORD = Record("image.draw", "dcgan.mnist", seed=7)


def test_a_result_is_removed_when_it_is_older_than_the_page_says() -> None:
    old, new = (Path(files.keep(text, RECORD, ".txt")) for text in (b"what was typed", b"what came after"))
    hour_ago = time.time() - files.KEPT_SECONDS - 1
    os.utime(old.parent, (hour_ago, hour_ago))
    files.forget()
    assert not old.parent.exists() and new.exists()


def test_a_result_that_is_made_again_is_kept_as_if_it_were_new() -> None:
    path = Path(files.keep(b"the same words", RECORD, ".txt"))
    hour_ago = time.time() - files.KEPT_SECONDS - 1
    os.utime(path.parent, (hour_ago, hour_ago))
    assert files.keep(b"the same words", RECORD, ".txt") == str(path)
    files.forget()
    assert path.exists()


def test_the_page_says_how_long_what_is_given_is_kept_in_both_languages() -> None:
    demo = shell.build(("models",))
    minutes = str((files.KEPT_SECONDS + files.SWEPT_SECONDS) // 60)
    assert demo.delete_cache == (files.SWEPT_SECONDS, files.KEPT_SECONDS)
    assert any(getattr(block, "elem_id", None) == "privacy" for block in demo.blocks.values())
    for language in ("en", "zh-CN"):
        assert f" {minutes} " in TRANSLATIONS.translations_dict[language]["zoo_privacy"]
