"""Sphinx extension: pages that ask no server for anything, are light, and are valid and accessible HTML.

MathJax is put together from the components that the book needs, which the package sphinx-mathjax-offline holds.
What Jupyter Book and its theme add and no page uses is left out, and what they write wrongly is repaired.
"""

import re
from importlib.metadata import files
from pathlib import Path
from shutil import rmtree

from sphinx.errors import ExtensionError

TEX = ["ams", "newcommand", "configmacros", "boldsymbol"]  # another command is an error
# in this order; curves in place of fonts, for a browser may refuse a page from a file its fonts
COMPONENTS = ["startup", "core", "input/tex-base", *(f"input/tex/extensions/{name}" for name in TEX)]
COMPONENTS += ["output/svg", "output/svg/fonts/tex", "a11y/assistive-mml"]
MATHJAX = "mathjax.js"
# Shapes of letters, a quarter of the script, that no formula has: kinds of letters, and what is not in italics, bold or
# double-struck. Should a formula want one, it would be blank there, and `make check-site` names it.
UNUSED_KINDS = re.compile(r"(\.(?:fraktur|monospace|sansSerif|texOldstyle|texCalligraphicBold|texMathit)\w*,)\{[^}]*\}")
LETTER = re.compile(r'\b(1\d{5}):"[^"]*",?')  # by its number in Unicode, above 1D400
USED = [(0x1D400, 0x1D49B), (0x1D538, 0x1D56B), (0x1D6A4, 0x1D6A5), (0x1D6E2, 0x1D755), (0x1D7CE, 0x1D7D7)]
NOTICE = """/* MathJax, under the Apache License 2.0: https://www.mathjax.org
   Put together from its components, without the shapes of letters that this book has no formulas with. */"""
NARROW = 'if (innerWidth < 576) MathJax.svg = { displayAlign: "left" };  // beside it is room for its number'

LEFT_OUT = ("sphinx_thebe", "sphinx_design")  # extensions that Jupyter Book always loads
UNUSED = ["**/*.map", "**/*webpack-macros.html", "scripts/fontawesome.js", "vendor", "locales", "sphinx-design.min.css"]
FONT_AWESOME = re.compile(r"/\*!\s*\* Font Awesome.*(?=html\{--pst-header-height)", re.DOTALL)  # icons.css has icons

FORMULA, OPEN, CLOSE = '<span class="math [^<]*</span>', r"(\[\u201c", r"\]).,;:!?\u2019\u201d-"

# what is wrong on a page, a regular expression, and what is right
REPAIRS = {
    r'<!-- So that users can add custom icons -->\s*<script src="[^"]*fontawesome\.js[^"]*"></script>': "",
    # the same id in every exercise, solution, theorem and proof of a page
    r' id="(exercise-content|solution-content|proof-content|proof)"': "",
    # what the button shows is its name; myst-nb would have another one read out, and puts paragraphs into it
    r'<summary aria-label="Toggle hidden content">': "<summary>",
    r'<p class="(collapsed|expanded) admonition-title">(.*?)</p>': r'<span class="\1 admonition-title">\2</span>',
    # docutils makes the bibliography a list, but not its entries the items
    r'role="doc-biblioentry"': 'role="listitem"',
    # several returned values are a list, which autodoc puts into a paragraph
    r'(<dd class="field-\w+">)<p>(<ul.*?</ul>)\s*</p>(?=\s*</dd>)': r"\1\2",
    # the theme's: an attribute that is not HTML, a viewport said three times, a name beside the words that are shown,
    # and a sidebar with the title of the book that is no landmark
    r' autocorrect="off"': "",
    r'<meta name="viewport" content="width=device-width, initial-scale=1"\s*/>': "",
    r'(<button class="btn search-button-field [^>]*title="Search") aria-label="Search"': r"\1",
    r'<div id="pst-primary-sidebar"': r'\g<0> role="complementary" aria-label="Book"',
    # a line may end before and after a formula, but not between it and the bracket or punctuation beside it
    rf"[{OPEN}]{FORMULA}[{CLOSE}]*|{FORMULA}[{CLOSE}]+": r'<span class="together">\g<0></span>',
    # the space belongs before the link
    r"Solution to<a ([^>]*)> ": r"Solution to <a \1>",
}
LISTING = re.compile(r"<pre>.*?</pre>", re.DOTALL)  # of a module viewcode makes one with <div> in it
PLAIN = re.compile(r'<span class="(?:n|nn|p|w)">([^<]*)</span>')  # two thirds of all marks; they look as if unmarked
START = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title><meta http-equiv="refresh" content="0; url={page}"></head>
<body><p><a href="{page}">{title}</a></p></body>
</html>
"""


def setup(app):
    """Connect the parts to Sphinx."""
    app.connect("config-inited", leave_out)
    app.connect("config-inited", configure_mathjax)
    app.connect("builder-inited", repair_all)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def leave_out(app, config):
    """Undo extensions whose code would be fetched from elsewhere, or is on every page and used by none."""
    for listeners in app.events.listeners.values():
        listeners[:] = [one for one in listeners if one.handler.__module__.split(".")[0] not in LEFT_OUT]
    for kind in (app.registry.css_files, app.registry.js_files):
        kind[:] = [one for one in kind if not str(one[0]).startswith(("sphinx-thebe", "sphinx-design", "design-tabs"))]


def configure_mathjax(app, config):
    """Name the file that is put together, and the packages of TeX in it."""
    config.mathjax_path = MATHJAX
    config.mathjax3_config["tex"]["packages"] = ["base", *TEX]


def mathjax():
    """Return the components of MathJax as one script: what the first one starts waits until all have run."""
    paths = {path.as_posix().partition("/mathjax/")[2]: path.locate() for path in files("sphinx-mathjax-offline")}
    missing = [name for name in COMPONENTS if f"{name}.js" not in paths]
    if missing:
        raise ExtensionError(f"sphinx-mathjax-offline must hold {COMPONENTS}; {missing} not found")
    return "\n".join([NOTICE, NARROW, *(lighter(Path(paths[f"{name}.js"]).read_text("utf-8")) for name in COMPONENTS)])


def lighter(script):
    """Return a script without the shapes of letters that no formula has."""

    def keep(letter):
        return letter[0] if any(first <= int(letter[1]) <= last for first, last in USED) else ""

    return LETTER.sub(keep, UNUSED_KINDS.sub(r"\1{}", script))


def repair_all(app):
    """Write MathJax into the book, and let each page pass through the repairs."""
    if app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    static.mkdir(parents=True, exist_ok=True)
    static.joinpath(MATHJAX).write_text(mathjax(), encoding="utf-8")
    render = app.builder.templates.render
    app.builder.templates.render = lambda *arguments: repair(render(*arguments))


def repair(page):
    """Return a page with all repairs made."""
    for wrong, right in REPAIRS.items():
        page = re.sub(wrong, right, page, flags=re.DOTALL)
    return LISTING.sub(lambda found: repair_listing(found[0]), page)


def repair_listing(code):
    """Return a listing without block elements, and without marks of words that look as others do."""
    return PLAIN.sub(r"\1", code).replace("<div", "<span").replace("</div>", "</span>")


def finish(app, error):
    """Remove what no page asks for, the icon font in the theme's style sheet too, and write the page at the root."""
    if error or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    for path in [path for pattern in UNUSED for path in static.glob(pattern)]:
        rmtree(path) if path.is_dir() else path.unlink()
    sheet = static / "styles/pydata-sphinx-theme.css"
    sheet.write_text(FONT_AWESOME.sub("", sheet.read_text(encoding="utf-8"), count=1), encoding="utf-8")
    if app.builder.name == "html":  # the book for paper is itself the page at the root
        start = START.format(title=app.config.html_title, page=f"{app.config.root_doc}.html")
        Path(app.outdir, "index.html").write_text(start, encoding="utf-8")
