"""How often the doctor is right: planted faults found, and alarms that healthy runs raise, as lines of JSON.

    python tests/bench/doctor_alarms.py [RUN ...]

The planted faults are the runs of zoo/gallery, the healthy runs those of tests/healthy_runs and the folders given.
A fault counts as found when it is an alarm; "others" counts alarms beside it. `tests/gallery.py` makes both kinds.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from gallery import BROKEN  # noqa: E402  the project is not installed where this runs

from zoo import doctor  # noqa: E402


def alarms(run: Path) -> list[str]:
    """Faults that the doctor raises an alarm for."""
    return [finding.fault for finding in doctor.examine(run) if finding.level == "alarm"]


def main() -> int:
    """Print a line a run, and the two totals."""
    found = others = 0
    for plan in BROKEN:
        raised = alarms(doctor.gallery_run(plan.name))
        found += plan.fault in raised
        others += len(set(raised) - {plan.fault})
        print(json.dumps({"run": plan.name, "planted": plan.fault, "alarms": raised}))
    healthy = sorted((ROOT / "tests" / "healthy_runs").iterdir()) + [Path(name) for name in sys.argv[1:]]
    false = 0
    for run in healthy:
        raised = alarms(run)
        false += bool(raised)
        print(json.dumps({"run": run.name, "planted": None, "alarms": raised}))
    print(json.dumps({"planted": len(BROKEN), "found": found, "others": others}))
    print(json.dumps({"healthy": len(healthy), "with a false alarm": false}))
    return 0 if found == len(BROKEN) and not false and not others else 1


if __name__ == "__main__":
    sys.exit(main())
