"""Where a server's program is: on the PATH, or unpacked from the distribution's packages into `.servers`.

Unpacking needs no root, changes nothing outside the folder, and starts nothing, while installing the package
would leave a daemon behind that listens on the usual port.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
UNPACKED = ROOT / ".servers"

NEEDED = ("redis-server",)
"""Programs by name; each is also the name of its package on Debian."""

_COMMANDS = {
    "apt-get": "sudo apt-get install -y redis-server",
    "dnf": "sudo dnf install -y redis",
    "apk": "sudo apk add redis",
    "pacman": "sudo pacman -S redis",
    "zypper": "sudo zypper install redis",
    "brew": "brew install redis",
}


class ServerMissing(Exception):
    """A server's program is neither here nor to be had; the message starts with its name."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name} is missing: {why}")


def find(name: str) -> Path:
    """The program of a server, from the PATH or as unpacked before; raises `ServerMissing`."""
    if path := shutil.which(name):
        return Path(path)
    if (program := UNPACKED / "bin" / name).exists():
        return program
    raise ServerMissing(name, f"`make servers` brings it, or {_advice()}")


def provide(name: str) -> Path:
    """The same, unpacked from the distribution's packages where it is not there yet."""
    try:
        return find(name)
    except ServerMissing:
        if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
            raise ServerMissing(name, _advice()) from None
    _unpack(name)
    program = _make_runnable(name)
    try:
        _run(name, str(program), "--version")
    except ServerMissing:
        program.unlink()
        raise
    return program


def _advice() -> str:
    """The command that installs it here, by the package manager of this machine."""
    command = next((command for manager, command in _COMMANDS.items() if shutil.which(manager)), None)
    return f"run `{command}`" if command else "install Redis and put it on the PATH"


def _unpack(name: str) -> None:
    """Download the package and what it needs beyond what is installed, and unpack it all into one tree."""
    print(f"{name}: unpacking it from the distribution's packages into {UNPACKED}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        lists, cache = Path(folder, "lists"), Path(folder, "cache")
        for private in (lists / "partial", cache / "archives" / "partial"):
            private.mkdir(parents=True)
        apt = ["apt-get", "-q", "-o", f"Dir::State::lists={lists}", "-o", f"Dir::Cache={cache}"]
        apt += ["-o", "APT::Sandbox::User=root"]
        _run(name, *apt, "update")
        plan = _run(name, *apt, "install", "--simulate", "--no-install-recommends", name)
        packages = set(re.findall(r"^Inst (\S+)", plan, re.MULTILINE)) | {name}
        _run(name, *apt, "download", *sorted(packages), cwd=cache)
        for package in sorted(cache.glob("*.deb")):
            _run(name, "dpkg-deb", "--extract", str(package), str(UNPACKED))


def _make_runnable(name: str) -> Path:
    """Write a command that starts the unpacked program with the libraries unpacked beside it."""
    binary = next((path for path in UNPACKED.glob(f"usr/*bin/{name}") if path.exists()), None)
    if binary is None:
        raise ServerMissing(name, f"its package holds no such program; {_advice()}")
    program = UNPACKED / "bin" / name
    program.parent.mkdir(exist_ok=True)
    folders = {library.parent.relative_to(UNPACKED) for library in UNPACKED.glob("**/*.so*")}
    libraries = ":".join(f"$tree/{folder}" for folder in sorted(folders))
    program.write_text(
        "#!/bin/sh\n"
        "tree=${0%/bin/*}\n"
        f'LD_LIBRARY_PATH="{libraries}" exec "$tree/{binary.relative_to(UNPACKED)}" "$@"\n'
    )
    program.chmod(0o755)
    return program


def _run(name: str, *command: str, cwd: Path | None = None) -> str:
    spoken = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(command, cwd=cwd, env=spoken, capture_output=True, text=True, check=False)
    if done.returncode:
        why = f"`{shlex.join(command)}` failed: {done.stderr.strip()[-500:]}\n{_advice()}"
        raise ServerMissing(name, why)
    return done.stdout
