"""What guards the built pages: each planted defect is caught and named; and the guards are in their places."""

import asyncio
import re
import shutil
import subprocess
import sys
from pathlib import Path

import browser
import check_html
import check_site
import check_valid
import offline_html
import old_cpu
import pytest
import yaml
from pygments.styles import get_style_by_name
from pygments.token import STANDARD_TYPES, Token

ROOT = Path(__file__).parents[1]

PAGE = """<!DOCTYPE html>
<html lang="en"><head><title>A page for $5</title>
<link rel="stylesheet" href="_static/style.css?v=1">
<link rel="canonical" href="https://example.org/">
<script src="_static/script.js"></script>
<style>body { background: url("picture.png"); }</style>
</head><body><main>
<h1 id="top">A page</h1>
<p>A formula <span class="math">\\(x = $5\\)</span>, some <code>$code</code>,
and <a href="part/other.html#there">a link</a>,
<a href="#top">up</a>, <a href="https://example.org/">a site</a>, <a href="mailto:a@example.org">a letter</a>.</p>
<img src="picture.png" alt="A line that rises.">
<img src="picture.png" alt="" role="presentation">
<i class="fa-solid fa-sun"></i>
</main></body></html>
"""
OTHER = """<!DOCTYPE html>
<html lang="en"><head><title>Other</title></head>
<body><main><h1 id="there">Other</h1><a href="../index.html">back</a></main></body></html>"""


@pytest.fixture
def site(tmp_path):
    (tmp_path / "part").mkdir()
    (tmp_path / "_static").mkdir()
    (tmp_path / "index.html").write_text(PAGE)
    (tmp_path / "part/other.html").write_text(OTHER)
    (tmp_path / "picture.png").touch()
    (tmp_path / "_static/script.js").touch()
    (tmp_path / "_static/style.css").write_text(
        "/* https://example.org */ p { background: url(data:image/png;base64,) } .fa-solid, .fa-sun { color: red }"
    )
    return tmp_path


def test_a_good_site_passes(site):
    problems, count = check_html.check(site)
    assert problems == []
    assert count == {"pages": 2, "images": 2, "links": 3, "anchors": 2, "loads": 5}


DEFECTS = {
    "missing file": ('<a href="gone.html">x</a>', "no such file: gone.html"),
    "file outside": ('<a href="../x.html">x</a>', "leads out of the book: ../x.html"),
    "missing anchor": ('<a href="part/other.html#gone">x</a>', "no such anchor: part/other.html#gone"),
    "missing anchor here": ('<a href="#gone">x</a>', "no such anchor: #gone"),
    "redirect": ('<meta http-equiv="Refresh" content="0; url=gone.html">', "no such file: gone.html"),
    "second main": ("<main></main>", "2 main parts, not one"),
    "icon": ('<i class="fa-su"></i>', "no style sheet has a rule for the class fa-su"),
    "part of a library": ('<p class="sd-card">x</p>', "no style sheet has a rule for the class sd-card"),
    "id twice": ('<p id="top">x</p>', "id twice: top"),
    "no alt": ('<img src="picture.png">', "image without alt text: picture.png"),
    "empty alt": ('<img src="picture.png" alt=" ">', "image without alt text: picture.png"),
    "file name": ('<img src="picture.png" alt="_images/0a1b.png">', "is a file name: _images/0a1b.png"),
    "stem": ('<img src="picture.png" alt="picture">', "is a file name: picture"),
    "missing image": ('<img src="gone.png" alt="A line.">', "no such file: gone.png"),
    "script": ('<script src="https://example.org/a.js"></script>', "another host: https://example.org/a.js"),
    "no scheme": ('<script src="//example.org/a.js"></script>', "another host: //example.org/a.js"),
    "image": ('<img src="http://example.org/a.png" alt="A line.">', "another host: http://example.org/a.png"),
    "srcset": ('<source srcset="picture.png 1x, https://example.org/2.png 2x">', "another host: https://example.org/2"),
    "style sheet": (
        '<link rel="stylesheet" href="https://example.org/a.css">',
        "another host: https://example.org/a.css",
    ),
    "preconnect": ('<link rel="preconnect" href="https://example.org">', "another host: https://example.org"),
    "import": ("<style>@import 'https://example.org/a.css';</style>", "another host: https://example.org/a.css"),
    "font": (
        "<style>@font-face { src: url(https://example.org/a.woff2) }</style>",
        "another host: https://example.org/a.w",
    ),
    "attribute": ('<p style="background: url(//example.org/a.png)">x</p>', "another host: //example.org/a.png"),
    "frame": ('<iframe src="https://example.org"></iframe>', "another host: https://example.org"),
    "svg": ('<svg><image href="https://example.org/a.svg"></image></svg>', "another host: https://example.org/a.svg"),
    "formula": ("<mjx-merror>x</mjx-merror>", "MathJax could not read"),
    "dollar": ("<p>costs $x$</p>", "markup left in the text: costs $x$"),
    "role": ("<p>see {ref}`sec`</p>", "markup left in the text: see {ref}`sec`"),
}


@pytest.mark.parametrize(("planted", "told"), DEFECTS.values(), ids=DEFECTS)
def test_a_defect_is_caught_and_named(site, planted, told):
    (site / "index.html").write_text(PAGE.replace("</body>", planted + "</body>"))
    problems, _ = check_html.check(site)
    assert len(problems) == 1 and problems[0].startswith("index.html: ") and told in problems[0]


@pytest.mark.parametrize(
    "load", ["@import url(https://example.org/a.css)", "p { src: url('https://example.org/a.css') }"]
)
def test_a_style_sheet_that_loads_from_another_host_is_caught(site, load):
    (site / "_static/more.css").write_text(load)
    assert check_html.check(site)[0] == ["_static/more.css: loads from another host: https://example.org/a.css"]


def test_the_command_fails_where_there_is_no_page_and_names_each_defect(site, tmp_path):
    command = [sys.executable, check_html.__file__]
    assert subprocess.run([*command, site], capture_output=True).returncode == 0
    (site / "index.html").write_text(PAGE + "<a href='gone.html'></a><img src='picture.png'>")
    failed = subprocess.run([*command, site], capture_output=True, text=True)
    assert failed.returncode == 1 and "gone.html" in failed.stderr and "picture.png" in failed.stderr
    empty = tmp_path / "empty"
    empty.mkdir()
    failed = subprocess.run([*command, empty], capture_output=True, text=True)
    assert failed.returncode == 1 and "no page found" in failed.stderr


def test_the_workflow_is_valid_and_runs_the_checks(tmp_path):
    path = ROOT / ".github/workflows/book.yml"
    command = [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", "vendor.github-workflows"]
    assert subprocess.run([*command, path], capture_output=True).returncode == 0
    bad = tmp_path / "bad.yml"
    bad.write_text(path.read_text().replace("runs-on", "runs-in"))
    assert subprocess.run([*command, bad], capture_output=True).returncode == 1
    jobs = yaml.safe_load(path.read_text())["jobs"]
    assert "bash .ci/run" in [step.get("run") for step in jobs["check"]["steps"]]
    assert jobs["publish"]["needs"] == "check"


def test_a_warning_stops_the_build():
    makefile = (ROOT / "Makefile").read_text()
    assert "jupyter-book build . -W -n --keep-going" in makefile
    assert "rm -rf _build/html _build/.doctrees\n" in makefile, "or the warnings of unchanged pages are not repeated"
    assert "check_html.py _build/html" in makefile
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    assert config["execute"] == {"execute_notebooks": "off", "stderr_output": "error"}
    assert "suppress_warnings" not in config["sphinx"]["config"]
    extensions = {path.stem for path in (ROOT / "tools").glob("*.py") if "def setup(app)" in path.read_text()}
    assert set(config["sphinx"]["local_extensions"]) == extensions


def test_ci_runs_all_targets_and_stops_at_the_first_failure():
    script = (ROOT / ".ci/run").read_text()
    assert "set -euo pipefail" in script
    for target in ("book", "test", "lint", "check-site", "check-downloads", "pdf", "test-old-cpu"):
        assert f"step make {target}\n" in script


def test_the_old_processor_runs_the_same_tests():
    assert f".venv/bin/python {' '.join(old_cpu.TESTS)}\n" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        (' lang="en"', "", "no language"),
        ("<title>A page for $5</title>", "", "the title is not of this page alone: ''"),
        ("A page for $5", "Other", "the title is not of this page alone: 'Other'"),
        ("<main>", "<div>", "0 main parts, not one"),
    ],
)
def test_a_page_has_a_language_a_title_and_a_main_part(site, right, wrong, told):
    (site / "index.html").write_text(PAGE.replace(right, wrong))
    assert f"index.html: {told}" in check_html.check(site)[0]


REPAIRED = {
    '<summary aria-label="Toggle hidden content">\n<p class="collapsed admonition-title">Show</p>\n': (
        '<summary>\n<span class="collapsed admonition-title">Show</span>\n'
    ),
    '<div class="exercise" id="a"><section id="exercise-content">': '<div class="exercise" id="a"><section>',
    '<dd class="field-even"><p><ul class="simple">\n<li><p>a</p></li>\n</ul>\n</p>\n</dd>': (
        '<dd class="field-even"><ul class="simple">\n<li><p>a</p></li>\n</ul>\n</dd>'
    ),
    '<div class="highlight"><pre><div id="a">x</div></pre></div>': (
        '<div class="highlight"><pre><span id="a">x</span></pre></div>'
    ),
    '<pre><span class="n">x</span> <span class="mi">1</span></pre><span class="n">x</span>': (
        '<pre>x <span class="mi">1</span></pre><span class="n">x</span>'
    ),
    '<!-- So that users can add custom icons -->\n  <script src="../_static/fontawesome.js?d=1"></script>\n': "\n",
    '<input name="q"\n         autocorrect="off"\n/>': '<input name="q"\n        \n/>',
    '<p class="admonition-title">Note</p> <pre>x</pre>': '<p class="admonition-title">Note</p> <pre>x</pre>',
    r'of (<span class="math notranslate">\(x\)</span>), see': (
        r'of <span class="together">(<span class="math notranslate">\(x\)</span>),</span> see'
    ),
    r'<span class="math notranslate">\(x\)</span>-th <span class="math notranslate">\(y\)</span> of': (
        r'<span class="together"><span class="math notranslate">\(x\)</span>-</span>th'
        r' <span class="math notranslate">\(y\)</span> of'
    ),
    'Solution to<a class="reference internal" href="#a"> Exercise 1</a>': (
        'Solution to <a class="reference internal" href="#a">Exercise 1</a>'
    ),
}


@pytest.mark.parametrize(("wrong", "right"), REPAIRED.items())
def test_what_others_write_wrongly_is_repaired(wrong, right):
    assert offline_html.repair(wrong) == right


@pytest.mark.parametrize("style", ["a11y-high-contrast-light", "a11y-high-contrast-dark"])  # those of the theme
def test_words_of_code_that_lose_their_marks_look_as_if_they_had_none(style):
    look = get_style_by_name(style).style_for_token
    plain = (Token.Name, Token.Name.Namespace, Token.Punctuation, Token.Text.Whitespace)
    assert {STANDARD_TYPES[token] for token in plain} == {"n", "nn", "p", "w"}
    assert all(look(token) == look(Token.Text) for token in plain)


def test_mathjax_is_whole_and_the_icons_are_drawn_here():
    script = offline_html.mathjax()
    assert len(script) < 1_400_000 and script.startswith("/* MathJax, under the Apache License 2.0")
    assert script.index("MathJax.loader") < script.index("registerConstructor"), "startup comes first"
    drawn = (ROOT / "book/_static/icons.css").read_text()
    assert "--icon: url" in drawn and "url(" not in re.sub(r'url\("data:image/svg\+xml,<svg [^"]*</svg>"\)', "", drawn)


def test_shapes_of_letters_that_no_formula_has_are_left_out():
    script = 'V.fraktur,{33:"1 0Q2",34:"3"},{47:"x"});V.normal,{33:"1",119886:"2",120068:"3",120069:"4"},{})'
    lighter = 'V.fraktur,{},{47:"x"});V.normal,{33:"1",119886:"2",},{})'
    assert offline_html.lighter(script) == lighter


def test_html_that_is_not_valid_is_named(site):
    if not shutil.which("java"):
        pytest.skip("the checker of HTML needs Java")
    (site / "index.html").write_text('<!DOCTYPE html><html lang="en"><head><title>A</title></head><p><b>x</p></html>')
    problems, n_pages = check_valid.check(site)
    assert n_pages == 2 and problems and all(problem.startswith("index.html:1") for problem in problems)
    (site / "index.html").unlink()
    assert check_valid.check(site) == ([], 1)


SHOWN = """<!DOCTYPE html>
<html lang="en"><head><title>A page</title><meta name="viewport" content="width=device-width, initial-scale=1">
<style>body { color: black; background: white; } p.box { width: 100px; overflow: hidden; }</style>
<script>
const dark = matchMedia("(prefers-color-scheme: dark)"), root = document.documentElement;
dark.onchange = () => root.dataset.theme = dark.matches ? "dark" : "light";
dark.onchange();
window.MathJax = {startup: {promise: new Promise(done => setTimeout(done, 0))}};
</script></head><body><main><article><h1>A page</h1>
<p><span class="math notranslate"><mjx-container><svg><g data-mml-node="mi"><path d="M0 0"/></g></svg>
<math><mi>x</mi></math></mjx-container></span></p>
</article></main></body></html>"""
WIDE = '<mjx-container style="display: block; width: 300px"><math><mo>y</mo></math></mjx-container>'
SHOWN_DEFECTS = {
    "contrast": ('<p style="color: #999">pale</p>', "color-contrast, 1 times: <p"),
    "contrast in the dark": ("<style>[data-theme=dark] h1 { color: #999 }</style>", "color-contrast, 1 times: <h1"),
    "no words": ('<a href="#"><b></b></a>', "link-name, 1 times: <a"),
    "folded": ('<details><summary>x</summary><p style="color: #999">pale</p></details>', "color-contrast, 1 times: <p"),
    "cut": (f'<p class="box">{WIDE}</p>', "formula cut off: y"),
    "raw": (r'<p class="math notranslate">\(z\)</p>', r"formula not typeset: \(z\)"),
    "unknown": (
        '<mjx-container><math></math><i data-mml-node="merror" data-mjx-error="no \\q"></i></mjx-container>',
        "no \\q",
    ),
    "letter": (
        '<mjx-container><svg><g data-mml-node="mi"></g></svg><math><mi>q</mi></math></mjx-container>',
        "formula with a letter that mathjax.js has no shape for: q (section undefined)",
    ),
    "unspoken": ("<mjx-container>z</mjx-container>", "1 formulas without MathML"),
    "sideways": ('<p style="width: 2000px">x</p>', "scrolls sideways by"),
    "outside": ('<img src="https://example.org/a.png" alt="">', "asks another host: https://example.org/a.png"),
    "script": ("<script>nothing.here</script>", "error in a script: nothing is not defined"),
    "missing": ('<img src="gone.png" alt="">', "gone.png"),
    "heavy": ('<script src="heavy.js"></script>', "loads 6.00 MB, more than 5"),
    "slow": ("<script>MathJax.startup.promise = new Promise(done => setTimeout(done, 1600))</script>", "after 1.6"),
    "theme": ("<script>dark.onchange = null</script>", "asked for dark, shows light"),
}


def test_what_a_reader_would_see_is_caught_and_named(tmp_path):
    if not any(map(shutil.which, browser.NAMES)):
        pytest.skip("looking at pages needs Chromium")
    (tmp_path / "good.html").write_text(SHOWN)
    (tmp_path / "heavy.js").write_text("//" + "x" * 6_000_000)
    for name, (planted, _) in SHOWN_DEFECTS.items():
        (tmp_path / f"{name}.html").write_text(SHOWN.replace("</article>", planted + "</article>"))
    with browser.serving(tmp_path) as base:
        _, problems = asyncio.run(check_site.check(tmp_path, base, None))
    for name, (_, told) in SHOWN_DEFECTS.items():
        assert any(problem.startswith(f"{name}.html: ") and told in problem for problem in problems), (name, problems)
    assert not [problem for problem in problems if problem.startswith("good.html: ")]
