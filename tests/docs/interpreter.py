"""One Python for all blocks of a page: reads a block as a line of JSON, runs it, and says that it has.

Run as a program by `session.py`, with the marker that ends the output of a block as its argument.
"""

import json
import sys
import traceback
import types


def main() -> None:
    """Until the input ends."""
    marker = sys.argv[1]
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    sys.path[0] = ""
    for line in sys.stdin:
        place, text = json.loads(line)
        failed = 0
        try:
            exec(compile(text, place, "exec"), vars(module))
        except BaseException:
            failed = 1
            traceback.print_exc(file=sys.stdout)
        print(f"{marker} {failed}", flush=True)


if __name__ == "__main__":
    main()
