"""Make benchmarks/.venv with the peers of pglib, as far as they are to be had."""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
VENV = HERE / ".venv"
PYTHON = VENV / "bin/python"
LARGE = (
    "it is not installed: the PyTorch on offer brings CUDA libraries, a download of about 3 GB "
    "(3.0 GB for PyTorch 2.15.0 on Linux, x86-64). BENCH_TORCH=1 make bench installs it"
)


def make():
    """Install what requirements.txt lists; return why a package is missing, by its name."""
    wanted = {re.match(r"[\w-]+", line)[0]: line for line in requirements()}
    if not PYTHON.exists():
        print("Making benchmarks/.venv ...", flush=True)
        if subprocess.call([sys.executable, "-m", "venv", "--clear", VENV]):
            return dict.fromkeys(wanted, "python -m venv could not make benchmarks/.venv")
    missing = {}
    for name, requirement in wanted.items():
        if name == "torch":
            requirement = torch_to_install(requirement, installed("torch"), offered)
        if name == "stable-baselines3" and "torch" in missing:
            requirement = None  # it would bring its own PyTorch
        if requirement is None:
            missing[name] = LARGE
        elif pip("install", "-q", requirement).returncode:
            missing[name] = "pip could not install it"
    for name, reason in missing.items():
        print(f"{name}: {reason}", flush=True)
    return missing


def requirements():
    """Return the lines of requirements.txt without comments."""
    lines = (HERE / "requirements.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def torch_to_install(requirement, is_installed, offered):
    """Return what to ask pip for: what is there, a CPU build, a large one if BENCH_TORCH=1 says so, or None."""
    if is_installed or os.environ.get("BENCH_TORCH") == "1" or platform.system() != "Linux":
        return requirement  # only those for Linux bring CUDA
    on_cpu = re.findall(r"[\d.]+\+cpu", offered("torch"))
    return f"{requirement},=={on_cpu[0]}" if on_cpu else None


def installed(name):
    """Say whether the environment has a package."""
    return pip("show", "-q", name, stderr=subprocess.DEVNULL).returncode == 0


def offered(name):
    """Return pip's words on the versions of a package that it could install here, newest first."""
    return pip("index", "versions", name, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def pip(*arguments, **options):
    """Call the pip of the environment."""
    return subprocess.run([PYTHON, "-m", "pip", "--disable-pip-version-check", *arguments], text=True, **options)


def versions():
    """Return the versions of what is installed, as one phrase."""
    listed = pip("list", "--format=freeze", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.split()
    found = dict(line.split("==") for line in listed if "==" in line)
    found = {name.replace("_", "-"): version for name, version in found.items()}
    names = [re.match(r"[\w-]+", line)[0] for line in requirements()]
    return ", ".join(f"{name} {found[name]}" for name in names if name in found)


if __name__ == "__main__":
    sys.exit(bool(make()))
