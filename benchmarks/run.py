"""Measure pglib beside its peers and write benchmarks/RESULTS.md. `make bench` calls it; README.md says what it does.

Every measurement is a process of its own. A round runs each program once, one after the other, and each ratio is taken
within a round. No time makes this script fail, nor does a program that is missing or breaks: its rows say so.
"""

import datetime
import importlib.metadata
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks import environment

ROOT = Path(__file__).parent.parent
ROUNDS = 5
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
C_FLAGS = ["-O3", "-march=native", "-ffast-math"]
CARTPOLE_C = "the C loop"  # stands for the compiled program in a command


@dataclass(frozen=True)
class Program:
    """A program of the benchmark: its command without the seed, the package it needs, in how many rounds it runs."""

    name: str
    command: tuple
    needs: str = ""
    rounds: int = ROUNDS


OURS, PEER = (sys.executable, "-m", "benchmarks.ours"), (environment.PYTHON, "-m")
PROGRAMS = {
    "linear": Program("pglib, linear, 100 runs x 20 episodes", (*OURS, "cartpole", "linear", 100, 40, 20, 0.4)),
    "jax": Program(
        "JAX, linear, 100 runs x 20 episodes",
        (*PEER, "benchmarks.peers.reinforce_jax", "linear", 100, 40, 20, 0.4),
        "jax",
    ),
    "c": Program("C, linear, 1000 runs x 20 episodes", (CARTPOLE_C, 1000, 40, 0.4), "gcc"),
    "gymnasium": Program(
        "Gymnasium's vector CartPole alone, 2000 lanes",
        (*PEER, "benchmarks.peers.gymnasium_vector", 2000, 5000),
        "gymnasium",
    ),
    "mlp": Program("pglib, MLP-32, 100 runs x 20 episodes", (*OURS, "cartpole", "mlp", 100, 26, 20, 0.05)),
    "jax mlp": Program(
        "JAX, MLP-32, 100 runs x 20 episodes",
        (*PEER, "benchmarks.peers.reinforce_jax", "mlp", 100, 26, 20, 0.05),
        "jax",
    ),
    "solve": Program("pglib, linear, 100 runs, until solved", (*OURS, "cartpole", "linear", 100, 28, 20, 0.3)),
    "one": Program("pglib, linear, 1 run, until solved", (*OURS, "cartpole", "linear", 1, 28, 20, 0.3)),
    "a2c": Program("Stable-Baselines3, A2C, one seed", (*PEER, "benchmarks.peers.a2c"), "stable-baselines3"),
    "torch": Program("PyTorch, REINFORCE, one seed", (*PEER, "benchmarks.peers.reinforce_torch"), "torch", 3),
    "growth": Program("pglib, growth", (*OURS, "growth")),
    "exact": Program("pglib, exact gradients", (*OURS, "exact")),
    "score": Program("pglib, score function", (*OURS, "score")),
}


@dataclass(frozen=True)
class Row:
    """A ratio: (program, quantity) over (program, quantity), with what it must reach and what it aims at."""

    title: str
    over: tuple
    under: tuple
    must: float | None = None
    aim: float | None = None


ROWS = [
    Row("linear, env-steps per CPU-second / A2C", ("linear", "rate"), ("a2c", "rate"), 3200, 6000),
    Row("linear, env-steps per CPU-second / JAX, compiled", ("linear", "rate"), ("jax", "rate"), 2.4, 4),
    Row("MLP-32, env-steps per CPU-second / A2C", ("mlp", "rate"), ("a2c", "rate"), 620, 1100),
    Row("MLP-32, env-steps per CPU-second / JAX, compiled", ("mlp", "rate"), ("jax mlp", "rate"), 3, 5),
    Row("linear, env-steps per CPU-second / PyTorch", ("linear", "rate"), ("torch", "rate")),
    Row(
        "linear, env-steps per CPU-second / Gymnasium's CartPole, no learner",
        ("linear", "rate"),
        ("gymnasium", "rate"),
    ),
    Row("C loop, env-steps per CPU-second / linear: the distance", ("c", "rate"), ("linear", "rate"), 7.5, 4),
    Row("100 linear runs solved / ONE A2C seed, whole process", ("solve", "whole"), ("a2c", "whole"), 1 / 27, 1 / 50),
    Row("1 linear run solved / ONE A2C seed, whole process", ("one", "whole"), ("a2c", "whole")),
    Row("100 linear runs solved / ONE PyTorch seed, whole process", ("solve", "whole"), ("torch", "whole")),
    Row("100 MLP-32 runs / ONE A2C seed, whole process", ("mlp", "whole"), ("a2c", "whole")),
    Row("100 linear runs / 100 in JAX, whole process, compilation included", ("linear", "whole"), ("jax", "whole")),
    Row("growth: CPU of 10 runs / 1 run, 10 episodes", ("growth", "10 x 10"), ("growth", "1 x 10")),
    Row("growth: CPU of 100 runs / 1 run, 10 episodes", ("growth", "100 x 10"), ("growth", "1 x 10"), 10, 6),
    Row("growth: CPU of 1000 runs / 100 runs, 10 episodes", ("growth", "1000 x 10"), ("growth", "100 x 10"), 9.5, 7),
    Row("growth: CPU of 100 episodes / 10 episodes, 100 runs", ("growth", "100 x 100"), ("growth", "100 x 10")),
    Row("peak memory of 100 linear runs / A2C", ("linear", "peak"), ("a2c", "peak")),
    Row("peak memory of 100 linear runs / JAX", ("linear", "peak"), ("jax", "peak")),
    Row(
        "exact gradients, 1000 thetas, 5 states / one solve",
        ("exact", "gradients"),
        ("exact", "solve"),
        4.4,
        2.5,
    ),
    Row("score_function, 10^6 Gaussian samples / drawing them", ("score", "samples"), ("score", "draw"), 1.9, 1.2),
]


def value(measured, quantity, with_system=False):
    """Return a quantity of one measurement; CPU time is user time, with the system's if asked for."""
    if quantity == "peak":
        return measured["peak_mib"]
    if quantity in measured.get("parts", {}):
        user, system = measured["parts"][quantity]
    else:
        user, system = measured["whole" if quantity == "whole" else "training"]
    seconds = user + system * with_system
    return measured["env_steps"] / seconds if quantity == "rate" else seconds


def ratios(row, measured, with_system=False):
    """Return the ratio of each round in which both programs ran, or the reason why there is none, a string."""
    over, under = (measured[program] for program, _ in (row.over, row.under))
    for found in (over, under):
        if isinstance(found, str):
            return found
    return [
        value(a, row.over[1], with_system) / value(b, row.under[1], with_system)
        for a, b in zip(over, under, strict=False)
    ]


def shown(ratio):
    """Return a ratio as it is written in the table, three digits: 3910x, 4.4x, 1/27."""
    if ratio is None:
        return ""
    return f"1/{1 / ratio:.3g}" if ratio < 0.5 else f"{float(f'{ratio:.3g}'):g}x"


def reached(row, ratio):
    """Say whether a ratio is as good as the aim, the must, or neither."""
    if row.must is None:
        return ""
    sign = 1 if row.aim > row.must else -1  # where the aim is the smaller number, less is better
    return "aim" if sign * (ratio - row.aim) >= 0 else "must" if sign * (ratio - row.must) >= 0 else "no"


def ratio_table(measured):
    """Return the table of ratios, lines of Markdown."""
    lines = ["| | measured | min to max | must | aim | reached | with system time |", "|---|---|---|---|---|---|---|"]
    for row in ROWS:
        goals = f"{shown(row.must)} | {shown(row.aim)}"
        found = ratios(row, measured)
        if isinstance(found, str):
            lines.append(f"| {row.title} | not measured: {found} | | {goals} | | |")
            continue
        median = statistics.median(found)
        lowest_highest = f"{shown(min(found))} to {shown(max(found))}"
        with_system = "" if row.over[1] == "peak" else shown(statistics.median(ratios(row, measured, True)))
        lines.append(
            f"| {row.title} | {shown(median)} | {lowest_highest} | {goals} | {reached(row, median)} | {with_system} |"
        )
    return lines


def program_table(measured):
    """Return the table of programs: what each did and whether it learned, lines of Markdown."""
    lines = [
        "| program | million env-steps per CPU-s | thousand env-steps of a run | CPU s of the training "
        "| CPU s of the process | peak MiB | mean return at the end | solved | rounds |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for key, program in PROGRAMS.items():
        found = measured[key]
        if isinstance(found, str):
            lines.append(f"| {program.name} | not measured: {found} | | | | | | | |")
        elif "training" in found[0]:
            columns = (
                ("{:.3g}", [value(one, "rate") / 1e6 for one in found]),
                ("{:.0f}", [one["env_steps"] / one["runs"] / 1e3 for one in found]),
                ("{:.3g}", [value(one, "training") for one in found]),
                ("{:.3g}", [value(one, "whole") for one in found]),
                ("{:.0f}", [one["peak_mib"] for one in found]),
                ("{:.1f}", [one["mean_return"] for one in found]),
            )
            medians = [form.format(statistics.median(numbers)) for form, numbers in columns]
            lines.append(f"| {' | '.join([program.name, *medians, solved(found), str(len(found))])} |")
    return lines


def solved(found):
    """Return how many runs were solved of how many, over all rounds."""
    if found[0]["solved"] is None:
        return "learns nothing"
    return f"{sum(one['solved'] for one in found)} of {sum(one['runs'] for one in found)}"


def compile_sentence(measured):
    """Return what JAX took to compile."""
    times = [
        f"{statistics.median(one['compile'] for one in measured[key]):.1f} CPU s for {name}"
        for key, name in (("jax", "the linear policy"), ("jax mlp", "MLP-32"))
        if not isinstance(measured[key], str)
    ]
    return f"Compilation in JAX, not in its rate: {', '.join(times)}." if times else ""


def page(measured, about):
    """Return RESULTS.md: sentences about the machine, the ratios, the programs."""
    return "\n".join([
        "# Results of `make bench`",
        "",
        about,
        "",
        "Ratios of user CPU time, each taken within a round: the median of the rounds, the lowest and the highest, and",
        "beside them what must be reached and what is aimed at. `README.md` says what the programs do.",
        "",
        *ratio_table(measured),
        "",
        "The same rounds, program by program: medians of user CPU time. *Solved* is the number of runs whose last 100",
        "training episodes had a mean return of at least 475 after some update (PyTorch: its own running mean return).",
        "",
        *program_table(measured),
        "",
        compile_sentence(measured),
        "",
    ])  # fmt: skip


def about():
    """Return the sentences that say when and where."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    gcc = shutil.which("gcc") and subprocess.run(["gcc", "--version"], capture_output=True, text=True).stdout
    return (
        f"{datetime.date.today()}, {processor()}, {cores} cores, {platform.system()}. One thread, pinned to "
        "one core where the system can.\n"
        f"pglib: Python {platform.python_version()}, numpy {importlib.metadata.version('numpy')}. "
        f"Peers: {environment.versions()}, {gcc.splitlines()[0] if gcc else 'no gcc'}."
    )


def processor():
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def measure(command):
    """Run a command; return its report with the CPU time (user, system) and peak memory of the process, or why not."""
    environ = os.environ | dict.fromkeys(THREADS, "1")
    environ.pop("PYTHONDONTWRITEBYTECODE", None)  # compiling modules anew in each process is nobody's training
    with tempfile.TemporaryFile("w+") as err:
        words = [str(word) for word in command]
        with subprocess.Popen(words, cwd=ROOT, env=environ, text=True, stdout=subprocess.PIPE, stderr=err) as process:
            out = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        err.seek(0)
        last = (err.read().strip().splitlines() or ["no message"])[-1]
    if process.returncode:
        return f"it failed: {last}".replace("|", "/")
    found = json.loads(out.splitlines()[-1])
    if "user" in found:
        found["training"] = found.pop("user"), found.pop("system")
    found["whole"] = usage.ru_utime, usage.ru_stime
    found["peak_mib"] = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return found


def compiled(folder):
    """Return the C loop, compiled, or None."""
    target = Path(folder, "cartpole")
    source = ROOT / "benchmarks/peers/cartpole.c"
    if not shutil.which("gcc") or subprocess.call(["gcc", *C_FLAGS, "-o", target, source, "-lm"]):
        return None
    return target


def main():
    """Make the environment, measure all rounds, write the page."""
    missing = environment.make()
    words = about()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        c_loop = compiled(folder)
        if c_loop is None:
            missing["gcc"] = "it needs gcc"
        measured = {key: missing.get(program.needs, []) for key, program in PROGRAMS.items()}
        for seed in range(ROUNDS):
            print(f"Round {seed + 1} of {ROUNDS}:", flush=True)
            for key, program in PROGRAMS.items():
                if isinstance(measured[key], str) or seed >= program.rounds:
                    continue
                found = measure([c_loop if word is CARTPOLE_C else word for word in (*program.command, seed)])
                if isinstance(found, str):
                    measured[key] = found
                    print(f"  {program.name}: {found}", flush=True)
                else:
                    measured[key].append(found)
                    print(f"  {program.name}: {found['whole'][0]:.2f} CPU s", flush=True)
    text = page(measured, words)
    (ROOT / "benchmarks/RESULTS.md").write_text(text)
    print(f"\n{text}\nwritten to benchmarks/RESULTS.md")


if __name__ == "__main__":
    main()
