"""Run every notebook that the built pages offer, as a reader who has downloaded it: check_downloads.py DIR.

Each lies in a folder with the package's wheel and nothing else, and runs in an environment that knows pip and
ipykernel alone until the notebook's first cell installs the rest, in the newest versions that the package allows.
A cell that fails or warns is named: a warning is how a library says that it will break the chapter. Needs the
package index.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import claims
import nbformat
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, CellExecutionError, DeadKernelError

PACKAGE = "policy-gradients-checked"
TIMEOUT = 300  # seconds for one cell, the installation included
WHERE = "import pglib; print(pglib.__file__)"
COLORS = re.compile(r"\x1b\[[0-9;]*m")


def call(*command, **options):
    """Run a command and return what it prints, or end with what it says."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"check_downloads.py: {' '.join(map(str, command))}\n{done.stderr or done.stdout}")
    return done.stdout.strip()


def clean_environment(folder):
    """Make an environment that runs notebooks and holds nothing else, and return its Python."""
    call(sys.executable, "-m", "venv", folder)
    call(folder / "bin/python", "-m", "pip", "install", "-q", "ipykernel")
    return folder / "bin/python"


def variables(folder):
    """Return the variables of a reader's shell: every warning is shown, and nothing leads to this environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MPL"))}
    return kept | {"PYTHONNOUSERSITE": "1", "PYTHONWARNINGS": "default", "IPYTHONDIR": str(folder / "ipython")}


def kernel_of(python):
    """Return a kernel manager that knows one kernel, that of a Python."""

    class ThisPython(KernelSpecManager):
        def get_kernel_spec(self, kernel_name):
            return KernelSpec(argv=[str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"])

    return AsyncKernelManager(kernel_spec_manager=ThisPython())


def run(path, python, environment):
    """Execute a notebook where it lies, and return what is wrong as a list of messages."""
    notebook, started, problems = nbformat.read(path, as_version=4), [], []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None  # what is stored did not happen here
    client = NotebookClient(
        notebook,
        km=kernel_of(python),
        timeout=TIMEOUT,
        extra_arguments=["--log-level=ERROR"],
        record_timing=False,
        resources={"metadata": {"path": path.parent}},
        on_cell_start=lambda cell, cell_index: started.append((cell_index + 1, cell)),
    )
    try:
        client.execute(cleanup_kc=True, env=environment)
    except (CellExecutionError, CellControlSignal, TimeoutError, DeadKernelError) as error:
        reason = f"{error.ename}: {error.evalue}" if isinstance(error, CellExecutionError) else str(error)
        problems.append(f"{claims.place(path, *started[-1])} fails: {COLORS.sub('', reason)}")
    for number, cell in started:
        for one in cell.get("outputs", []):
            if one.output_type == "stream" and (one.name == "stderr" or "ERROR: " in one.text):  # pip's are on stdout
                problems.append(f"{claims.place(path, number, cell)} says: {COLORS.sub('', one.text).strip()}")
    return problems


def check(paths):
    """Run the notebooks, each beside the package and nothing else, and return what is wrong."""
    problems, pythons = [], {}  # notebooks with the same first cell share an environment
    with TemporaryDirectory() as outside:
        outside = Path(outside).resolve()
        environment = variables(outside)
        for path in paths:
            start = time.perf_counter()
            first = nbformat.read(path, as_version=4).cells[0].source
            if first not in pythons:
                pythons[first] = clean_environment(outside / f"environment-{len(pythons)}")
            python = pythons[first]
            call(python, "-m", "pip", "uninstall", "-q", "-y", PACKAGE)  # what it needs may stay
            folder = outside / path.stem
            folder.mkdir()
            for one in (path, *path.parent.glob("*.whl")):
                shutil.copy(one, folder)
            found = run(folder / path.name, python, environment)
            if not found and not Path(call(python, "-c", WHERE, cwd=folder, env=environment)).is_relative_to(outside):
                found = [f"{path.name}: it did not use the pglib that it installed"]
            problems += found
            print(f"{path.name}: {'FAILED' if found else 'runs'}, {time.perf_counter() - start:.0f} s", flush=True)
    return problems


def main():
    """Print the problems and fail, or say how many notebooks ran."""
    if len(sys.argv) != 2:
        sys.exit("usage: check_downloads.py DIR")
    paths = sorted(Path(sys.argv[1]).resolve().glob("_downloads/*.ipynb"))
    problems = check(paths) if paths else [f"no notebook found in {sys.argv[1]}/_downloads"]
    if problems:
        sys.exit("\n".join(problems) + f"\ncheck_downloads.py: {len(problems)} problems")
    print(f"check_downloads.py: all is well with {len(paths)} notebooks, installed as their first cells say")


if __name__ == "__main__":
    main()
