"""The figures that a reader moves, as far as their files show; `make check-site` judges what they draw."""

import re
from pathlib import Path
from types import SimpleNamespace

import check_explorables
import explorables
import nbformat
import numpy as np
import pytest
from explorable_truths import TRUTHS

NAMES = sorted(path.stem for path in explorables.FOLDER.glob("*.js"))
BOOK = Path(__file__).parents[1] / "book"


@pytest.mark.parametrize("name", NAMES)
def test_each_figure_has_a_picture_a_script_and_a_truth(name):
    html = (explorables.FOLDER / f"{name}.html").read_text()
    script = (explorables.FOLDER / f"{name}.js").read_text()
    assert name in TRUTHS
    assert len(script.encode()) < check_explorables.MAX_BYTES
    assert f'<div id="{name.replace("_", "-")}" class="explorable">' in html, "not live: that is the script's to say"
    assert re.search(r'<svg viewBox="0 0 \d+ \d+" role="img" aria-label="[^"]{20,}">.+</svg>', html, re.DOTALL)
    assert re.search(r'<p role="status">[^<]{20,}</p>', html), "the finding in words, for a page without scripts"
    inputs = re.findall(r'<input id="([^"]*)" type="range"', html)
    assert inputs == re.findall(r'<label for="([^"]*)">', html) and inputs
    assert not re.search(r"\b(import|fetch|require|XMLHttpRequest)\b|//\w", script), (
        "one classic script that loads nothing"
    )


def test_no_truth_is_without_a_figure():
    assert sorted(TRUTHS) == NAMES and len(NAMES) >= 6


def test_each_figure_stands_on_one_page_with_a_question_in_its_caption():
    texts = [(BOOK / "intro.md").read_text()]
    for path in sorted(BOOK.glob("*.ipynb")):
        texts += [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]
    found = re.findall(r"```\{explorable\} (\w+)\n:name: fig-[\w-]+\n([^\n]+)\n```", "\n\n".join(texts))
    assert sorted(name for name, _ in found) == NAMES
    for name, caption in found:
        assert re.search(r'"[^"]{10,}"', caption), f"the caption of {name} quotes no question"


SLIDERS = [{"name": "p", "min": 0.1, "max": 0.9, "step": 0.1}, {"name": "n", "min": -2, "max": 2, "step": 1}]


def test_the_grid_has_the_ends_of_every_slider():
    states = check_explorables.grid(SLIDERS)
    assert len(states) == 7 * 5
    assert {state["p"] for state in states} >= {0.1, 0.9} and {state["n"] for state in states} == {-2, -1, 0, 1, 2}
    many = check_explorables.grid([slider | {"name": str(k)} for k, slider in enumerate(SLIDERS * 3)])
    assert 200 < len(many) <= check_explorables.STATES


def truth(p):
    return {"J": 2 * p, "gradient": np.array([p, -p])}


@pytest.mark.parametrize(("shown", "told"), [
    ({"J": 1.0, "gradient": [0.5, -0.5]}, None),
    ({"J": 1.0 + 1e-10, "gradient": [0.5, -0.5]}, None),
    ({"J": 1.0 + 1e-8, "gradient": [0.5, -0.5]}, "J at {'p': 0.5}: shows 1.00000001, in truth 1.0"),
    ({"J": 1.0, "gradient": [0.5, 0.5]}, "gradient at"),
    ({"J": 1.0, "gradient": [0.5]}, "gradient at"),
    ({"J": None, "gradient": [0.5, -0.5]}, "J at {'p': 0.5}: shows None"),
    ({"J": 1.0}, "shows ['J']; pglib computes ['J', 'gradient']"),
])  # fmt: skip
def test_a_number_that_is_not_pglibs_is_named(shown, told):
    problems = check_explorables.compare(truth, [{"p": 0.5}], [shown])
    assert problems == [] if told is None else len(problems) == 1 and told in problems[0]


def test_a_page_loads_the_scripts_of_its_figures_and_no_others():
    loaded = []
    app = SimpleNamespace(
        env=SimpleNamespace(metadata={"book/a": {"explorables": ["one_update"]}}),
        add_js_file=lambda name, **how: loaded.append((name, how)),
        add_css_file=lambda name: loaded.append(name),
    )
    explorables.load_scripts(app, "book/b", "", {}, None)
    assert loaded == []
    explorables.load_scripts(app, "book/a", "", {}, None)
    assert loaded == [("one_update.js", {"loading_method": "defer"}), "explorables.css"]
