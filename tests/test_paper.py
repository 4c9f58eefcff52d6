"""The book for paper: one page with each id once, solutions at its end; and each planted defect is named."""

import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

import browser
import check_html
import nbformat
import pdf
import PIL.Image
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, BooleanObject, DictionaryObject, NameObject, NumberObject, TextStringObject

ROOT = Path(__file__).parents[1]

CONFIGURATION = """
extensions = ["myst_nb", "sphinx_proof", "sphinx_exercise", "offline_html", "paper"]
root_doc = "book/intro"
html_title = "Tiny"
html_theme = "sphinx_book_theme"
html_static_path = ["STATIC"]
numfig = True
math_number_all = False
mathjax3_config = {"tex": {}}
myst_enable_extensions = ["colon_fence", "dollarmath"]
suppress_warnings = ["app.add_node"]
"""
INTRO = """# Intro

```{toctree}
:caption: Chapters
:numbered:
one
two
/genindex
```
"""
CHAPTER = """(sec-NAME)=
# Chapter NAME

```{index} pair: word; NAME
```
See {ref}`sec-OTHER`, {ref}`sec-OTHER-sum`, {numref}`ex-OTHER`, {eq}`eq-OTHER`, {prf:ref}`th-OTHER` and [^foot].

$$x = 1$$ (eq-NAME)

:::{prf:theorem} Of NAME
:label: th-NAME
True.
:::

(sec-NAME-sum)=
## Summary

Back to {ref}`this section <sec-NAME-sum>`.

```{exercise} Try NAME
:label: ex-NAME
What is it?
```

```{solution} ex-NAME
:class: dropdown
It is NAME.
```

[^foot]: A note of NAME.
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Return the one page of a tiny book of two chapters, built without a warning."""
    root = tmp_path_factory.mktemp("paper")
    (root / "book").mkdir()
    (root / "conf.py").write_text(CONFIGURATION.replace("STATIC", str(ROOT / "book/_static")))
    (root / "book/intro.md").write_text(INTRO)
    (root / "genindex.md").write_text("# Index\n")
    for name, other in (("one", "two"), ("two", "one")):
        (root / f"book/{name}.md").write_text(CHAPTER.replace("NAME", name).replace("OTHER", other))
    command = [sys.executable, "-m", "sphinx", *"-b singlehtml -n -W --keep-going -q".split(), root, root / "_build"]
    environment = {"PYTHONPATH": str(ROOT / "tools"), "PATH": "/usr/bin:/bin"}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")
    return root / "_build/index.html"


def test_each_id_occurs_once_and_all_links_lead_somewhere(page):
    problems, count = check_html.check(page.parent)
    assert not [problem for problem in problems if "id twice" in problem or "no such" in problem]
    assert count["pages"] == 1 and count["anchors"] >= 20


def test_links_lead_to_the_right_one_of_two(page):
    html = page.read_text()
    for name, other in (("one", "two"), ("two", "one")):
        chapter = html.split(f'id="chapter-{name}"')[1].split(f'id="chapter-{other}"')[0].split('id="solutions')[0]
        links = dict(
            (re.sub("<.*?>", "", words), to) for to, words in re.findall(r'href="#([^"]*)"[^>]*>(.*?)</a>', chapter)
        )
        assert links["this section"] == f"sec-{name}-sum" or f'id="{links["this section"]}"' in chapter
        assert links[f"Chapter {other}"] in (f"sec-{other}", f"chapter-{other}")
        target = html.split(f'id="{links["Summary"]}"')[1]
        assert f"ex-{other}" in target[:1500], "the other chapter's summary has its exercise"
        note = re.search(r'<a class="footnote-reference[^>]*href="#([^"]*)"', chapter)[1]
        assert f"A note of {name}." in html.split(f'id="{note}"')[1][:400]
    assert 'id="book-one.summary"' in html and 'id="book-two.summary"' in html and 'id="summary"' not in html


def test_numbers_are_those_of_the_chapters(page):
    html = re.sub("<.*?>", "", page.read_text())
    for words in ("1. Chapter one", "2. Chapter two", "1.1. Summary", "2.1. Summary"):
        assert html.count(words) >= 2, words  # in the contents, too
    assert "Theorem 1" in html and "Theorem 2" in html
    assert html.count("Exercise 1") >= 3 and html.count("Exercise 2") >= 3


def test_solutions_stand_at_the_end_and_link_back(page):
    html = page.read_text()
    chapters, solutions = html.split('id="solutions-of-exercises"')
    for name in ("one", "two"):
        assert f"It is {name}." in solutions and f"It is {name}." not in chapters
        exercise = chapters.split(f'id="ex-{name}"')[1]
        link = re.search(r'<a class="paged[^>]*href="#([^"]*)">Solution</a>', exercise)[1]
        solution = solutions.split(f'id="{link}"')[1]
        assert f'href="#ex-{name}"' in solution[:300]
    assert "dropdown" not in html


def test_contents_come_first(page):
    html = page.read_text()
    contents = html.split('class="paper-contents')[1].split('id="intro"')[0]
    assert "Chapters" in contents
    found = re.findall(r'<a class="paged[^"]*" href="#([^"]*)">', contents)
    assert found[:2] == ["intro", "chapter-one"] and "solutions-of-exercises" in found
    assert all(html.count(f'id="{name}"') == 1 for name in found)


def test_index_links_words_to_their_places(page):
    index = page.read_text().split('class="paper-index')[1].split('id="solutions')[0]
    assert index.count('class="index-entry"') == 3 and index.count('class="index-subentry"') == 4
    targets = re.findall(r'<a class="paged[^"]*" href="#([^"]*)">', index)
    assert len(targets) == 4 and all(page.read_text().count(f'id="{target}"') == 1 for target in targets)


# --- the printed file --------------------------------------------------------------------------------------------


def _pdf(value):
    """Return a Python value as pypdf's objects."""
    if isinstance(value, dict):
        return DictionaryObject({NameObject(key): _pdf(one) for key, one in value.items()})
    if isinstance(value, list):
        return ArrayObject(map(NumberObject, value))
    return NameObject(value) if value.startswith("/") else TextStringObject(value)


def printed(defect=""):
    """Return a file of one page, as good as its defect lets it be."""
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    root = writer.root_object
    if defect != "untagged":
        root[NameObject("/MarkInfo")] = DictionaryObject({NameObject("/Marked"): BooleanObject(True)})
        root[NameObject("/StructTreeRoot")] = DictionaryObject()
    if defect != "language":
        root[NameObject("/Lang")] = TextStringObject("en")
    if defect != "title":
        writer.add_metadata({"/Title": "Tiny"})
    if defect != "bookmarks":
        writer.add_outline_item(title="Chapter", page_number=0)
    writer.add_named_destination(title="there", page_number=0)
    to = {"file": "file:///there", "host": "http://127.0.0.1/"}.get(defect, "https://example.org")
    outside = {"/A": {"/S": "/URI", "/URI": to}}
    inside = {"/Dest": "gone" if defect == "gone" else "there"}
    for link in (outside, inside):
        writer.add_annotation(
            page_number=0, annotation=_pdf({"/Type": "/Annot", "/Subtype": "/Link", "/Rect": [0, 0, 9, 9], **link})
        )
    stream = io.BytesIO()
    writer.write(stream)
    return stream.getvalue()


def test_a_good_file_passes():
    count, problems = pdf.judge(printed())
    assert problems == []
    assert count == {"pages": 1, "links inside": 1, "links outside": 1, "bookmarks": 1}


DEFECTS = {
    "untagged": "the file is not tagged",
    "language": "the file has no language",
    "title": "the file has no title",
    "bookmarks": "the file has no bookmarks",
    "gone": "page 1: link to nowhere: gone",
    "file": "page 1: link to nowhere: file:///there",
    "host": "page 1: link to nowhere: http://127.0.0.1/",
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_each_defect_of_the_file_is_named(defect):
    assert pdf.judge(printed(defect))[1] == [DEFECTS[defect]]


# --- the page as Chromium would print it -------------------------------------------------------------------------

has_chromium = pytest.mark.skipif(not any(map(shutil.which, browser.NAMES)), reason="needs Chromium")
PAGE = """<!DOCTYPE html><html lang="en"><head><title>Tiny</title>
<script>window.MathJax = {startup: {promise: Promise.resolve(), document: {math: []}}};</script></head>
<body style="margin: 0"><article>
<a class="paged" href="#far">Far</a> <a href="https://example.org">site</a>
DEFECT
<h1 id="far" style="break-before: page">Far away</h1></article></body></html>"""
PAGE_DEFECTS = {
    "wide": ('<div style="width: 900px">x</div>', "cut at the side"),
    "box": ('<pre style="overflow-x: auto">' + 300 * "x" + "</pre>", "cut by its box"),
    "high": ('<svg width="50" height="2000"><path d="M0 0"/></svg>', "higher than a page"),
    "formula": ('<span class="math notranslate">\\(x\\)</span>', "formula not typeset: \\(x\\)"),
    "error": (
        '<svg><g data-mml-node="merror" data-mjx-error="Undefined"></g></svg>',
        "formula with an error: Undefined",
    ),
    "folded": ('<div class="toggle-hidden">x</div>', "folded"),
    "link": ('<a href="#gone">x</a>', "link to nowhere: #gone"),
    "file": ('<a href="other.html">x</a>', "link to nowhere: other.html"),
    "script": ("<script>throw new Error('broken')</script>", "error in a script"),
    "number": ('<a class="paged" href="#gone">x</a>', "no page for gone"),
}


@has_chromium
def test_a_good_page_is_printed_with_the_numbers_of_its_pages(tmp_path):
    (tmp_path / "index.html").write_text(PAGE.replace("DEFECT", "<style>a::after { content: attr(data-page) }</style>"))
    made, problems = pdf.print_book((tmp_path / "index.html").as_uri(), {})
    assert problems == []
    count, problems = pdf.judge(made)
    assert problems == [] and count["pages"] == 2 and count["links inside"] >= 1
    reader = PdfReader(io.BytesIO(made))
    assert "Far2" in reader.pages[0].extract_text().replace(" ", "") and "/Lang" in reader.trailer["/Root"]


@has_chromium
@pytest.mark.parametrize("defect", PAGE_DEFECTS)
def test_each_defect_of_the_page_is_named(tmp_path, defect):
    planted, message = PAGE_DEFECTS[defect]
    (tmp_path / "index.html").write_text(PAGE.replace("DEFECT", planted))
    problems = pdf.print_book((tmp_path / "index.html").as_uri(), {})[1]
    assert any(message in problem for problem in problems), problems


DRAWING = """import matplotlib.pyplot as plt
plt.style.use("pglib.book")
plt.plot([1, 2])
plt.show()"""


@has_chromium
def test_figures_are_drawn_as_vectors_and_pixels_are_named(tmp_path):
    cell = new_code_cell(DRAWING, metadata={"mystnb": {"figure": {"name": "fig-line"}}})
    nbformat.write(new_notebook(cells=[cell]), tmp_path / "tiny.ipynb")
    drawn = pdf.draw([tmp_path / "tiny.ipynb"], tmp_path)
    assert list(drawn) == ["fig-line"] and drawn["fig-line"].endswith("fig-line.svg")
    PIL.Image.new("RGB", (40, 40), "red").save(tmp_path / "stored.png")
    figure = '<figure id="fig-line"><img src="stored.png" alt="A line." width="300"></figure>'
    (tmp_path / "index.html").write_text(PAGE.replace("DEFECT", figure))
    for pictures, found in (({}, ["page 1: a picture of pixels, not of vectors"]), (drawn, [])):
        made, problems = pdf.print_book((tmp_path / "index.html").as_uri(), pictures)
        assert problems == [] and pdf.judge(made)[1] == found


def test_a_notebook_that_fails_is_not_printed(tmp_path):
    nbformat.write(new_notebook(cells=[new_code_cell("1 / 0")]), tmp_path / "tiny.ipynb")
    with pytest.raises(SystemExit, match="ZeroDivisionError"):
        pdf.draw([tmp_path / "tiny.ipynb"], tmp_path)


def test_no_other_style_sheet_has_rules_for_print():
    for path in (ROOT / "book/_static").glob("*.css"):
        assert path.name == "print.css" or "@media print" not in path.read_text(), path.name
