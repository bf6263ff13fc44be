"""No queue at all: an asyncio loop that naps, a hundred times side by side. The bound for everyone who waits.

python -m bench.systems.bare_loop COUNT
"""

import asyncio
import sys

from bench.marks import recorder
from bench.systems.surroundings import NAP_SECONDS

_SIDE_BY_SIDE = 100


async def main() -> None:
    """Begin the next nap when one ends."""
    record = recorder()
    numbers = iter(range(int(sys.argv[1])))

    async def nap_on() -> None:
        for number in numbers:
            record(number)
            await asyncio.sleep(NAP_SECONDS)

    await asyncio.gather(*(nap_on() for _ in range(_SIDE_BY_SIDE)))


if __name__ == "__main__":
    asyncio.run(main())
