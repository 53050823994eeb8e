"""`make reliability`: runs the long batteries one after the other, then writes
docs/developers/reliability.md from what they left in docs/developers/reliability/*.json.

`--only-page` writes the page from the results there are. Bounded in time per battery, loopback
only.
"""

import json
import os
import subprocess
import sys
from typing import Any

from forecourt.settings import ROOT
from tests.support.battery import RESULTS

PAGE = ROOT / "docs" / "developers" / "reliability.md"
# battery → (test file, what pytest selects with -k, seconds it may take)
RUNS = {
    "airplane": ("tests/journeys/test_airplane.py", "whole", 900),
    "chromium-kills": ("tests/journeys/test_static_batteries.py", "two_hundred", 5400),
    "chromium-faults": ("tests/journeys/test_static_batteries.py", "every_fault", 2400),
    "chromium-backlog": ("tests/journeys/test_static_batteries.py", "thousand", 900),
    "firefox": ("tests/journeys/test_firefox.py", "firefox", 900),
    "T5": ("tests/mobile_app/offline/test_crash.py", "two_thousand", 2400),
    "T6": ("tests/mobile_app/offline/test_faults.py", "25_seeds", 3600),
    "T6-partitions": ("tests/mobile_app/offline/test_faults.py", "thousand_partitions", 900),
    "T7": ("tests/mobile_app/offline/test_convergence.py", "each_trouble", 1800),
    "T8": ("tests/mobile_app/offline/test_convergence.py", "ten_thousand", 1800),
    "T9": ("tests/mobile_app/offline/test_races.py", "edit_at_once_a_thousand", 900),
    "T9r": ("tests/mobile_app/offline/test_races.py", "handover_a_thousand", 900),
    "T11": ("tests/mobile_app/offline/test_races.py", "five_hundred", 900),
    "year": ("tests/database/test_a_year_of_three_stores.py", "year_of_three_stores", 14400),
    "T12": ("tests/gateway/test_login_session.py", "sixty", 300),
}
MEANING = """What a phone shows as saved survives a kill and a month without network, and reaches
the server exactly once. These batteries try to break that. The tables show their last long runs.
These columns must be 0:

* **lost**: the screen said saved, and the operation is neither on the phone nor on the server;
* **doubled**: one operation created two records;
* **stuck**: the operation is still waiting after the fault ended and the phone tried again by
  itself;
* **wrong saved**: the phone shows sent, but the server neither applied the operation nor holds it;
* **local data differs**: after everything is quiet, the phone shows something else than what
  the same person reads from the server in SQL.

Batteries whose name starts with chromium run the static build in Chromium; firefox runs in Firefox
ESR, where one is installed. Safari is not tested.

`make test` runs a small part of each battery. `make reliability` runs all of them in full, one
after the other, and writes this page. T10 (nine wrong clocks) and T23 (the protocol's rules) always
run in full: tests/mobile_app/offline/test_races.py, test_protocol.py.

The tables show what was run, which can be less than a battery's goal (chromium-kills: 200 kills;
T5: 2,000 kills, 20 at each point; T6: 25 seeds). FORECOURT_KILLS, FORECOURT_POINTS, FORECOURT_SEEDS
and FORECOURT_SECONDS make a run shorter. A battery without a long run is marked."""


def table(rows: list[dict[str, Any]]) -> str:
    columns = list(dict.fromkeys(k for row in rows for k in row))
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(str(row.get(c, "")) for c in columns) + " |" for row in rows]
    return "\n".join(lines)


def write_page() -> None:
    parts = ["# Reliability", "<!-- written by `make reliability`; do not edit -->", MEANING]
    for key in RUNS:
        file = RESULTS / f"{key}.json"
        if not file.exists():
            parts.append(f"## {key}\n\nNot run yet in its long form.")
            continue
        told = json.loads(file.read_text(encoding="utf8"))
        note = f"{told['at']}, {told['seconds']} s, seeds {told['seeds'] or '-'}."
        parts.append(f"## {key}: {told['title']}\n\n{note}\n\n{table(told['rows'])}")
    PAGE.write_text("\n\n".join(parts) + "\n", encoding="utf8")


def main() -> int:
    failed = []
    if "--only-page" not in sys.argv:
        for key, (file, chosen, seconds) in RUNS.items():
            print(f"· {key}", flush=True)
            command = [sys.executable, "-m", "pytest", "-q", "-m", "long", "-k", chosen, file]
            try:
                done = subprocess.run(
                    command,
                    cwd=ROOT,
                    env={**os.environ, "FORECOURT_RELIABILITY": "1"},
                    timeout=seconds,
                    check=False,
                )
                failed += [key] if done.returncode else []
            except subprocess.TimeoutExpired:
                failed.append(key)
    write_page()
    print(
        "docs/developers/reliability.md is "
        f"written{', failed: ' + ', '.join(failed) if failed else ''}"
    )
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
