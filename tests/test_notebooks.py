"""The gate over the notebooks: it passes the real book, and each planted defect is caught and named.

The defects are planted in copies of a tiny book, made here. What the gate cannot see without executing, nbval
must see, under the very options of this project.
"""

import base64
import copy
import io
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import claims
import nb
import nbformat
import pytest
import yaml
from matplotlib.figure import Figure
from matplotlib.image import imread
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from conftest import starting_a_kernel

ROOT = Path(__file__).parents[1]

SETUP = "import matplotlib.pyplot as plt\nimport numpy as np\nimport parts\n\nfrom pglib import check"
VALUES = 'draws = np.array(parts.DRAWS)\nprinted, true = draws.sum(), draws.mean()\nprint(f"{true:.3f}")'
CHECKS = (
    'check.refute("X-mean", printed, true)\n'
    'check.equal("X-mean", draws.sum() / draws.size, true)\n'
    'for power in (1, 2):\n    check.equal("X-power", true**power, parts.MEAN**power)'
)
PICTURE = 'plt.style.use("pglib.book")\nfig, ax = plt.subplots(figsize=(3, 2))\nax.plot(draws)\nplt.show()'
FIGURE = {
    "mystnb": {
        "figure": {"name": "fig-tiny-draws", "caption": "The three draws."},
        "image": {"alt": "A line that rises through three points."},
    }
}
CLAIMS = [
    {"id": "X-mean", "kind": "refute", "status": "wrong", "section": "sec-tiny-mean"},
    {"id": "X-power", "kind": "check", "status": "correct", "section": "sec-tiny-mean"},
    {"id": "X-word", "kind": "prose", "status": "opinion", "section": "sec-tiny-mean"},
    {"id": "X-later", "kind": "check", "status": "correct", "section": "open", "chapter": "later"},
]
SETUP_CELL, VALUES_CELL, CHECKS_CELL, PICTURE_CELL = 1, 3, 5, 7  # places in the list of cells


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Return the root of a tiny book without defect, executed."""
    root = tmp_path_factory.mktemp("good")
    (root / "book").mkdir()
    words = "These words stand for the prose of a chapter, and there are enough of them. " * 4
    cells = [
        new_markdown_cell(f"(sec-tiny)=\n# Tiny\n\n{words}", id="a"),
        new_code_cell(SETUP, id="b"),
        new_markdown_cell(f"(sec-tiny-mean)=\n## The mean\n\n{words} See {{claim}}`X-word`.", id="c"),
        new_code_cell(VALUES, id="d"),
        new_markdown_cell(words, id="e"),
        new_code_cell(CHECKS, id="f"),
        new_markdown_cell(words, id="g"),
        new_code_cell(PICTURE, id="h", metadata=FIGURE),
    ]
    rest = {"source": "X", "place": "X 1", "says": "It says.", "truth": "It is.", "chapter": "tiny"}
    (root / "book/claims.yml").write_text(yaml.safe_dump([{**rest, **claim} for claim in CLAIMS]))
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/intro\nchapters:\n  - file: book/tiny\n")
    (root / "book/parts.py").write_text("DRAWS = (1, 2, 4.5)\nMEAN = 2.5\n")
    nbformat.write(new_notebook(cells=cells), root / "book/tiny.ipynb")
    with starting_a_kernel():
        assert nb.run(root / "book/tiny.ipynb") is None
    return root


@pytest.fixture
def planted(good, tmp_path):
    """Return a function that plants a defect in a copy of the good book and returns what the gate says."""

    def plant(change):
        root = shutil.copytree(good, tmp_path / "book")
        rewrite(root, change)
        return nb.check_book(root)

    return plant


def drop_the_picture(cells):
    """Leave out the figure and its import, so that the copy executes sooner."""
    cells[SETUP_CELL].source = SETUP.split("\n", 1)[1]
    del cells[PICTURE_CELL]


def rewrite(root, change):
    """Change the notebook of a tiny book; it stays in normal form."""
    path = root / "book/tiny.ipynb"
    notebook = nbformat.read(path, as_version=4)
    change(notebook.cells)
    path.write_bytes(nb.dump(notebook))


# --- the real book, and the good copy -------------------------------------------------------------------------


def test_gate_finds_nothing_wrong_in_the_book():
    assert claims.notebooks(ROOT)
    assert nb.check_book(ROOT) == []


def test_gate_finds_nothing_wrong_in_the_good_copy(good):
    assert nb.check_book(good) == []
    assert nb.check_files([good / "book/tiny.ipynb"]) == []


# --- defects that the gate catches in what is stored ---------------------------------------------------------------

DEFECTS = {}


def defect(*fragments):
    """Register a change of the cells, and what the gate must say of it."""

    def register(change):
        DEFECTS[change.__name__] = change, fragments
        return change

    return register


@defect("cell 4 [ ]: never executed", "cell 6 [ ]: never executed", "the stored lines are not those of the checks")
def stripped(cells):
    for cell in cells[1::2]:
        cell.outputs, cell.execution_count = [], None


@defect("cell 4 [2]: its output is missing")
def output_removed(cells):
    cells[VALUES_CELL].outputs = []


@defect("cell 6 [3]: the stored lines are not those of the checks")
def check_line_removed(cells):
    output = cells[CHECKS_CELL].outputs[0]
    output.text = output.text.split("\n", 1)[1]


@defect("cell 4 [2]: error output: ZeroDivisionError")
def error_output(cells):
    cells[VALUES_CELL].outputs.append(new_output("error", ename="ZeroDivisionError", evalue="by zero", traceback=[]))


@defect("cell 4 [2]: stderr output")
def stderr_output(cells):
    cells[VALUES_CELL].outputs.append(new_output("stream", name="stderr", text="Warning: overflow\n"))


@defect("cell 4 [2]: path or address of a machine: /home/someone/data.csv")
def path_in_source(cells):
    cells[VALUES_CELL].source += '\nname = "/home/someone/data.csv"'


@defect("cell 3: path or address of a machine: /Users/someone")
def path_in_prose(cells):
    cells[2].source += "\nThe file is in /Users/someone"


@defect("cell 4 [2]: path or address of a machine: D:\\notes")
def windows_path(cells):
    cells[VALUES_CELL].outputs[0].text += "D:\\notes\n"


@defect("cell 4 [2]: path or address of a machine: at 0x7f10")
def address(cells):
    cells[VALUES_CELL].outputs[0].text += "<object at 0x7f10>\n"


@defect("cell 4 [2]: raw NumPy scalar in the output: np.float64(")
def numpy_scalar(cells):
    cells[VALUES_CELL].outputs.append(
        new_output("execute_result", {"text/plain": "np.float64(2.5)"}, execution_count=2)
    )


@defect("cell 4 [2]: over-long number in the output: 2.3333333333333335")
def long_number(cells):
    cells[VALUES_CELL].outputs[0].text += "2.3333333333333335\n"


@defect("cell 4 [2]: over-long number in the output: 1234567.25")
def many_digits(cells):
    cells[VALUES_CELL].outputs.append(new_output("display_data", {"text/latex": "$1234567.25$"}))


@defect("cell 4 [2]: output of type text/html")
def html_output(cells):
    cells[VALUES_CELL].outputs.append(new_output("display_data", {"text/html": "<b>bold</b>"}))


@defect("cell 4 [2]: output of type application/vnd.jupyter.widget-view+json")
def widget(cells):
    data = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "Button()"}
    cells[VALUES_CELL].outputs.append(new_output("display_data", data))


@defect("cell 8 [4]: figure without mystnb.image.alt")
def no_alt_text(cells):
    del cells[PICTURE_CELL].metadata["mystnb"]["image"]


@defect("cell 8 [4]: figure without mystnb.image.alt")
def file_name_as_alt_text(cells):
    cells[PICTURE_CELL].metadata["mystnb"]["image"]["alt"] = "a_figure_of_the_three_draws.png"


@defect("cell 8 [4]: figure without mystnb.figure.caption")
def no_caption(cells):
    del cells[PICTURE_CELL].metadata["mystnb"]["figure"]["caption"]


@defect("cell 8 [4]: figure without mystnb.figure.name")
def no_figure_name(cells):
    cells[PICTURE_CELL].metadata["mystnb"]["figure"]["name"] = "draws"


@defect('cell 8 [4]: figure without the style of the book, plt.style.use("pglib.book")')
def no_style(cells):
    cells[PICTURE_CELL].source = PICTURE.partition("\n")[2]


@defect("cell 8 [4]: mystnb.figure, but no figure in the output")
def figure_lost(cells):
    cells[PICTURE_CELL].outputs = []


@defect("two figures are called fig-tiny-draws")
def figure_name_twice(cells):
    cells.append(new_markdown_cell("Once more, with the same name.", id="x"))
    cells.append(copy.deepcopy(cells[PICTURE_CELL]) | {"id": "y", "execution_count": 5})


@defect("cell 8 [4]: line that ends in `;`")
def semicolon(cells):
    cells[PICTURE_CELL].source += ";  # quiet"


@defect("cell 4 [2]: tag nbval-skip", "cell 6 [3]: tag nbval-ignore-output", "cell 8 [4]: tag raises-exception")
def tags_that_silence_nbval(cells):
    cells[VALUES_CELL].metadata["tags"] = ["hide-input", "nbval-skip"]
    cells[CHECKS_CELL].metadata["tags"] = ["nbval-ignore-output"]
    cells[PICTURE_CELL].metadata["tags"] = ["raises-exception"]


@defect("cell 4 [2]: comment that tells nbval to look away")
def comment_that_silences_nbval(cells):
    cells[VALUES_CELL].source = "# NBVAL_IGNORE_OUTPUT\n" + cells[VALUES_CELL].source


@defect("cell 4 [2]: np.random.normal", "cell 4 [2]: np.random.default_rng() without a seed")
def unseeded_numbers(cells):
    cells[VALUES_CELL].source += "\nnoise = np.random.normal()\nrng = np.random.default_rng()"


@defect("cell 4 [2]: 16 lines of code; the limit is 15")
def long_cell(cells):
    cells[VALUES_CELL].source += "\nx = 1" * 13


@defect("cell 4 [2]: 26 lines of code; the limit is 25")
def long_hidden_cell(cells):
    cells[VALUES_CELL].metadata["tags"] = ["hide-input"]
    cells[VALUES_CELL].source += "\nx = 1" * 23


@defect("kB, over the 500 kB of a chapter")
def large_file(cells):
    cells[2].source += "\n" + "much " * 100_000


@defect("words of prose for a line of visible code; at least 8 are needed")
def little_prose(cells):
    for cell in (cells[0], cells[4], cells[6]):
        cell.source = "# Few\n\nwords"


@defect("cell 4 [2]: code directly under a heading")
def heading_then_code(cells):
    cells[2].source += "\n\n(sec-tiny-more)=\n### More\n"


@defect("cell 5: empty cell")
def empty_cell(cells):
    cells[4].source = " "


@defect("X-mean needs refute in tiny, sec-tiny-mean; found: equal", "the stored lines are not those of the checks")
def refute_deleted(cells):
    cells[CHECKS_CELL].source = CHECKS.split("\n", 1)[1]


@defect("X-power needs check in tiny, sec-tiny-mean; found: nothing")
def check_deleted_with_its_lines(cells):
    cells[CHECKS_CELL].source = CHECKS.split("\nfor")[0]
    cells[CHECKS_CELL].outputs[0].text = lines_without(cells, "X-power")


@defect("X-word needs prose in tiny, sec-tiny-mean; found: nothing")
def role_deleted(cells):
    cells[2].source = cells[2].source.replace("{claim}`X-word`", "nothing")


@defect("X-power needs check in tiny, sec-tiny-mean; found: nothing")
def evidence_in_another_section(cells):
    cells[4].source = "(sec-tiny-other)=\n## Other\n\n" + cells[4].source


@defect("cell 6 [3]: unknown claim X-powr", "X-power needs check")
def unknown_claim(cells):
    cells[CHECKS_CELL].source = CHECKS.replace("X-power", "X-powr")
    cells[CHECKS_CELL].outputs[0].text = cells[CHECKS_CELL].outputs[0].text.replace("X-power", "X-powr")


@defect("cell 3: unknown claim X-wrd")
def unknown_claim_in_prose(cells):
    cells[2].source += " {claim}`X-wrd`"


@defect("no check of this section has the true side", "has the printed side of check.refute")
def refute_swapped(cells):
    swap_sides(cells)


@defect("cell 6 [3]: both sides of check.equal of X-mean are the same")
def check_against_itself(cells):
    cells[CHECKS_CELL].source = CHECKS.replace("draws.sum() / draws.size, true", "true, true")


@defect("cell 6 [3]: check.equal of X-power compares constants only")
def check_of_constants(cells):
    cells[CHECKS_CELL].source = CHECKS.replace("true**power, parts.MEAN**power", "2 + 2, 4")


@defect("cell 6 [3]: check.equal of X-power might never run")
def check_in_if_false(cells):
    cells[CHECKS_CELL].source = CHECKS.replace("for power in (1, 2):", "if False:")


@defect("cell 6 [3]: check.equal of X-power might never run")
def check_in_a_loop_cut_short(cells):
    cells[CHECKS_CELL].source += "\n    break"


@defect("cell 6 [3]: check.refute of X-mean might never run", "check.equal of X-mean might never run")
def checks_in_try(cells):
    lines = CHECKS.replace("\n", "\n    ")
    cells[CHECKS_CELL].source = f"try:\n    {lines}\nexcept AssertionError:\n    pass"


@defect("cell 6 [3]: check.equal of X-power might never run")
def check_in_a_function(cells):
    cells[CHECKS_CELL].source = CHECKS.replace("for power in (1, 2):", "def never(power):")


@defect("cell 6 [3]: check.equal of X-power might never run")
def check_after_a_short_circuit(cells):
    cells[CHECKS_CELL].source = CHECKS.replace("    check.equal", "    False and check.equal")


@defect("cell 6 [3]: check.equal: the id of the claim must be a literal string")
def computed_id(cells):
    cells[CHECKS_CELL].source = CHECKS.replace('"X-power"', '"X-" + "power"')


@defect("cell 4 [2]: the stored lines are not those of the checks; called: none; stored: [equal] X-power")
def forged_line(cells):
    cells[VALUES_CELL].outputs[0].text += "[equal] X-power: 1 both ways, to 1e-09\n"


@defect("cell 6 [3]: `check` must be pglib.check and nothing else")
def another_check(cells):
    cells[CHECKS_CELL].source = "check = parts.kind_check\n" + CHECKS


@defect("cell 4 [2]: not plain Python")
def magic(cells):
    cells[VALUES_CELL].source = "%matplotlib inline\n" + VALUES


@pytest.mark.parametrize("name", DEFECTS)
def test_gate_catches(planted, name):
    change, fragments = DEFECTS[name]
    messages = planted(change)
    for fragment in fragments:
        assert any(fragment in message for message in messages), messages


def lines_without(cells, claim):
    """Return the stored lines of the checks that are not of a claim."""
    lines = cells[CHECKS_CELL].outputs[0].text.splitlines(keepends=True)
    return "".join(line for line in lines if claim not in line)


def swap_sides(cells):
    """Exchange what is printed and what is true in check.refute."""
    cells[CHECKS_CELL].source = CHECKS.replace("printed, true)", "true, printed)", 1)


# --- defects beside the notebook, and in its form ------------------------------------------------------------------


def edit(root, name, old, new):
    """Replace text that must be there in a file of a tiny book."""
    text = (root / name).read_text()
    assert old in text
    (root / name).write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("book/claims.yml", "section: sec-tiny-mean", "section: sec-gone", "chapter tiny has no section sec-gone"),
        ("book/claims.yml", "section: open", "section: sec-tiny", "X-later is closed, but its chapter later is not"),
        ("book/claims.yml", "section: sec-tiny-mean", "section: open", "X-mean is open, but its chapter tiny is in"),
        ("book/claims.yml", "chapter: later", "chapter: tiny", "X-later is open, but its chapter tiny is in"),
        ("book/claims.yml", "kind: prose", "kind: check", "X-word needs check in tiny, sec-tiny-mean; found: prose"),
        ("book/claims.yml", "id: X-word", "id: X-mean", "X-mean is listed more than once"),
        ("book/claims.yml", "id: X-word", "id: T-word", "T-word: ids T-... and Q-... are for claims of source `book`"),
        ("book/claims.yml", "status: opinion", "status: fine", "X-word: unknown status fine"),
        ("book/claims.yml", "kind: prose", "kind: proof", "X-word: kind must be prose, check or refute, not proof"),
        ("book/claims.yml", "status: opinion", "remark: none", "(X-word): without text in status"),
        ("_toc.yml", "book/tiny", "book/other", "tiny.ipynb is not in _toc.yml"),
        ("book/tiny.ipynb", '"execution_count": 1', '"execution_count": 7', "executed as [7], but it is code cell 1"),
        ("book/tiny.ipynb", '"name": "python3"', '"name": "mine"', "not in the form that `nb.py run` writes"),
        ("book/tiny.ipynb", '"id": "b",', '"id": "b", ', "not in the form that `nb.py run` writes"),
    ],
)
def test_gate_catches_an_edit(good, tmp_path, name, old, new, message):
    root = shutil.copytree(good, tmp_path / "book")
    edit(root, name, old, new)
    messages = nb.check_book(root)
    assert any(message in found for found in messages), messages


def test_png_chunk_of_the_version_is_dropped(good):
    image = io.BytesIO()
    Figure().savefig(image)
    assert b"Software" in image.getvalue()
    cell = new_code_cell(execution_count=1, id="a")
    cell.outputs = [new_output("display_data", {"image/png": base64.b64encode(image.getvalue()).decode()})]
    stored = nbformat.reads(nb.dump(new_notebook(cells=[cell])).decode(), as_version=4)
    plain = base64.b64decode(stored.cells[0].outputs[0].data["image/png"])
    assert b"Software" not in plain and len(plain) > 100
    assert (imread(io.BytesIO(plain)) == imread(io.BytesIO(image.getvalue()))).all()


# --- run -------------------------------------------------------------------------------------------------------


def test_run_writes_the_same_bytes_again(good, tmp_path):
    root = shutil.copytree(good, tmp_path / "book")
    path = root / "book/tiny.ipynb"
    first = path.read_bytes()
    rewrite(root, stripped)
    assert path.read_bytes() != first
    with starting_a_kernel():
        assert nb.run(path) is None
    assert path.read_bytes() == first


def test_run_leaves_a_failing_notebook_and_goes_on(good, tmp_path, monkeypatch, capsys):
    root = shutil.copytree(good, tmp_path / "book")
    rewrite(root, drop_the_picture)
    rewrite(root, lambda cells: cells[VALUES_CELL].update(source="1 / 0"))
    bad, fine = root / "book/tiny.ipynb", root / "book/words.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1 + 1", id="a")]), fine)
    before = bad.read_bytes()
    monkeypatch.setattr(sys, "argv", ["nb.py", "run", str(bad), str(fine)])
    with starting_a_kernel():
        assert nb.main() == 1
    said = capsys.readouterr()
    assert said.err == "tiny.ipynb, cell 4 [2]: ZeroDivisionError: division by zero\n"
    assert bad.read_bytes() == before
    assert nbformat.read(fine, as_version=4).cells[0].outputs[0].data["text/plain"] == "2"
    assert re.search(r"^words.ipynb: executed, \d+\.\d s of CPU$", said.out, re.MULTILINE)


# --- nbval: what only execution shows --------------------------------------------------------------------------


def edited_output(cells):
    output = cells[VALUES_CELL].outputs[0]
    assert "2.500" in output.text
    output.text = output.text.replace("2.500", "2.501")


def edited_check_line(cells):
    output = cells[CHECKS_CELL].outputs[0]
    assert "claimed 7.5" in output.text
    output.text = output.text.replace("claimed 7.5", "claimed 8.5")


def failing_check(cells):
    cells[CHECKS_CELL].source = CHECKS.replace("parts.MEAN**power", "parts.MEAN")


NBVAL = {  # what is planted, and the code cells (from 0) where nbval must see it
    "good": (None, []),
    "stripped": (stripped, []),  # nbval compares nothing where nothing is stored: the gate must
    "edited_output": (edited_output, [1]),
    "edited_check_line": (edited_check_line, [2]),
    "output_removed": (output_removed, [1]),
    "refute_swapped": (swap_sides, [2]),
    "failing_check": (failing_check, [2]),
    "stale": (None, [1, 2]),
}


def test_nbval_collects_every_code_cell_of_the_book(pytestconfig):
    assert "book" in pytestconfig.getini("testpaths")
    command = [sys.executable, "-m", "pytest", "--collect-only", "-p", "no:cacheprovider", "book"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    collected = Counter(re.findall(r"^(\S+\.ipynb)::Cell \d+$", result.stdout, re.MULTILINE))
    cells = {path: nbformat.read(path, as_version=4).cells for path in claims.notebooks(ROOT)}
    code = {str(path.relative_to(ROOT)): sum(c.cell_type == "code" for c in cells[path]) for path in cells}
    assert collected == code, result.stdout


def test_nbval_catches_what_only_execution_shows(good, tmp_path):
    for name, (change, _) in NBVAL.items():
        root = shutil.copytree(good, tmp_path / name)
        rewrite(root, change or (lambda cells: None))
        if name != "good":
            rewrite(root, drop_the_picture)
    edit(tmp_path / "stale", "book/parts.py", "(1, 2, 4.5)", "(1, 2, 3)")
    edit(tmp_path / "stale", "book/parts.py", "2.5", "2")

    # the options of this project and no others: without --nbval in them nothing here would be collected
    options = ["-c", ROOT / "pyproject.toml", f"--rootdir={tmp_path}", "-p", "no:cacheprovider", "-rfE", "--tb=no"]
    options += ["-p", "conftest"]  # kernels start one at a time here too
    paths = [tmp_path / name / "book/tiny.ipynb" for name in NBVAL]
    command = [sys.executable, "-m", "pytest", *options, "-n", "2", "--dist", "loadfile", *paths]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    report = result.stdout + result.stderr

    failed = re.findall(r"^FAILED (\w+)/book/tiny\.ipynb::Cell (\d+)", report, re.MULTILINE)
    found = {name: [int(cell) for planted, cell in failed if planted == name] for name in NBVAL}
    assert found == {name: cells for name, (_, cells) in NBVAL.items()}, report
    passed = 3 * len(NBVAL) + 1 - len(failed)
    assert f"{len(failed)} failed, {passed} passed" in report
    assert result.returncode == 1


def test_gate_catches_swapped_sides_after_execution(good, tmp_path):
    root = shutil.copytree(good, tmp_path / "book")
    rewrite(root, swap_sides)
    rewrite(root, drop_the_picture)
    with starting_a_kernel():
        assert nb.run(root / "book/tiny.ipynb") is None  # it runs: 7.5 and 2.5 differ either way round
    messages = nb.check_book(root)
    assert any("has the printed side of check.refute" in message for message in messages), messages
