"""tools/env.py: it never leaves an environment that the next call believes in wrongly.

Each test copies the script into a directory of its own, with a small shell script in the place of uv.
"""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import env
import pytest

UV = """#!/bin/sh
echo "$@" >> "{log}"
case "$1" in
venv)  # the real one too clears the directory, and fills it before the packages come
  for directory; do :; done
  rm -rf "$directory" && mkdir -p "$directory/bin" ;;
pip)
  {pip} ;;
esac
"""


class Clone:
    """A directory with the script, the files that it reads, and a uv that notes how it is called."""

    def __init__(self, root):
        self.root, self.log, self.stamp = root, root / "log", root / ".venv/ready"
        (root / "tools").mkdir(parents=True)
        (root / "bin").mkdir()
        shutil.copy(env.__file__, root / "tools")
        (root / "requirements.txt").write_text("numpy==2.4.6\n")
        (root / "pyproject.toml").write_text("[project]\n")
        self.let_pip(":")

    def let_pip(self, command):
        (self.root / "bin/uv").write_text(UV.format(log=self.log, pip=command))
        (self.root / "bin/uv").chmod(0o755)

    def call(self, **environment):
        path = f"{self.root / 'bin'}:{os.environ['PATH']}"
        command = [sys.executable, self.root / "tools/env.py"]
        self.log.write_text("")
        return subprocess.run(command, env=os.environ | {"PATH": path} | environment, capture_output=True, text=True)

    def installs(self):
        return [line for line in self.log.read_text().splitlines() if line.startswith("pip install")]


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path / "clone")


def test_makes_it_once_and_then_returns_at_once(clone):
    first = clone.call()
    assert first.returncode == 0 and "Making .venv with uv" in first.stdout
    assert len(clone.installs()) == 1
    second = clone.call()
    assert (second.returncode, second.stdout, clone.log.read_text()) == (0, "", "")


def test_the_python_is_the_running_one(clone):
    clone.call()
    create = next(line for line in clone.log.read_text().splitlines() if line.startswith("venv"))
    assert f"--python {sys._base_executable} " in create


@pytest.mark.parametrize("name", ["requirements.txt", "pyproject.toml"])
def test_a_changed_file_makes_it_anew(clone, name):
    clone.call()
    with open(clone.root / name, "a") as file:
        file.write("# changed\n")
    assert clone.call().returncode == 0 and len(clone.installs()) == 1


def test_a_moved_clone_makes_it_anew(clone):
    clone.call()
    clone.root.rename(clone.root.with_name("moved"))
    clone.root = clone.root.with_name("moved")
    clone.log = clone.root / "log"
    clone.let_pip(":")
    assert clone.call().returncode == 0 and len(clone.installs()) == 1


def test_another_python_makes_it_anew(clone):
    clone.call()
    clone.stamp.write_text(clone.stamp.read_text().replace(sys.version, "3.99.0"))
    assert clone.call().returncode == 0 and len(clone.installs()) == 1


def test_a_failing_installation_leaves_no_stamp(clone):
    clone.call()
    (clone.root / "requirements.txt").write_text("numpy==0.0.0\n")
    clone.let_pip("echo no such version >&2; exit 1")
    failed = clone.call()
    assert failed.returncode != 0 and "could not install requirements.txt" in failed.stderr
    assert not clone.stamp.exists()
    clone.let_pip(":")
    assert clone.call().returncode == 0 and clone.stamp.exists()


def test_a_killed_installation_leaves_no_stamp(clone):
    clone.call()
    (clone.root / "requirements.txt").write_text("numpy==2.4.5\n")
    clone.let_pip("kill -9 $PPID")
    assert clone.call().returncode == -9
    assert (clone.root / ".venv").exists() and not clone.stamp.exists()
    (clone.root / "requirements.txt").write_text("numpy==2.4.6\n")  # as when the stamp was there
    clone.let_pip(":")
    assert clone.call().returncode == 0 and len(clone.installs()) == 1


def test_without_uv_a_missing_venv_module_is_told(clone):
    (clone.root / "bin/uv").write_text("#!/bin/sh\nexit 127\n")  # a stub on PATH that has no uv behind it
    (clone.root / "broken").mkdir()
    (clone.root / "broken/venv.py").write_text("raise SystemExit('ensurepip is not available')")
    failed = clone.call(PYTHONPATH=str(clone.root / "broken"))
    assert failed.returncode != 0 and "Making .venv with pip" in failed.stdout
    assert "python3-venv" in failed.stderr and not clone.stamp.exists()


def test_an_old_python_hears_a_sentence():
    assert env.too_old((3, 11, 0), "python3") == ""
    assert env.too_old((4, 0, 0), "python3") == ""
    for version in ((2, 7, 18), (3, 6, 15), (3, 10, 13)):
        sentence = env.too_old(version, "/usr/bin/python3")
        assert "3.11 or newer" in sentence and "/usr/bin/python3" in sentence
        assert "Python {}.{}.{}".format(*version) in sentence


def test_an_old_python_can_read_the_script():
    source = Path(env.__file__).read_text(encoding="ascii")
    new = (ast.JoinedStr, ast.NamedExpr, ast.AnnAssign, ast.Nonlocal, ast.AsyncFunctionDef, ast.Starred, ast.YieldFrom)
    for node in ast.walk(ast.parse(source)):
        assert not isinstance(node, new), ast.unparse(node)
        if isinstance(node, ast.arguments):
            assert not node.kwonlyargs and not any(argument.annotation for argument in node.args)
        if isinstance(node, ast.Import | ast.ImportFrom) and node.col_offset == 0:
            assert {name.name for name in node.names} <= {"hashlib", "os", "subprocess", "sys"}
