"""Environments are made once, made anew when what they are made of changes, and refused with the way out."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from tools import environment, interpreters


@pytest.fixture
def bring(tmp_path):
    """Bring an empty environment up to date, and tell whether it was made anew."""
    directory, requirements = tmp_path / "environment", tmp_path / "requirements.txt"
    requirements.write_text("")

    def bring(wanted: str = "") -> bool:
        requirements.write_text(wanted)
        witness = directory / "witness"
        environment.bring_up_to_date(directory, requirements, editable=False)
        anew = not witness.exists()
        witness.write_text("")
        return anew

    return bring


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_environment_is_made_anew_only_when_its_requirements_change(bring):
    assert bring()
    assert not bring()
    assert bring("# other words")


def test_missing_venv_is_answered_with_the_command_that_brings_it(monkeypatch, tmp_path, capsys):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ensurepip" else find_spec(name))
    apt_get = tmp_path / "apt-get"
    apt_get.write_text("")
    apt_get.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "requirements.txt").write_text("")

    with pytest.raises(SystemExit) as refused:
        environment.bring_up_to_date(tmp_path / "environment", tmp_path / "requirements.txt", editable=False)

    assert refused.value.code == 2
    assert f"sudo apt-get install -y python{interpreters.running()}-venv" in capsys.readouterr().err
    assert not (tmp_path / "environment").exists()


def test_interpreter_is_found_by_its_version_and_a_dead_shim_is_passed_over(monkeypatch, tmp_path):
    version = interpreters.running()
    shims, real = tmp_path / "shims", tmp_path / "real"
    for folder, script in ((shims, "exit 127"), (real, f'exec {sys.executable} "$@"')):
        folder.mkdir()
        program = folder / f"python{version}"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shims}:{real}")

    assert interpreters.find(version) == f"{real}/python{version}"


def test_interpreter_that_pyenv_keeps_is_found_and_an_absent_one_is_not(monkeypatch, tmp_path):
    version = interpreters.running()
    folder = tmp_path / "versions" / f"{version}.1" / "bin"
    folder.mkdir(parents=True)
    program = folder / f"python{version}"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))

    assert interpreters.find(version) == str(program)
    assert interpreters.find("3.99") is None
