"""How the zygote starts a child that is not forked from it; `spawned` is what that child does."""

from __future__ import annotations

import os
import sys

import msgspec
from msgspec import Struct

from celeriac.worker.lane.frame import Fork
from celeriac.worker.options import WorkerOptions

_MODULE = "celeriac.worker.processes.spawned"


class Birth(Struct):
    """What a spawned child is told in its argument; the descriptors it inherits."""

    zygote: int
    options: WorkerOptions
    fork: Fork
    descriptors: list[int]
    """Those that came with the request."""
    lanes: int
    """The memory of all lanes."""
    log: int


def spawn(birth: Birth) -> int:
    """Start such a child; its pid."""
    inherited = (*birth.descriptors, birth.lanes, birth.log)
    for descriptor in inherited:
        os.set_inheritable(descriptor, True)
    try:
        arguments = [sys.executable, "-m", _MODULE, msgspec.msgpack.encode(birth).hex()]
        return os.posix_spawn(sys.executable, arguments, os.environ, setsigmask=())
    finally:
        for descriptor in inherited:
            os.set_inheritable(descriptor, False)
