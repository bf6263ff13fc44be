"""The Python interpreters of this machine that Celeriac supports.

This file and `environment.py` are read by whatever `python3` is, so that an old one can say what is wrong.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SUPPORTED = ("3.11", "3.12", "3.13", "3.14", "3.15")
"""Oldest first; the classifiers of the package say the same."""


def running() -> str:
    """The version of the interpreter that runs this."""
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def find(version: str) -> str | None:
    """The path of a working interpreter of this version, or None."""
    name = "python" + version
    for folder in [*os.get_exec_path(), *_pyenv_folders(version)]:
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK) and _runs(path, version):
            return path
    return None


def _pyenv_folders(version: str) -> list[str]:
    """Where pyenv keeps interpreters, also those that it has not put on the PATH; the newest first."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    folders = root.glob("versions/" + version + "*/bin")
    return [str(folder) for folder in sorted(folders, key=lambda path: (len(str(path)), path), reverse=True)]


def _runs(path: str, version: str) -> bool:
    """Whether it starts and is what its name says: a shim on the PATH may lead nowhere."""
    question = "import sys; print('%d.%d' % sys.version_info[:2])"
    answer = subprocess.run([path, "-c", question], capture_output=True, text=True, check=False)
    return answer.stdout.strip() == version
