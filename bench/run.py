"""`make bench`: measure Celeriac beside Celery, huey, dramatiq and taskiq, in one run on one machine.

    python -m bench.run --rounds 3 --only results,get --systems celery,celeriac --json figures.json

Each measure runs in rounds, and each round has every system once, beginning with another one each time, so
that whatever else the machine does meets all of them. A ratio is taken within a round; shown are medians with
their ranges. The server is the bench's own, nobody else may be on it, and it keeps nothing on disk; SQLite
commits to the disk on which the bench's folder is. All workers log at INFO into a file of that folder.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import machine
from bench.budgets import BUDGETS
from bench.contestants import EVERYONE
from bench.ground import ROOT, Ground
from bench.measures import MEASURES
from bench.rounds import run_rounds
from bench.server import BenchServer, Crowded
from bench.table import Judged, Rounds, budget_table, judge, measure_table
from tools.servers.program import ServerMissing

_OURS = ROOT / ".venv-plain" / "bin" / "python"
_PEERS = ROOT / ".venv-bench" / "bin" / "python"
_QUICK = 0.1


def main() -> None:
    """Measure, print, and exit 0 when every run gave a figure; a missed budget is printed, not a failure."""
    options = _options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("ended from outside"))
    try:
        with (
            tempfile.TemporaryDirectory(prefix="celeriac-bench-", dir=options.folder) as name,
            BenchServer(Path(name, "redis")) as server,
        ):
            sys.exit(_measure(options, Ground(server, Path(name), options.ours, options.peers)))
    except (ServerMissing, Crowded) as refusal:
        sys.exit(f"no figures: {refusal}")
    except KeyboardInterrupt:
        sys.exit("interrupted; everything that was started is ended")


def _measure(options: argparse.Namespace, ground: Ground) -> bool:
    """Run what was asked for; whether any run failed."""
    about = machine.describe(ground.folder, ground.server.version, options.ours, options.peers)
    if options.quick:
        about["quick"] = "a tenth of the tasks: it shows that everything runs, its figures and verdicts mean little"
    print("\n".join(f"{name}: {text}" for name, text in about.items()))
    found: dict[str, Rounds] = {}
    for measure in MEASURES:
        if measure.name not in options.only:
            continue
        before = os.getloadavg()[0]
        found[measure.name] = run_rounds(ground, measure, options.systems, options.rounds, options.share)
        load = f"load average {before:.2f} before, {os.getloadavg()[0]:.2f} after"
        notes = "".join(f"\n  {note}" for note in measure.notes)
        print(f"\n{measure.title} [{measure.name}; {load}]{notes}")
        print(measure_table(measure.metrics, found[measure.name]), flush=True)
    judged = [judge(budget, found.get(budget.measure, {})) for budget in BUDGETS]
    print("\n" + budget_table(judged))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(_document(about, found, judged), indent=1) + "\n")
    return any(entry is None for rounds in found.values() for entries in rounds.values() for entry in entries)


def _document(about: dict[str, str], found: dict[str, Rounds], judged: list[Judged]) -> dict[str, Any]:
    """Everything as plain data: each figure of each round, and the budgets."""
    budgets = [
        {
            "what": row.budget.what,
            "sense": row.budget.sense,
            "bound": row.budget.bound,
            "against": row.budget.against,
            "found": row.value,
            "low": row.low,
            "high": row.high,
            "verdict": row.verdict,
        }
        for row in judged
    ]
    return {"about": about, "measures": found, "budgets": budgets}


def _options() -> argparse.Namespace:
    measures, systems = [measure.name for measure in MEASURES], [contestant.name for contestant in EVERYONE]
    parser = argparse.ArgumentParser(description="Measure Celeriac beside other task queues.")
    parser.add_argument("--rounds", type=int, help="rounds of each measure; 3, or 1 with --quick")
    parser.add_argument("--quick", action="store_true", help="a tenth of the tasks: to see that it works, not figures")
    parser.add_argument("--only", type=_choice(measures), default=measures, metavar="NAMES", help=", ".join(measures))
    parser.add_argument("--systems", type=_choice(systems), default=systems, metavar="NAMES", help=", ".join(systems))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure of every round there")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where to put logs and SQLite's file; a real disk")
    parser.add_argument("--ours", default=str(_OURS), metavar="PYTHON", help="our interpreter")
    parser.add_argument("--peers", default=str(_PEERS), metavar="PYTHON", help="the interpreter of the other systems")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.share = _QUICK if options.quick else 1.0
    return options


def _choice(known: list[str]) -> Callable[[str], list[str]]:
    """Names with commas between; part of a name will do where it fits only one."""
    return lambda text: [_resolve(word.strip(), known) for word in text.split(",")]


def _resolve(word: str, known: list[str]) -> str:
    matches = [name for name in known if name == word] or [name for name in known if word and word in name]
    if len(matches) != 1:
        raise argparse.ArgumentTypeError(f"{word!r} is none of: {', '.join(known)}")
    return matches[0]


if __name__ == "__main__":
    main()
