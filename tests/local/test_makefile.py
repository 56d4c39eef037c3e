"""What a newcomer meets before any Python of ours runs."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
TOOLS = ("make", "bash", "sha256sum", "cut", "cat", "grep", "sed", "expand", "mkdir", "rm", "touch")


@pytest.fixture
def checkout(tmp_path):
    """A checkout without an environment, and a PATH with no Python on it."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in TOOLS:
        (tools / name).symlink_to(shutil.which(name))
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def python(checkout: Path, name: str, script: str) -> None:
    path = checkout / "tools" / name
    path.write_text(f"#!{shutil.which('bash')}\n{script}\n")
    path.chmod(0o755)


def make(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": str(checkout / "tools"), "HOME": str(checkout)}
    return subprocess.run(
        [checkout / "tools" / "make", *words],
        cwd=checkout,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_fitting_python_one_sentence_says_what_to_install(checkout):
    python(checkout, "python3", "exit 1")  # too old, or without venv
    result = make(checkout, "setup")
    assert result.returncode != 0
    assert "needs Python 3.11 or 3.12" in result.stderr
    assert "apt-get install" in result.stderr
    assert not (checkout / ".venv").exists()


def test_a_python_that_is_named_but_does_not_fit_is_refused(checkout):
    python(checkout, "old", "exit 1")
    result = make(checkout, "setup", f"PYTHON={checkout}/tools/old")
    assert result.returncode != 0
    assert "old is not a Python 3.11 or 3.12" in result.stderr


def test_a_name_on_path_that_does_not_start_is_passed_over(checkout):
    python(checkout, "python3.12", "exit 127")
    python(
        checkout,
        "python3",
        'echo "$*" >> "$HOME/calls"; if [[ $1 == --version ]]; then echo "Python 3.11.2"; fi',
    )
    result = make(checkout, "setup")
    assert "Making .venv with Python 3.11.2" in result.stdout
    assert (checkout / "calls").read_text().splitlines()[-1] == "-m venv --clear .venv"


def test_an_environment_is_installed_once_for_each_content_of_the_requirements(checkout):
    installed = checkout / "calls"
    (checkout / ".venv" / "bin").mkdir(parents=True)
    python(checkout, "../.venv/bin/python", f'[[ $2 == pip ]] && echo "$*" >> {installed}; exit 0')
    for _ in range(2):
        assert make(checkout, "setup").returncode == 0
    (line,) = installed.read_text().splitlines()
    assert "--require-hashes -r requirements.txt" in line
    with (checkout / "requirements.txt").open("a") as out:
        out.write("# changed\n")
    assert make(checkout, "setup").returncode == 0
    assert len(installed.read_text().splitlines()) == 2


def test_help_names_every_target(checkout):
    targets = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)[0].split()
    listed = [line.split()[0] for line in make(checkout, "help").stdout.splitlines()]
    assert sorted(listed) == sorted(targets)


def test_ci_runs_the_test_command_and_the_demo_and_fails_with_either(tmp_path):
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    for failing in ("test", "demo", ""):
        stub = tmp_path / "make"
        stub.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/asked\n[ "$1" != "{failing}" ]\n')
        stub.chmod(0o755)
        environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "CHROMIUM": "/nowhere"}
        status = subprocess.run([tmp_path / ".ci" / "run"], env=environ, check=False).returncode
        assert (status != 0) == bool(failing)
    assert (tmp_path / "asked").read_text().split() == ["test", "test", "demo", "test", "demo"]
