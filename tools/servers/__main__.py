"""Make sure that every server the tests need is there, or say by name which is not."""

import sys

from tools.servers.program import NEEDED, ServerMissing, provide


def main() -> None:
    """Find or unpack each server; exit 2 when one cannot be had."""
    try:
        for name in NEEDED:
            print(f"{name}: {provide(name)}")
    except ServerMissing as missing:
        print(missing, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
