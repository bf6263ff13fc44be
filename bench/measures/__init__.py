"""What is measured, one module a kind; `MEASURES` has them in the order in which they run."""

from bench.measures.drain import IGNORED, RESULTS
from bench.measures.enqueue import EACH, MANY
from bench.measures.footprint import FOOTPRINT
from bench.measures.latency import GET, START
from bench.measures.startup import STARTUP
from bench.measures.waits import WAITS

MEASURES = (RESULTS, IGNORED, EACH, MANY, GET, START, WAITS, FOOTPRINT, STARTUP)
