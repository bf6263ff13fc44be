"""Make a virtual environment once, and again only when what it was made of changes.

    python3 -m tools.environment .venv requirements/dev.txt --editable

The environment is made by the interpreter that runs this, or by the first supported one of the machine
when that is too old. What it was made of is kept inside it; when only `pyproject.toml` differs, the package
alone is installed again.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools import interpreters

ROOT = Path(__file__).resolve().parent.parent
CANNOT = 2
"""Exit status when the machine lacks something that a person has to bring."""


def main() -> None:
    """Bring the environment named on the command line up to date."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this is the one place that an old Python reaches
        _become_supported()
    parser = argparse.ArgumentParser(description="Bring a virtual environment up to date.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("requirements", type=Path)
    parser.add_argument("--editable", action="store_true", help="install the package of this tree too")
    asked = parser.parse_args()
    bring_up_to_date(ROOT / asked.directory, ROOT / asked.requirements, asked.editable)


def bring_up_to_date(directory: Path, requirements: Path, editable: bool) -> None:
    """Do as little as makes the environment what it should be."""
    python = directory / "bin" / "python"
    made = directory / ".made-of"
    installed = directory / ".installed-of"
    parts = _digest(sys.version, requirements.read_text())
    if _read(made) != parts:
        _require_venv()
        print(f"making {directory.name} with Python {sys.version.split()[0]}", flush=True)
        shutil.rmtree(directory, ignore_errors=True)
        _run(sys.executable, "-m", "venv", str(directory))
        _run(str(python), "-m", "pip", "install", "-qq", "-r", str(requirements))
        made.write_text(parts)
    if editable and _read(installed) != (package := _digest((ROOT / "pyproject.toml").read_text())):
        options = ["-qq", "--no-deps", "--no-build-isolation"]
        _run(str(python), "-m", "pip", "install", *options, "--editable", str(ROOT))
        installed.write_text(package)


def venv_hint() -> str:
    """What to do when this interpreter cannot make environments, or an empty string when it can."""
    if _importable("venv") and _importable("ensurepip"):
        return ""
    version = interpreters.running()
    if shutil.which("apt-get"):
        return f"python{version} cannot make environments; this brings it:\n\n    {_apt_command(version)}\n"
    return f"python{version} cannot make environments: its modules venv and ensurepip are missing"


def _importable(module: str) -> bool:
    """Whether the module is there; the empty folder that a removed package leaves behind is not it."""
    spec = importlib.util.find_spec(module)
    return spec is not None and spec.origin is not None


def _apt_command(version: str) -> str:
    return f"sudo apt-get install -y python{version}-venv"


def _require_venv() -> None:
    if hint := venv_hint():
        print(hint, file=sys.stderr)
        sys.exit(CANNOT)


def _become_supported() -> None:
    for version in interpreters.SUPPORTED:
        if path := interpreters.find(version):
            os.execv(path, [path, "-m", "tools.environment", *sys.argv[1:]])
    print("Celeriac needs Python " + interpreters.SUPPORTED[0] + " or newer; none was found", file=sys.stderr)
    sys.exit(CANNOT)


def _run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, check=False, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    if done.returncode:
        print("failed: " + " ".join(command), file=sys.stderr)
        sys.exit(done.returncode)


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


if __name__ == "__main__":
    main()
