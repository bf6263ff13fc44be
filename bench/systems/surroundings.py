"""What a run tells the system that it measures, through the environment."""

import os

URL = os.environ["BENCH_URL"]
"""Where the queues and results are."""

RESULTS = os.environ["BENCH_RESULTS"] == "1"
"""Whether results are kept."""

WAITED_FOR = os.environ.get("BENCH_WAITED_FOR") == "1"
"""Whether each result is waited for as soon as its task is sent."""

NAP_SECONDS = 0.05
"""How long the task waits that does nothing but wait."""

RESULT_SECONDS = 30.0
"""How long to wait for a result before the run has failed."""
