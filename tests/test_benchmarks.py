"""benchmarks/: the arithmetic of its tables, what it asks pip for, that its programs compile and the C loop learns."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import environment, measure, run

HERE = Path(run.__file__).parent


def one(user, env_steps=1e6, **others):
    """Return a measurement as `run.measure` returns it: a training, in a process that takes a second longer."""
    return {
        "training": (user, user), "whole": (user + 1, user), "peak_mib": 50.0, "env_steps": env_steps,
        "mean_return": 480.0, "solved": 1, "runs": 2, **others,
    }  # fmt: skip


def made_up():
    """Return measurements of three rounds for every program; PyTorch is missing."""
    measured = {key: [one(user) for user in (1.0, 2.0, 4.0)] for key in run.PROGRAMS}
    measured["linear"] = [one(user, env_steps=8e9) for user in (2.0, 2.0, 2.0)]
    for key in ("jax", "jax mlp"):
        measured[key] = [one(3.0, compile=2.5)]
    for key in ("growth", "exact", "score"):
        names = {quantity for row in run.ROWS for program, quantity in (row.over, row.under) if program == key}
        measured[key] = [{"parts": {name: (2.0, 0.5) for name in names}, "whole": (9.0, 0.0), "peak_mib": 70.0}]
    measured["torch"] = "it is not installed"
    return measured


def row_of(lines, title):
    """Return the cells of the one row of a table that begins with the title."""
    (line,) = (line for line in lines if line.startswith(f"| {title}"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_ratio_is_taken_within_each_round():
    """8e9 steps in 2 s over 1e6 steps in 1, 2 and 4 s; system time doubles all of them here."""
    row = run.Row("linear / A2C", ("linear", "rate"), ("a2c", "rate"), 3200, 6000)
    assert run.ratios(row, made_up()) == [4000, 8000, 16000]
    assert run.ratios(row, made_up(), with_system=True) == [4000, 8000, 16000]
    whole = run.Row("", ("linear", "whole"), ("a2c", "whole"))
    assert run.ratios(whole, made_up()) == [3 / 2, 3 / 3, 3 / 5]
    assert run.ratios(whole, made_up(), with_system=True) == [5 / 3, 5 / 5, 5 / 9]


def test_measured_must_and_aim_stand_side_by_side():
    lines = run.ratio_table(made_up())
    assert len(lines) == len(run.ROWS) + 2
    assert len({line.count("|") for line in lines}) == 1
    assert row_of(lines, "linear, env-steps per CPU-second / A2C")[1:] == [
        "8000x", "4000x to 16000x", "3200x", "6000x", "aim", "8000x"]  # fmt: skip
    assert row_of(lines, "100 linear runs solved / ONE A2C seed")[3:6] == ["1/27", "1/50", "no"]


def test_a_missing_peer_is_a_row_that_says_so():
    measured = made_up()
    cells = row_of(run.ratio_table(measured), "linear, env-steps per CPU-second / PyTorch")
    assert cells[1] == "not measured: it is not installed"
    assert row_of(run.program_table(measured), "PyTorch")[1] == "not measured: it is not installed"
    everything = dict.fromkeys(run.PROGRAMS, "gone")
    assert run.page(everything, "").count("not measured: gone") == len(run.ROWS) + len(run.PROGRAMS)


def test_the_programs_say_whether_they_learned():
    lines = run.program_table(made_up())
    assert len({line.count("|") for line in lines}) == 1
    assert row_of(lines, "Stable-Baselines3")[1:] == ["0.5", "500", "2", "3", "50", "480.0", "3 of 6", "3"]
    assert "2.5 CPU s" in run.compile_sentence(made_up())


@pytest.mark.parametrize("ratio, text", [(3912.3, "3910x"), (4.444, "4.44x"), (1 / 27, "1/27"), (0.97, "0.97x")])
def test_how_a_ratio_is_written(ratio, text):
    assert run.shown(ratio) == text


def test_what_is_reached_depends_on_which_way_is_better():
    more, less = run.Row("", (), (), 2.4, 4), run.Row("", (), (), 7.5, 4)
    assert [run.reached(more, ratio) for ratio in (2, 2.4, 4)] == ["no", "must", "aim"]
    assert [run.reached(less, ratio) for ratio in (8, 7.5, 4)] == ["no", "must", "aim"]
    assert run.reached(run.Row("", (), ()), 1) == ""


def test_a_program_that_breaks_is_told_and_not_raised():
    assert run.measure([sys.executable, "-c", "raise OSError('a | b')"]) == "it failed: OSError: a / b"


def test_a_program_reports_what_it_used():
    """The training is part of the process."""
    code = """
from benchmarks.measure import cpu, learned, report
import numpy as np
_, user, system = cpu(sum, range(10**7))
report(user=user, system=system, **learned(np.full((3, 10), 500), 10))
"""
    found = run.measure([sys.executable, "-c", code])
    assert 0 < sum(found["training"]) < sum(found["whole"])
    assert (found["env_steps"], found["mean_return"], found["solved"], found["runs"]) == (15e4, 500, 3, 3)
    assert 5 < found["peak_mib"] < 500


def test_solved_means_the_last_hundred_episodes():
    """Ten updates of ten episodes; the second run is solved for one update in the middle, the third never."""
    returns = np.zeros((3, 30))
    returns[0, 15:] = 500
    returns[1, 5:15] = 475
    returns[2, 5:15] = 474
    found = measure.learned(returns, 10)
    assert (found["solved"], found["runs"], found["env_steps"]) == (2, 3, 10 * returns.sum())
    assert found["mean_return"] == pytest.approx(500 / 3)


@pytest.mark.parametrize("installed, answer, versions, wanted", [
    (False, "", "torch (2.9.0)\nAvailable versions: 2.9.0, 2.8.1+cpu, 2.8.0+cpu, 2.7.0", "torch>=2,<3,==2.8.1+cpu"),
    (False, "", "torch (2.9.0)\nAvailable versions: 2.9.0, 2.8.0", None),
    (False, "1", "torch (2.9.0)\nAvailable versions: 2.9.0, 2.8.0", "torch>=2,<3"),
    (True, "", "", "torch>=2,<3"),
    (False, "", "", None),
])  # fmt: skip
def test_a_large_pytorch_is_asked_for_first(monkeypatch, installed, answer, versions, wanted):
    monkeypatch.setenv("BENCH_TORCH", answer)
    monkeypatch.setattr(environment.platform, "system", lambda: "Linux")
    assert environment.torch_to_install("torch>=2,<3", installed, lambda name: versions) == wanted


def test_elsewhere_than_on_linux_pytorch_is_small(monkeypatch):
    monkeypatch.delenv("BENCH_TORCH", raising=False)
    monkeypatch.setattr(environment.platform, "system", lambda: "Darwin")
    assert environment.torch_to_install("torch>=2,<3", False, lambda name: "") == "torch>=2,<3"


def test_every_program_is_there_and_every_row_can_be_filled():
    """The modules in the commands exist and compile; what they need is in the requirements."""
    listed = {line.partition(">")[0] for line in environment.requirements()}
    for program in run.PROGRAMS.values():
        modules = [word for word in map(str, program.command) if word.startswith("benchmarks.")]
        for module in modules:
            source = HERE.parent / f"{module.replace('.', '/')}.py"
            compile(source.read_text(), source, "exec")
    assert {name for row in run.ROWS for name, _ in (row.over, row.under)} <= set(run.PROGRAMS)
    assert {program.needs for program in run.PROGRAMS.values()} <= {"", "gcc"} | listed


@pytest.mark.skipif(not shutil.which("gcc"), reason="needs gcc")
def test_the_c_loop_compiles_and_learns(tmp_path):
    """Ten runs of 30 updates: at the start an episode has about 22 steps, at the end most of 500."""
    program = run.compiled(tmp_path)
    first, last = (
        json.loads(subprocess.check_output([program, "10", updates, "0.4", "1"], text=True)) for updates in ("5", "30")
    )
    assert first["runs"] == last["runs"] == 10 and first["solved"] == 0 and last["solved"] >= 8
    assert first["mean_return"] < 150 and last["mean_return"] > 450
    assert last["env_steps"] > first["env_steps"]
