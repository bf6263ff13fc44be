"""Celeriac's worker with one task in each hand-over, as long tasks travel: what the hand-over itself costs.

python -m bench.systems.one_a_frame APP CONCURRENCY
"""

import sys

from celeriac.worker.core import distribute, pace
from celeriac.worker.options import Pool, WorkerOptions
from celeriac.worker.processes.launcher import launch


def main() -> None:
    """Limit the frames before the worker's processes are forked, then run it as the command line does."""
    for module in (pace, distribute):
        if not hasattr(module, "FRAME_TASKS"):
            sys.exit(f"{module.__name__} limits its frames in another way now")
        vars(module)["FRAME_TASKS"] = 1
    app, concurrency = sys.argv[1], int(sys.argv[2])
    sys.exit(launch(WorkerOptions(app, "celery@bench", (Pool(concurrency=concurrency, queues=("celery",)),), "INFO")))


if __name__ == "__main__":
    main()
