"""Whatever becomes of a test run, the processes it started end with it."""

from __future__ import annotations

import subprocess


class Guard:
    """A shell that kills a process group when this process is gone, by whatever end: its input closes then."""

    def __init__(self, group: int) -> None:
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", 'read -r _; kill -9 "-$1"', "guard", str(group)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def dismiss(self) -> None:
        """The group has ended: its number may be another's soon."""
        self._shell.kill()
        self._shell.communicate()
