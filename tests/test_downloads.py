"""The notebooks that the pages offer: they install what they import, and show no markup that Jupyter cannot render."""

import ast
import re
import subprocess
import sys
import tomllib
from email import message_from_bytes
from itertools import chain
from pathlib import Path
from zipfile import ZipFile

import check_downloads
import claims
import downloads
import nb
import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from conftest import starting_a_kernel

ROOT = Path(__file__).parents[1]
CHAPTERS = claims.notebooks(ROOT)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WHEEL = "policy_gradients_checked-0.1.0-py3-none-any.whl"
PROVIDES = {  # what an import needs, as the distribution is called
    "pglib": PROJECT["name"],
    "IPython": "ipykernel",  # is there before the notebook is
}


def said(role, target):
    """Stand in for what a page shows."""
    return f"<{role} {target}>"


def code(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def formulas(notebook):
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return re.findall(r"\$\$.*?\$\$|\\begin\{equation\}.*?\\end\{equation\}|\$[^$]+\$", text, re.DOTALL)


# --- the chapters --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=CHAPTERS, ids=lambda path: path.stem)
def pair(request):
    """Return a chapter as it is stored, and as it is offered."""
    stored = nbformat.read(request.param, as_version=4)
    return stored, downloads.convert(nbformat.read(request.param, as_version=4), WHEEL, said)


def test_a_chapter_begins_with_the_line_that_installs_and_keeps_its_code_outputs_and_formulas(pair):
    stored, offered = pair
    assert code(offered)[0].splitlines()[1] == f'%pip install -q "./{WHEEL}[symbolic,plot,gym]"'
    assert offered.cells[0].cell_type == "code" and code(offered)[1:] == code(stored)
    assert [cell for cell in offered.cells[1:] if cell.cell_type == "code"] == [
        cell for cell in stored.cells if cell.cell_type == "code"
    ]
    assert [formula for formula in formulas(offered)] == formulas(stored)


def test_a_chapter_is_valid_and_shows_no_markup(pair):
    stored, offered = pair
    again = nbformat.reads(nbformat.writes(offered), as_version=4)
    nbformat.validate(again)
    assert again == offered
    prose = [cell.source for cell in offered.cells if cell.cell_type == "markdown"]
    for left in (r"\{[\w:-]+\}`", r"^[`:]{3,}\{", r"^\(.*\)=$", r"^:[\w-]+:"):
        assert re.findall(left, "\n".join(prose), re.MULTILINE) == []
        assert re.findall(left, "\n".join(cell.source for cell in stored.cells), re.MULTILINE) or left == r"^:[\w-]+:"
    assert all(prose)


def test_each_figure_is_followed_by_its_number_and_caption(pair):
    stored, offered = pair
    figures = [cell.metadata.mystnb.figure for cell in stored.cells if "figure" in cell.metadata.get("mystnb", {})]
    after = [
        offered.cells[number + 1].source
        for number, cell in enumerate(offered.cells)
        if "figure" in cell.metadata.get("mystnb", {})
    ]
    assert figures
    assert after == [f"**<numref {one.name}>.** {downloads.plain(one.caption, said)}" for one in figures]


def imports(notebook):
    """Return the top names of the modules that a notebook imports, those of the standard library left out."""
    nodes = chain.from_iterable(ast.walk(ast.parse(source)) for source in code(notebook))
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            names.add(node.module)
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names


def names(requirements):
    return {re.match(r"[\w-]+", one)[0] for one in requirements}


def test_the_line_installs_all_that_chapters_import_and_each_extra_is_needed():
    extras = {extra: names(PROJECT["optional-dependencies"][extra]) for extra in downloads.EXTRAS.split(",")}
    needed = set().union(*(imports(nbformat.read(path, as_version=4)) for path in CHAPTERS))
    needed = {PROVIDES.get(name, name) for name in needed} - {PROJECT["name"], "ipykernel"}
    assert needed <= names(PROJECT["dependencies"]).union(*extras.values())
    assert all(needed & brought for brought in extras.values())


# --- from MyST to Markdown -----------------------------------------------------------------------------------------

WORDS = {
    "a title": ("see {ref}`sec-x`, it", "see *<ref sec-x>*, it"),
    "own words": ("see {ref}`the\nend <sec-x>`", "see the\nend"),
    "a figure": ("({numref}`fig-x`)", "(<numref fig-x>)"),
    "a theorem": ("{prf:ref}`thm-x` has", "<prf:ref thm-x> has"),
    "a citation": ("{cite:t}`a-1992,b-2018` do", "<cite:t a-1992,b-2018> do"),
    "a claim": ("It is so. {claim}`M-eq7` {claim}`T-x`", "It is so. [M-eq7] [T-x]"),
    "a term": ("the {term}`return` of", "the <term return> of"),
    "a label": ("(sec-x)=\n# X\n\n(sec-y)=\n## Y", "# X\n\n## Y"),
    "labels": ("(sec-x)=\n(sec-y)=\n# X", "# X"),
    "formulas": ("$\\pi_{a}$ `{a}`\n\n$$\n(x)=\ny_{b}$$", "$\\pi_{a}$ `{a}`\n\n$$\n(x)=\ny_{b}$$"),
    "an equation": (
        "```{math}\n:nowrap: true\n\n\\begin{equation}\nx\n\\end{equation}\n```",
        "\\begin{equation}\nx\n\\end{equation}",
    ),
    "a numbered equation": ("```{math}\n:label: eq-x\nx\n```", "$$\nx \\tag{<eq eq-x>}\n$$"),
    "an equation with a tag": ("```{math}\n:label: eq-x\n\nx \\tag{A}\n```", "$$\nx \\tag{A}\n$$"),
    "an exercise": (
        "```{exercise} Why?\n:label: ex-x\n\nSee {ref}`sec-x`.\n```\n\nNo.",
        "**<numref ex-x> (Why?).**\n\nSee *<ref sec-x>*.\n\nNo.",
    ),
    "a solution": (
        "````{solution-start} ex-x\n:class: dropdown\n````\n\nSo.\n\n````{solution-end}\n````",
        "**Solution to <numref ex-x>.**\n\nSo.",
    ),
    "theorem and proof": (
        "```{prf:theorem} Old\n:label: thm-x\n\nA.\n```\n\n```{prf:proof}\nB.\n```",
        "**<prf:ref thm-x> (Old).**\n\nA.\n\n**Proof.**\n\nB.",
    ),
    "an admonition": ("```{admonition} One word\n:class: note\nB.\n```", "**One word.**\n\nB."),
    "a note": (":::{note}\nB.\n:::", "**Note.**\n\nB."),
    "one in another": (
        "````{admonition} A\n```{exercise}\n:label: ex-x\nB\n```\n````",
        "**A.**\n\n**<numref ex-x>.**\n\nB",
    ),
    "a figure that moves": (
        "```{explorable} one_update\n:name: fig-x\nA caption.\n```",
        "**<numref fig-x> (moves on the page).**\n\nA caption.",
    ),
    "code": ("```python\nx = {ref: 1}\n```", "```python\nx = {ref: 1}\n```"),
}


@pytest.mark.parametrize(("source", "markdown"), WORDS.values(), ids=WORDS)
def test_markup_becomes_words(source, markdown):
    assert downloads.plain(source, said) == markdown


# --- the pages -----------------------------------------------------------------------------------------------------

CONF = """
import sys
sys.path.insert(0, {tools!r})
extensions = ["myst_nb", "sphinx_proof", "sphinx_exercise", "sphinxcontrib.bibtex", "downloads"]
bibtex_bibfiles, bibtex_reference_style = ["all.bib"], "author_year"
nb_execution_mode, numfig, nitpicky, project = "off", True, True, "Tiny"
myst_enable_extensions, html_theme = ["dollarmath"], "sphinx_book_theme"
"""
PROSE = """(sec-tiny)=
# Tiny

{ref}`sec-power`, {numref}`fig-rise`, {prf:ref}`thm-one`, {ref}`ex-one`, {cite:p}`someone`, {cite:t}`someone`.

```{prf:theorem} First
:label: thm-one

It holds.
```

```{exercise} Again
:label: ex-one

Why?
```

(sec-power)=
## The power $\\gamma^t$

It falls.
"""


@pytest.fixture(scope="module")
def sphinx(tmp_path_factory):
    """Return a function that builds a tiny book of some prose, and says how that went and where it is."""

    def build(prose, builder="html"):
        root = tmp_path_factory.mktemp("tiny")
        picture = new_output("display_data", {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"})
        figure = {"mystnb": {"figure": {"name": "fig-rise", "caption": "It rises."}, "image": {"alt": "A line."}}}
        cells = [
            new_markdown_cell(prose, id="a"),
            new_code_cell("plt.show()", id="b", metadata=figure, outputs=[picture]),
        ]
        nbformat.write(new_notebook(cells=cells, metadata=nb.METADATA), root / "tiny.ipynb")
        (root / "conf.py").write_text(CONF.format(tools=str(ROOT / "tools")))
        (root / "index.md").write_text("# All\n\n```{toctree}\n:numbered:\ntiny\n```\n\n```{bibliography}\n```\n")
        (root / "all.bib").write_text("@book{someone, author={Ann One}, title={Two}, publisher={Three}, year={1992}}")
        command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", builder, root, root / "out"]
        return subprocess.run(command, capture_output=True, text=True), root / "out"

    return build


def test_a_page_offers_notebook_and_package_and_the_words_are_those_of_the_page(sphinx):
    done, out = sphinx(PROSE)
    assert done.returncode == 0, done.stderr
    page = (out / "tiny.html").read_text()
    line = page.partition("</h1>")[2].partition("</p>")[0]
    assert re.findall(r'<a href="([^"]*)" download>', line) == ["_downloads/tiny.ipynb", f"_downloads/{WHEEL}"]
    assert page.count('href="_downloads/tiny.ipynb"') == 2 and "_sources" not in page  # the theme's button too
    assert all((out / "_downloads" / name).is_file() for name in ("tiny.ipynb", WHEEL))
    assert "run-chapter" not in (out / "index.html").read_text()
    notebook = nbformat.read(out / "_downloads/tiny.ipynb", as_version=4)
    assert notebook.cells[1].source.splitlines()[2] == (
        "*The power $\\gamma^t$*, Fig. 1.1, Theorem 1.1, *Exercise 1.1*, [One, 1992], One [1992]."
    )
    assert "**Theorem 1.1 (First).**" in notebook.cells[1].source
    assert notebook.cells[3].source == "**Fig. 1.1.** It rises."


def test_a_page_of_all_chapters_offers_nothing(sphinx):
    done, out = sphinx("# Tiny\n\nWords.", "singlehtml")
    assert done.returncode == 0, done.stderr
    assert "run-chapter" not in (out / "index.html").read_text() and not (out / "_downloads").exists()


def test_markup_without_words_stops_the_build(sphinx):
    done, _ = sphinx("# Tiny\n\n{download}`conf.py`\n\n- in a list\n\n  ```{note}\n  B.\n  ```")
    assert done.returncode == 1
    assert "tiny.ipynb: WARNING: no words for the role {download}`conf.py`" in done.stderr
    assert "tiny.ipynb: WARNING: the notebook to download shows '  ```{note}" in done.stderr


def test_the_book_uses_the_extension_for_all_chapters_of_its_contents():
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    assert config["sphinx"]["local_extensions"]["downloads"] == "tools"
    listed = re.findall(r"file: (\S+)", (ROOT / "_toc.yml").read_text())
    notebooks = {ROOT / f"{name}.ipynb" for name in listed if (ROOT / f"{name}.ipynb").exists()}
    assert notebooks == set(CHAPTERS) != set()


# --- the package ---------------------------------------------------------------------------------------------------


def test_the_wheel_holds_the_package_and_has_the_same_bytes_each_time(tmp_path):
    assert downloads.build_wheel(tmp_path / "a") == downloads.build_wheel(tmp_path / "b") == WHEEL
    assert (tmp_path / "a" / WHEEL).read_bytes() == (tmp_path / "b" / WHEEL).read_bytes()
    with ZipFile(tmp_path / "a" / WHEEL) as wheel:
        held = {name for name in wheel.namelist() if name.startswith("pglib/")}
        metadata = message_from_bytes(wheel.read(f"{WHEEL.removesuffix('-py3-none-any.whl')}.dist-info/METADATA"))
        assert wheel.read("pglib/mdp.py") == (ROOT / "pglib/mdp.py").read_bytes()
    assert held == {f"pglib/{path.name}" for path in (ROOT / "pglib").iterdir() if path.is_file()}
    assert metadata["Name"] == PROJECT["name"] and set(downloads.EXTRAS.split(",")) <= set(
        metadata.get_all("Provides-Extra")
    )


def test_a_package_that_cannot_be_built_stops_the_build(tmp_path, monkeypatch):
    for name in ("README.md", "LICENSE"):
        (tmp_path / name).touch()
    (tmp_path / "pglib").mkdir()
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 1\n")
    monkeypatch.setattr(downloads, "ROOT", tmp_path)
    with pytest.raises(downloads.ExtensionError, match="the package could not be built:\n(.|\n)*name"):
        downloads.build_wheel(tmp_path / "out")


# --- make check-downloads, with this Python in the place of a clean one ----------------------------------------------

CELLS = {
    "x = 1\nprint(x)": [],
    "import gone": ["tiny.ipynb, cell 2 [2] fails: ModuleNotFoundError: No module named 'gone'"],
    "import parts\nparts.old()": ["tiny.ipynb, cell 2 [2] says: ", "parts.py:4: DeprecationWarning: use new\n"],
    "print('\\x1b[31mERROR: no such wheel\\x1b[0m')": ["tiny.ipynb, cell 2 [2] says: ERROR: no such wheel"],
}


@pytest.mark.parametrize(("source", "told"), CELLS.items())
def test_a_cell_that_fails_or_warns_is_named(tmp_path, source, told):
    stored = [new_output("stream", name="stderr", text="an old warning")]
    cells = [new_code_cell("y = 2", outputs=stored, execution_count=7), new_code_cell(source), new_code_cell("z = 3")]
    nbformat.write(new_notebook(cells=cells), tmp_path / "tiny.ipynb")
    (tmp_path / "parts.py").write_text(
        "import warnings\n\ndef old():\n    warnings.warn('use new', DeprecationWarning)\n"
    )
    variables = check_downloads.variables(tmp_path)
    with starting_a_kernel():
        problems = check_downloads.run(tmp_path / "tiny.ipynb", sys.executable, variables)
    assert len(problems) == bool(told)
    assert all(part in problems[0] for part in told)


def test_the_clean_environment_sees_nothing_of_this_one(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert "PYTHONPATH" not in check_downloads.variables(tmp_path)


def test_a_book_without_notebooks_is_a_failure(tmp_path):
    command = [sys.executable, check_downloads.__file__, tmp_path]
    failed = subprocess.run(command, capture_output=True, text=True)
    assert failed.returncode == 1 and "no notebook found" in failed.stderr


def test_make_and_ci_check_the_downloads():
    makefile = (ROOT / "Makefile").read_text()
    assert "\ncheck-downloads: book\n\t.venv/bin/python tools/check_downloads.py _build/html\n" in makefile
    assert "step make check-downloads\n" in (ROOT / ".ci/run").read_text()
