"""The claims of the sources are all listed, none weaker than agreed; and the pages made from them do not lie."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import claims
import ledger
import nb
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from conftest import starting_a_kernel

ROOT = Path(__file__).parents[1]
STRENGTH = {"prose": 0, "check": 1, "refute": 2}

# Every claim of the two sources: id, status, and the weakest kind of evidence that will do.
LEAST = """
SE-q-supervised     imprecise                 prose
SE-q-opposite       imprecise                 check
SE-q-likelihood     imprecise                 check
SE-q-cost           question                  check
SE-a1-advice        opinion                   check
SE-a1-function      imprecise                 check
SE-a1-log           imprecise                 check
SE-a1-pi            wrong                     refute
SE-a1-dalpha        correct                   check
SE-a1-dbeta         correct                   check
SE-a1-obj           imprecise                 check
SE-a1-update-alpha  wrong                     refute
SE-a1-update-beta   wrong                     refute
SE-a1-typo          typo                      refute
SE-a1-lr            imprecise                 check
SE-a1-sample        imprecise                 check
SE-a1-gammat        imprecise                 refute
SE-a1-seq           imprecise                 check
SE-a1-nn            correct-under-conditions  check
SE-a1-comment       correct                   prose
SE-a2-setup         correct                   check
SE-a2-min           wrong                     refute
SE-a2-dummy         correct                   prose
SE-a2-eq1           correct-under-conditions  check
SE-a2-essential     imprecise                 check
SE-a2-deriv         correct-under-conditions  check
SE-a2-f             wrong                     refute
SE-a2-final         correct                   check
M-s1-trick          correct                   check
M-fn1               correct                   prose
M-eq1               correct                   check
M-eq2               correct                   check
M-s1-modelfree      wrong                     prose
M-eq3               correct                   check
M-s2-goal           imprecise                 check
M-s2-J1             correct-under-conditions  check
M-s2-avV            correct-under-conditions  check
M-s2-avR            correct-under-conditions  check
M-s2-d              correct-under-conditions  check
M-s2-names          typo                      prose
M-s2-local          correct-under-conditions  check
M-fn2               wrong                     check
M-s2-ascend         wrong                     prose
M-eq4               correct                   check
M-eq6               correct                   check
M-eq6-name          wrong                     refute
M-eq5               correct                   check
M-s3-assume         wrong                     refute
M-s3-know           wrong                     prose
M-s3-def-y          correct                   prose
M-s3-def-z          correct                   prose
M-s3-step1          correct                   check
M-s3-step2          correct                   check
M-s3-step3          correct                   check
M-s3-step4          correct                   check
M-s3-step5          correct                   check
M-s3-score          correct                   check
M-s3-fisher         wrong                     refute
M-s3-trick          correct                   check
M-s3-lrname         imprecise                 check
M-s3-set            imprecise                 prose
M-s3-pi1            correct-under-conditions  check
M-s3-pi2            imprecise                 check
M-s3-pi3            correct                   check
M-s3-special        correct                   check
M-fn3               correct                   prose
M-s3-rf             imprecise                 check
M-s3-shift          typo                      prose
M-s3-fscore         imprecise                 prose
M-s3-know-fp        imprecise                 check
M-s3-E1             correct                   check
M-s3-E2             correct-under-conditions  check
M-s3-E3             correct                   check
M-s3-E4             correct                   check
M-s3-E5             correct                   check
M-s3-p              typo                      prose
M-s3-sample         correct                   prose
M-fn4               imprecise                 check
M-eq7               correct-under-conditions  check
M-s3-direction      correct-under-conditions  check
M-s4-the            typo                      prose
M-eq8               wrong                     refute
M-eq9               correct-under-conditions  refute
M-eq9-J             typo                      prose
M-eq10              correct-under-conditions  check
M-s4-gen            correct                   check
M-s4-swap           wrong                     refute
M-s4-applies        correct-under-conditions  check
M-eq11              wrong                     refute
M-eq11-const        wrong                     refute
M-eq11-diff         correct-under-conditions  check
M-s4-train          correct                   prose
"""
AGREED = {line.split()[0]: line.split()[1:] for line in LEAST.split("\n") if line.strip()}


@pytest.fixture(scope="module")
def book():
    return claims.read(ROOT)


def test_every_claim_of_the_sources_is_listed_and_no_other(book):
    assert len(AGREED) == 92
    assert {claim["id"] for claim in book.claims if claim["source"] != "book"} == set(AGREED)


@pytest.mark.parametrize("name", AGREED)
def test_status_is_as_agreed_and_kind_not_weaker(book, name):
    claim = next(claim for claim in book.claims if claim["id"] == name)
    status, least = AGREED[name]
    assert claim["status"] == status
    assert STRENGTH[claim["kind"]] >= STRENGTH[least]


def test_no_claim_is_open(book):
    assert [claim["id"] for claim in book.claims if claim["section"] == "open"] == []


@pytest.mark.parametrize("name", AGREED)
def test_the_evidence_on_the_page_is_not_weaker_than_agreed(book, name):
    claim = next(claim for claim in book.claims if claim["id"] == name)
    here = (name, claim["chapter"], claim["section"])
    kinds = {check.kind for check in book.checks if (check.claim, check.chapter, check.section) == here}
    told = any((role.claim, role.chapter, role.section) == here for role in book.mentions)
    found = {"prose": told or kinds, "check": kinds - {"refute"}, "refute": "refute" in kinds and kinds - {"refute"}}
    assert found[AGREED[name][1]], f"{name} in {claim['section']}: {sorted(kinds)}"


def test_the_counts_in_the_text_are_those_of_the_ledger(book):
    sources = [claim for claim in book.claims if claim["source"] != "book"]
    by_machine = len({claim["id"] for claim in sources} & {check.claim for check in book.checks})
    assert (by_machine, len(sources) - by_machine) == (73, 19)
    assert "73 of their 92 claims. The other 19 can\nonly be argued" in (ROOT / "README.md").read_text()
    intro = (ROOT / "book/intro.md").read_text()
    assert "all 92 claims" in intro and "73 are checked by machine, and 19 can only be argued." in intro


def test_every_equation_and_both_answers_have_a_cell_to_link_to(book):
    cells = {claim for chapter in book.chapters for claim, _ in ledger.anchors(chapter)}
    equations = {f"M-eq{n}" for n in range(1, 12)}
    answers = {name for name in AGREED if name.startswith(("SE-a1-", "SE-a2-")) and AGREED[name][1] != "prose"}
    assert equations | answers <= cells


def test_quotation_marks_are_balanced(book):
    for claim in book.claims:
        for field in ("place", "says", "truth"):
            text = claim[field]
            assert text.count('"') % 2 == 0, (claim["id"], field)
            assert text.count("\N{LEFT DOUBLE QUOTATION MARK}") == text.count("\N{RIGHT DOUBLE QUOTATION MARK}")
            assert text.count("`") % 2 == 0 and text.count("$") % 2 == 0, (claim["id"], field)


def test_claims_are_open_exactly_where_the_chapter_is_to_come(book):
    for claim in book.claims:
        assert (claim["section"] == "open") == (claim["chapter"] not in book.contents), claim["id"]


# --- the pages ---------------------------------------------------------------------------------------------------

WORDS = "These words stand for the prose of a chapter. "
CHECKS = """printed, true = np.array([3.0, 4.0])
check.refute("X-four", printed, true)
check.equal("X-four", 2.0 * 2, true)"""
CONFIGURATION = """
extensions = ["myst_nb", "ledger"]
myst_enable_extensions = ["dollarmath"]
nb_execution_mode = "off"
root_doc, html_theme, exclude_patterns = "book/intro", "basic", ["_build"]
"""
ENTRY = {"source": "X", "place": "part 1, line 1", "status": "wrong", "kind": "refute", "chapter": "tiny"}
ENTRY |= {"says": "It is $3$.", "truth": "It is $4$.", "section": "sec-tiny"}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Return the root of a tiny book with a chapter and the two pages made from its claims."""
    root = tmp_path_factory.mktemp("pages")
    (root / "book").mkdir()
    cells = [
        new_markdown_cell(f"(sec-tiny)=\n# Tiny\n\n{WORDS} {{claim}}`X-word` {{claim}}`X-four`", id="a"),
        new_code_cell("import numpy as np\n\nfrom pglib import check", id="b"),
        new_code_cell(CHECKS, id="c"),
        new_markdown_cell(WORDS, id="d"),
        new_code_cell('check.equal("X-four", true, 4)\ncheck.equal("T-four", true, 4)', id="e"),
    ]
    (root / "book/tiny.ipynb").write_bytes(nb.dump(new_notebook(cells=cells)))
    with starting_a_kernel():
        assert nb.run(root / "book/tiny.ipynb") is None
    word = {"id": "X-word", "kind": "prose", "status": "opinion", "place": "part 2, line 1"}
    later = {"id": "X-later", "chapter": "later", "section": "open"}
    own = {"id": "T-four", "source": "book", "kind": "check", "section": "sec-tiny"}
    listed = [ENTRY | {"id": "X-four"}, ENTRY | word, ENTRY | later, ENTRY | own]
    (root / "book/claims.yml").write_text(yaml.safe_dump(listed))
    (root / "conf.py").write_text(CONFIGURATION)
    (root / "_toc.yml").write_text("root: book/intro\nchapters:\n- file: book/tiny\n")
    example = "```{checked} X-four\nIts check *prints*:\n```\n\n"
    (root / "book/intro.md").write_text(f"# Intro\n\n{example}```{{toctree}}\ntiny\nledger\nerrata\n```\n")
    for name in ("ledger", "errata"):
        (root / f"book/{name}.md").write_text(f"(sec-{name})=\n# {name}\n\n```{{{name}}}\n```\n")
    return root


def build(root):
    """Build a tiny book; return the exit code and what Sphinx says."""
    command = [sys.executable, "-m", "sphinx", *"-n -W --keep-going -q".split(), root, root / "_build"]
    environment = {"PYTHONPATH": str(ROOT / "tools"), "PATH": "/usr/bin:/bin"}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return result.returncode, result.stdout + result.stderr


@pytest.fixture(scope="module")
def built(pages):
    """Return the folder of the pages, built without a warning."""
    assert build(pages) == (0, "")
    return pages / "_build"


def test_ledger_and_errata_link_to_cells_and_back(built):
    html = {name: (built / f"book/{name}.html").read_text() for name in ("tiny", "ledger", "errata")}
    for name, text in html.items():
        for page, anchor in re.findall(r'href="(?:(\w+)\.html)?#((?:claim|ledger|erratum|sec)-[\w-]+)"', text):
            assert html[page or name].count(f'id="{anchor}"') == 1, (name, page, anchor)
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", html["ledger"], re.DOTALL)
    row = {name: next(row for row in rows if f">{name}<" in row) for name in ("X-four", "X-word", "X-later")}
    assert "refute + equal" in row["X-four"]
    assert 'href="tiny.html#claim-x-four"' in row["X-four"] and 'href="tiny.html#claim-x-four-2"' in row["X-four"]
    assert 'href="errata.html#erratum-x-four"' in row["X-four"]
    assert 'href="tiny.html#sec-tiny"' in row["X-word"] and "prose" in row["X-word"]
    assert "open: chapter later" in row["X-later"] and "href" not in row["X-later"]
    assert "2 of 3 claims of the sources are treated. 1 of 1 claims of the book itself" in html["ledger"]
    assert "1 of 2 claims that are wrong, misprinted, imprecise, or fail as printed, are treated." in html["errata"]
    assert 'id="ledger-t-four"' in html["ledger"] and "T-four" not in html["errata"]
    assert "refute: claimed 3, in truth 4" in html["errata"]
    assert 'href="ledger.html#ledger-x-four"' in html["errata"] and 'id="erratum-x-later"' not in html["errata"]
    # the anchor is on the cell that prints the line, not somewhere near
    cell = html["tiny"].split('id="claim-x-four"')[1].split('class="cell ')[0]
    assert "[refute] X-four: claimed 3" in cell


def test_an_example_on_another_page_shows_what_was_printed_and_leads_to_the_cell(built):
    page = (built / "book/intro.html").read_text()
    said, words, printed = (
        page.index(text) for text in ("It is ", "Its check <em>prints</em>", "refute: claimed 3, in truth 4")
    )
    assert said < words < printed and "equal: " not in page
    assert 'href="tiny.html#claim-x-four"' in page and 'href="ledger.html#ledger-x-four"' in page


def test_build_fails_where_the_ledger_would_lie(pages, tmp_path):
    root = shutil.copytree(pages, tmp_path / "book", ignore=shutil.ignore_patterns("_build"))
    notebook = root / "book/tiny.ipynb"
    text = notebook.read_text()
    assert "{claim}`X-word`" in text and "[refute] X-four" in text
    text = text.replace("{claim}`X-word`", "\\n\\n% {claim}`X-word`\\n\\n").replace("[refute] X-four", "[refute] X-for")
    notebook.write_text(text)
    intro = root / "book/intro.md"
    intro.write_text(intro.read_text().replace("{checked} X-four", "{checked} X-word") + "\nSee {claim}`X-none`.\n")
    code, report = build(root)
    assert code == 1
    assert "tiny.ipynb, cell 3 [2]: the stored lines are not those of the checks" in report
    assert "the role {claim} of X-word is not on the page" in report
    assert "undefined label: 'ledger-x-none'" in report
    assert "no check refutes a claim X-word" in report
