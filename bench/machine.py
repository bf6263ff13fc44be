"""What a figure is worth nothing without: the machine, the versions, the disk."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

_VERSIONS = """
import importlib.metadata, json, platform, sys
found = {"Python": platform.python_version()}
for name in sys.argv[1:]:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        found[name] = "not installed"
print(json.dumps(found))
"""


def describe(folder: Path, redis_version: str, ours: str, peers: str) -> dict[str, str]:
    """Name to text, ready to print. Raises `SystemExit` when the other systems' interpreter is not there."""
    for python, made_by, option in ((ours, "venv-plain", "--ours"), (peers, "venv-bench", "--peers")):
        if not Path(python).exists():
            sys.exit(f"{python} is missing: `make {made_by}` makes it, {option} names another one")
    return {
        "machine": f"{os.cpu_count()} cores, {_processor()}, {_kernel()}",
        "servers": f"Redis {redis_version}, no persistence, on 127.0.0.1",
        "ours": _versions(ours, "msgspec", "hiredis", "uvloop"),
        "theirs": _versions(peers, "celery", "kombu", "huey", "dramatiq", "taskiq", "taskiq-redis", "redis", "hiredis"),
        "folder": f"{folder} on {_filesystem(folder)}",
    }


def _versions(python: str, *packages: str) -> str:
    done = subprocess.run([python, "-c", _VERSIONS, *packages], capture_output=True, text=True, check=True)
    return ", ".join(f"{name} {version}" for name, version in json.loads(done.stdout).items())


def _kernel() -> str:
    return f"{platform.system()} {platform.release().partition('-')[0]}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def _filesystem(folder: Path) -> str:
    """The kind of file system, with a warning where nothing is durable."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    holding = [mount for mount in mounts if folder.is_relative_to(mount[1])]
    kind = max(holding, key=lambda mount: len(mount[1]))[2]
    return f"{kind}: SQLite's commits cost nothing there, name a disk with --folder" if kind == "tmpfs" else kind
