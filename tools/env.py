# ruff: noqa: UP031 - an f-string would be a SyntaxError, and no sentence, under an old Python
"""Make .venv: what requirements.txt locks, and the package itself, editable.

Every make target calls this first, with the python3 that is there. The stamp .venv/ready says what the
environment was made from; it goes before anything is changed and comes back last, so that an interrupted
installation leaves none.
"""

import hashlib
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOCK = os.path.join(ROOT, "requirements.txt")
VENV = os.path.join(ROOT, ".venv")
STAMP = os.path.join(VENV, "ready")
OLDEST = (3, 11)


def too_old(version, executable):
    """Return the sentence that a Python of this version gets, or an empty one if it will do."""
    if tuple(version[:2]) >= OLDEST:
        return ""
    return (
        "Python %d.%d or newer is needed, and %s is Python %d.%d.%d. Name another one: make PYTHON=/path/to/python3"
        % (OLDEST + (executable,) + tuple(version[:3]))
    )


def wanted():
    """Return what the stamp of an environment made now would say: files, Python and place."""
    files = hashlib.sha256()
    for name in (LOCK, os.path.join(ROOT, "pyproject.toml")):
        with open(name, "rb") as file:
            files.update(file.read())
    return "%s\n%s\n%s\n" % (files.hexdigest(), sys.version, ROOT)


def stamped():
    """Return what the stamp says, nothing if there is none."""
    if not os.path.exists(STAMP):
        return ""
    with open(STAMP) as file:
        return file.read()


def runs(command):
    """Say whether a command is there and works: a name on PATH may be a stub without a program behind it."""
    try:
        return subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def make():
    """Make the environment anew, by uv if that is there, else by venv and pip."""
    # under an activated .venv, sys.executable lies in the directory that is about to be cleared
    base = getattr(sys, "_base_executable", None) or sys.executable
    python = os.path.join(VENV, "bin", "python")
    packages = ["-r", LOCK, "-e", ROOT]
    if runs(["uv", "--version"]):
        tool, expected = "uv", "half a minute"
        create = ["uv", "venv", "-q", "--clear", "--python", base, VENV]
        install = ["uv", "pip", "install", "-q", "--compile-bytecode", "--python", python] + packages  # as pip does
    else:
        tool, expected = "pip", "about a minute"
        create = [base, "-m", "venv", "--clear", VENV]
        install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"] + packages
    print("Making .venv with %s, from Python %d.%d.%d: %s ..." % ((tool,) + sys.version_info[:3] + (expected,)))
    sys.stdout.flush()
    if subprocess.call(create) != 0:
        hint = "" if tool == "uv" else " (on Debian, install the package python3-venv)"
        sys.exit("tools/env.py: %s could not make .venv%s" % (tool, hint))
    if subprocess.call(install) != 0:
        sys.exit("tools/env.py: %s could not install requirements.txt into .venv; see its words above" % tool)


def main():
    """Leave a .venv that is what the files ask for, or fail."""
    sentence = too_old(sys.version_info, sys.executable)
    if sentence:
        sys.exit(sentence)
    import fcntl  # not everywhere, so only once the sentence above is out of the way

    with open(LOCK) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second make waits for the first
        if stamped() == wanted():
            return
        if os.path.exists(STAMP):
            os.remove(STAMP)
        make()
        with open(STAMP, "w") as file:
            file.write(wanted())


if __name__ == "__main__":
    main()
