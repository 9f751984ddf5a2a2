"""The static page in Chromium: how soon each panel shows its first result, what is fetched for it, what a seed gives.

    python tests/bench/browser_page.py [--seeds 20]

Times are of a first visit with nothing kept, from a server on this machine: from the address to the page, and from the
click to the first result (for texts the first character), which waits for the runtime and the model. Rates are those
that the page shows of a second run. Then many seeds are compared with Python: texts token by token, pictures by grey
levels, sounds sample by sample. One JSON line each.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, expect, sync_playwright

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]
from test_browser import chromium  # noqa: E402
from test_browser_build import FLAGS, WAIT, Host, apart, open_tab, run, visitor  # noqa: E402

from zoo.export import browser  # noqa: E402
from zoo.generate import audio, image, text  # noqa: E402

PANELS = {
    "text": (["text", "write"], "write"),
    "poem": (["text", "poem"], "poem"),
    "pictures": (["image", "draw"], "draw"),
    "walk": (["image", "morph"], "morph"),
    "map": (["image", "map"], "map"),
    "sound": (["audio"], "speak"),
    "cross-modal": (["crossmodal"], "cross"),
}
ASK = """async ([task, request]) => {
  const { Client } = await import(new URL("ui/client.js", document.baseURI).href);
  globalThis.client ??= new Client();
  const { result } = await globalThis.client.ask(task, request).answer;
  return result.text ?? Array.from(result.waveform ?? result.sheet.levels);
}"""


def visits(page: Page, host: Host, prefix: str, tabs: list[str]) -> dict[str, Any]:
    """Seconds from a click to a panel's first result and to its end, of the first run and of another."""
    open_tab(page, *tabs)
    before = host.sent
    begun = time.perf_counter()
    page.locator(f"#{prefix}-run").click()
    shown = page.locator({"write": "#write-result", "poem": "#poem-result"}.get(prefix, f"#{prefix}-source"))
    expect(shown).to_have_text(re.compile(r"ROMEO:.|^[^\x00-\x7f]|weights", re.DOTALL), timeout=WAIT)
    first = time.perf_counter() - begun
    run(page, prefix)
    source = page.locator(f"#{prefix}-source").text_content() or ""
    return {
        "first_result_s": round(first, 2),
        "fetched_MB": round((host.sent - before) / 1e6, 2),
        "again": source[-60:],
    }


def equality(page: Page, seeds: int) -> None:
    """Print how many seeds give the same in the browser and in Python."""
    texts = {"gpt.shakespeare": 0, "gpt.tang": 0}
    pictures = {name: [0, 0, 0] for name in ("dcgan.mnist", "dcgan.fashion-mnist", "vae.mnist", "vae.fashion-mnist")}
    sounds = [0, 0, 0]
    for seed in range(seeds):
        options = {"temperature": 0.8, "topK": 0, "topP": 0.95, "seed": seed}
        given = {"prompt": "ROMEO:", "length": 300, "penalty": 1, "model": "gpt.shakespeare"}
        *_, prose = text.write(given["model"], "ROMEO:", max_new_tokens=300, temperature=0.8, top_p=0.95, seed=seed)
        texts["gpt.shakespeare"] += page.evaluate(ASK, ["write", given | options]) == prose.text
        given = {"form": "七言律诗", "title": "", "author": "", "acrostic": "", "model": "gpt.tang"}
        *_, poem = text.compose(given["model"], "七言律诗", temperature=0.8, top_p=0.95, seed=seed)
        texts["gpt.tang"] += page.evaluate(ASK, ["compose", given | options]) == poem.text
        for name, counts in pictures.items():
            request = {"model": name, "label": -1, "count": 25, "seed": seed, "truncation": 1}
            levels = np.array(page.evaluate(ASK, ["draw", request]), np.uint8)
            scale = image.draw(name, count=25, seed=seed)
            small = np.asarray(scale.sheet)[:: scale.sheet.width // round(len(levels) ** 0.5)]
            wanted = small[:, :: scale.sheet.width // round(len(levels) ** 0.5)].flatten()
            differs = apart(levels, wanted)
            counts[0] += int(not differs.any())
            counts[1] += int(np.count_nonzero(differs))
            counts[2] = max(counts[2], int(differs.max()))
        digits = f"{seed % 100:02d}"
        request = {
            "model": "wavenet.spoken-digits",
            "digits": digits,
            "speaker": seed % 6,
            "temperature": 1,
            "seed": seed,
        }
        heard = np.array(page.evaluate(ASK, ["speak", request]), np.float32)
        voice = audio.speakers("wavenet.spoken-digits")[seed % 6]
        *_, sound = audio.speak("wavenet.spoken-digits", digits, speaker=voice, seed=seed)
        assert isinstance(sound, audio.Sound)
        differs = np.abs(heard - sound.waveform) > 1e-4
        sounds = [sounds[0] + int(not differs.any()), sounds[1] + int(differs.sum()), sounds[2] + len(heard)]
    for name, same in texts.items():
        print(json.dumps({"model": name, "seeds": seeds, "same_text": same}), flush=True)
    for name, (same, differ, most) in pictures.items():
        print(json.dumps({"model": name, "seeds": seeds, "same_sheets": same, "pixels_apart": differ, "most": most}))
    same, differ, samples = sounds
    found = {"model": "wavenet.spoken-digits", "seeds": seeds, "same_sounds": same, "samples_apart": differ}
    print(json.dumps(found | {"samples": samples}), flush=True)


def main() -> None:
    """Measure every panel, then compare seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    seeds = parser.parse_args().seeds
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        site = browser.build(Path(folder) / "site")
        engine = playwright.chromium.launch(executable_path=chromium(), headless=True, args=[*FLAGS, "--disable-gpu"])
        for name, (tabs, prefix) in PANELS.items():
            host = Host(site)
            begun = time.perf_counter()
            with visitor(engine, host) as (page, _):
                opened = time.perf_counter() - begun
                print(
                    json.dumps({"panel": name, "page_s": round(opened, 2)} | visits(page, host, prefix, tabs)),
                    flush=True,
                )
            print(json.dumps({"panel": name, "visit_MB": round(host.sent / 1e6, 2)}), flush=True)
            host.close()
        host = Host(site)
        with visitor(engine, host) as (page, _):
            equality(page, seeds)
        host.close()


if __name__ == "__main__":
    main()
