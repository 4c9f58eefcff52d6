"""Links of terms and equations, the index, and the judge of the search: each planted defect is caught and named."""

import re
import subprocess
import sys
from pathlib import Path

import check_search
import pytest
import words
import yaml
from nbformat.v4 import new_markdown_cell, new_notebook, writes

ROOT = Path(__file__).parents[1]
CONFIGURATION = """
extensions = ["myst_nb", "words"]
myst_enable_extensions = ["dollarmath"]
nb_execution_mode = "off"
root_doc, html_theme, exclude_patterns = "book/intro", "basic", ["_build"]
"""
GLOSSARY = """# Glossary

```{glossary}
policy
    What acts.

return
    What is earned, see {term}`policy`.

action value
    A number.

REINFORCE
    An algorithm.

early
late
    Two words.
```
"""
FORMS = {"return": ["the [returns?]"], "early": [], "late": []}
ENTRIES = {"score": ["sec-b", "sec-a"], "symptom; sign flips": "sec-b"}
CHAPTER = """(sec-a)=
# A policy and its action values

"A policy" is quoted, `policy` is code, **policy** bold, a policy-maker none of ours.
We return something. *Policies* too.

Policies have the return, an action
value and another action value. `reinforce` is code, REINFORCE is linked, early is not.

> A policy that is quoted, with (1).

$$x = \\frac12 \\tag{Meyer 1}$$

(sec-b)=
## When $x$ is early (1)

* See (1) and (2), but not f(1), (3), `(1)`, $(1)$ or (1.2).
"""
OTHER = """# Other

The {term}`policy` is linked by hand, so a policy is not linked again. See {ref}`sec-b`, (1) here and (2) of Meyer.

$$y = 1 \\tag{Answer 2, 1}$$

$$y = 2 \\tag{Meyer 2}$$
"""
PAGE = """# Intro

The policy of a page that is no chapter. See (2).

```{toctree}
one
two
glossary
questions
```
"""
QUESTIONS = "# Claims of the question-and-answer page\n\nSee (1).\n"


@pytest.fixture
def book(tmp_path):
    """Return the root of a tiny book."""
    (tmp_path / "book/_static").mkdir(parents=True)
    (tmp_path / "conf.py").write_text(CONFIGURATION)
    write(tmp_path, index={"entries": ENTRIES, "forms": FORMS}, one=CHAPTER, two=OTHER)
    for name, text in {"intro": PAGE, "glossary": GLOSSARY, "questions": QUESTIONS}.items():
        (tmp_path / f"book/{name}.md").write_text(text)
    return tmp_path


def write(root, index=None, **chapters):
    if index:
        (root / "book/index.yml").write_text(yaml.safe_dump(index))
    for name, text in chapters.items():
        cell = new_markdown_cell(text, id="a")
        (root / f"book/{name}.ipynb").write_text(writes(new_notebook(cells=[cell])))


def build(root):
    """Build a tiny book; return the exit code and what Sphinx says."""
    command = [sys.executable, "-m", "sphinx", *"-n -W --keep-going -q".split(), root, root / "_build"]
    environment = {"PYTHONPATH": str(ROOT / "tools"), "PATH": "/usr/bin:/bin"}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return result.returncode, result.stdout + result.stderr


def links(root, name, kind):
    """Return (address, text) of the links of a kind on a page."""
    html = (root / f"_build/book/{name}.html").read_text()
    found = re.findall(rf'href="([^"]*)"[^>]*><span class="[^"]*std-{kind}">(.*?)</span></a>', html, re.DOTALL)
    return [(address, re.sub(r"<[^>]*>|\s+", " ", text)) for address, text in found]


def test_a_tiny_book(book):
    assert build(book) == (0, "")

    # terms: the first occurrence outside titles, quotations, code and what is set apart
    expected = [
        ("policy", "Policies"),
        ("return", "return"),
        ("action-value", "action value"),
        ("REINFORCE", "REINFORCE"),
    ]
    assert links(book, "one", "term") == [(f"glossary.html#term-{anchor}", text) for anchor, text in expected]
    assert links(book, "two", "term") == [("glossary.html#term-policy", "policy")]
    assert links(book, "intro", "term") == []
    one = (book / "_build/book/one.html").read_text()
    assert one.count('class="word reference internal"') == 4 and "the <a" in one
    assert one.index("Policies</span>") > one.index("something")

    # equations: the page's own first, else Meyer's; in what is said of the second answer, its
    assert links(book, "one", "ref") == [("#eq-meyer-1", "(1)"), ("two.html#eq-meyer-2", "(2)")]
    assert links(book, "two", "ref")[1:] == [("#eq-answer-2-1", "(1)"), ("#eq-meyer-2", "(2)")]
    assert links(book, "intro", "ref") == [("two.html#eq-meyer-2", "(2)")]
    assert links(book, "questions", "ref") == [("two.html#eq-answer-2-1", "(1)")]
    assert one.count('id="eq-meyer-1"') == 1

    # a link to a title with a formula shows the formula
    assert (
        r'std-ref">When <span class="math notranslate nohighlight">\(x\)</span>'
        in (book / "_build/book/two.html").read_text()
    )

    # the index: the main section first, then the others, then the definition
    index = (book / "_build/genindex.html").read_text()
    assert re.findall(r'href="([^"]*)"[^>]*>(?:<strong>)?(score|\[1\]|sign flips)<', index) == [
        ("book/one.html#when-x-is-early-1", "score"),
        ("book/one.html#a-policy-and-its-action-values", "[1]"),
        ("book/one.html#when-x-is-early-1", "sign flips"),
    ]
    assert 'href="book/glossary.html#term-policy">policy<' in index
    assert '<script src="_static/search.js' in (book / "_build/search.html").read_text()
    assert "search.js" not in one


DEFECTS = {
    "label": (
        {"index": {"entries": ENTRIES | {"value": ["sec-a", "sec-gone"]}, "forms": FORMS}},
        "book/index.yml: value: no page has the label sec-gone",
    ),
    "form": (
        {"index": {"entries": ENTRIES, "forms": FORMS | {"reward": []}}},
        "book/index.yml: forms of a term that the glossary does not have: reward",
    ),
    "tag": ({"two": OTHER.replace("Meyer 2", "Meyer 1")}, "two equations have the tag Meyer 1"),
    "term": ({"two": OTHER.replace("{term}`policy`", "{term}`gone`")}, "term not in glossary: 'gone'"),
}


@pytest.mark.parametrize(("planted", "told"), DEFECTS.values(), ids=DEFECTS)
def test_a_defect_is_a_warning_of_the_build(book, planted, told):
    write(book, **planted)
    code, said = build(book)
    assert code == 1 and said.count("WARNING") == 1 and told in said


def test_a_duplicate_term_is_refused(book):
    (book / "book/glossary.md").write_text(GLOSSARY.replace("REINFORCE\n", "policy\n"))
    code, said = build(book)
    assert code == 1 and "duplicate term description of policy" in said


# --- the book itself -----------------------------------------------------------------------------------------------


def test_every_definition_of_the_glossary_is_of_a_word_that_the_book_uses():
    glossary = (ROOT / "book/glossary.md").read_text(encoding="utf-8")
    terms = words.glossary_terms(glossary)
    assert len(terms) == len(set(terms)) >= 40
    paths = [*ROOT.glob("book/*.ipynb"), ROOT / "book/notation.md", ROOT / "book/ledger.md"]
    text = " ".join(path.read_text(encoding="utf-8") for path in paths)
    defined = [lines.splitlines() for lines in re.findall(r"((?:^\w.*\n)+)(?=    )", glossary, re.MULTILINE)]
    assert sum(defined, []) == terms
    used = [any(re.search(words._plural(term), text, re.IGNORECASE) for term in terms) for terms in defined]
    assert [terms for terms, one_is in zip(defined, used, strict=True) if not one_is] == []


def test_the_index_is_long_enough_and_says_each_thing_once():
    found = [term for term, _ in check_search.wanted(ROOT / "book/index.yml")]
    assert len(found) == len({name.lower() for name in found}) >= 80


def test_equation_numbers_in_the_chapters_are_the_eleven_of_the_notes_and_one_of_the_answer():
    texts = [path.read_text(encoding="utf-8") for path in ROOT.glob("book/*.ipynb")]
    labels = sorted(words.equation_label(tag) for text in texts for tag in words.TAG.findall(text))
    assert labels == sorted([f"eq-meyer-{n}" for n in range(1, 12)] + ["eq-answer-2-1"])


# --- the judge of the search -----------------------------------------------------------------------------------------


PLACES = {"sec-a": {"one.html#sec-a", "one.html#a"}}
GOOD = {"href": "one.html#a", "text": "A title\n... in its context, p(x; θ) ..."}


def test_a_right_first_result_passes():
    assert check_search.judge("word", "sec-a", {"results": [GOOD]}, PLACES) == []


JUDGED = {
    "nothing": ([], "word: nothing found"),
    "other page": ([GOOD | {"href": "two.html#a"}, GOOD], "first result is two.html#a, and should be sec-a"),
    "other section": ([GOOD | {"href": "one.html#b"}], "first result is one.html#b"),
    "no section": ([GOOD | {"href": "one.html"}], "first result is one.html,"),
    "tex": (
        [GOOD, GOOD | {"text": "the vector \\nabla f"}],
        "markup in the result one.html#a: 'the vector \\\\nabla f'",
    ),
    "dollar": ([GOOD | {"text": "costs $x$"}], "markup"),
    "role": ([GOOD | {"text": "see {ref}`sec`"}], "markup"),
    "tag": ([GOOD | {"text": "a <span>"}], "markup"),
}


@pytest.mark.parametrize(("results", "told"), JUDGED.values(), ids=JUDGED)
def test_a_wrong_result_is_named(results, told):
    problems = check_search.judge("word", "sec-a", {"results": results}, PLACES)
    assert len(problems) == 1 and told in problems[0]


def test_the_places_of_a_label_are_those_of_its_section(tmp_path):
    page = '<section class="c" id="a">\n<span id="sec-a"></span><h1>A</h1><a id="b"></a></section><div id="c"></div>'
    (tmp_path / "one.html").write_text(page)
    assert check_search.places(tmp_path) == {
        "a": {"one.html#a", "one.html#sec-a"},
        "sec-a": {"one.html#a", "one.html#sec-a"},
        "b": {"one.html#b"},
        "c": {"one.html#c"},
    }
