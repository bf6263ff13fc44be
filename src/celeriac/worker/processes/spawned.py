"""A child that is not forked from the zygote: a fresh interpreter which imports the app itself.

For apps whose import cannot be forked: threads, GPU contexts, libraries that hold locks. It costs each child
the import, and the memory of it. `python -m celeriac.worker.processes.spawned` is how the zygote starts one.
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import msgspec

from celeriac.config import TABLE
from celeriac.worker.child.child import run_child
from celeriac.worker.child.forms.greenlets import patch
from celeriac.worker.find import find_app, hearing_of_settings, import_modules
from celeriac.worker.lane.lane import attach
from celeriac.worker.log.log_writer import LogWriter
from celeriac.worker.log.setup import name_process, set_up_zygote
from celeriac.worker.options import Kind
from celeriac.worker.processes.spawn import Birth
from celeriac.worker.processes.zygote import doors_of, survive_sigterm
from celeriac.worker.system.kernel import die_with_parent


def main(argument: str) -> NoReturn:
    """The life of the child."""
    birth = msgspec.msgpack.decode(bytes.fromhex(argument), type=Birth)
    survive_sigterm()
    die_with_parent(birth.zygote)
    options, fork = birth.options, birth.fork
    if fork.pool.kind is Kind.GEVENT:
        patch()
    sys.path.insert(0, os.getcwd())
    # The worker has said it.
    with hearing_of_settings([]):
        app = find_app(options.app)
        import_modules(app, options.include)
    set_up_zygote(LogWriter(birth.log), options, {name: app.conf[name] for name in TABLE})
    name_process(f"SpawnPoolWorker-{fork.slot + 1}")
    run_child(app, options.name, fork.pool, *doors_of(attach(birth.lanes), fork.slot, birth.descriptors))


if __name__ == "__main__":
    main(sys.argv[1])
