"""One computation at a time on two threads, or two at once on one thread each: what several visitors wait for.

    python tests/bench/slots.py [--seconds 20] [--visitors 1 2 8]

Visitors in one process ask for the same mixture of things again and again, as fast as they are served, through a
semaphore as the guard has one. For each way of sharing the machine, in turn: answers a second and the median wait for
each thing.
Prints one JSON line a figure.
"""

from __future__ import annotations

import argparse
import json
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import timing

from zoo.engine import graphs
from zoo.generate import audio, drums, image, library, prompting, speech, text, translation

Ask = Callable[[int], Any]
MIXTURE: dict[str, Ask] = {
    "text": lambda seed: exhausted(text.write("gpt.shakespeare", "ROMEO:", max_new_tokens=120, seed=seed)),
    "pictures": lambda seed: image.draw("dcgan.mnist", count=16, seed=seed),
    "diffusion": lambda seed: exhausted(image.draw_live("diffusion.mnist", "7", count=4, seed=seed, steps=12)),
    "emoji": lambda seed: exhausted(prompting.draw("text_to_image.emoji", "a red apple", count=2, seed=seed)),
    "translation": lambda seed: translation.translate("seq2seq.en-zh", "I like music very much."),
    "speech": lambda seed: speech.say("tts.telephone", "Please wait.", seed=seed),
    "digits": lambda seed: exhausted(audio.speak(digits="42", speaker="theo", seed=seed)),
    "drum": lambda seed: drums.hit("wavegan.drums", "snare", seed=seed),
}


def exhausted(steps: Any) -> Any:
    """What comes last."""
    found = None
    for one in steps:
        found = one
    return found


def served(slots: int, visitors: int, seconds: float) -> dict[str, Any]:
    """Answers a second, and each thing's median seconds from asking to having, where so many are computed at once."""
    turn, waits = threading.Semaphore(slots), {name: list[float]() for name in MIXTURE}
    until = time.monotonic() + seconds

    def visit(number: int) -> None:
        names, seed = list(MIXTURE), number
        while time.monotonic() < until:
            name = names[(number + seed) % len(names)]
            begun = time.monotonic()
            with turn:
                MIXTURE[name](seed)
            waits[name].append(time.monotonic() - begun)
            seed += 1

    begun = time.monotonic()
    threads = [threading.Thread(target=visit, args=(number,)) for number in range(visitors)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    count = sum(map(len, waits.values()))
    medians = {name: round(statistics.median(found), 3) for name, found in waits.items() if found}
    return {"per_second": round(count / (time.monotonic() - begun), 2), "median_seconds": medians}


def main() -> None:
    """Measure each way of sharing, in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--visitors", type=int, nargs="*", default=[1, 2, 8])
    given = parser.parse_args()
    usual = graphs.THREADED_BYTES, graphs.THREADED_STEP_BYTES
    ways = (("one at two threads", 1, True), ("two at one thread", 2, False), ("two at two threads", 2, True))
    for name, slots, wide in ways:
        graphs.THREADED_BYTES, graphs.THREADED_STEP_BYTES = usual if wide else (1 << 40, 1 << 40)
        library._loaded.clear()
        for ask in MIXTURE.values():
            ask(0)
        for visitors in given.visitors:
            found = served(slots, visitors, given.seconds)
            print(json.dumps({"name": f"{visitors} visitors, {name}", **found, **timing.machine()}), flush=True)


if __name__ == "__main__":
    main()
