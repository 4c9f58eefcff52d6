"""Sphinx extension: pages that ask no server for anything, and repairs of what others put on them.

MathJax comes as one file of the installed package sphinx-mathjax-offline; that package, used as an extension
itself, would copy all its 24 MB of components.
"""

from importlib.metadata import files

from sphinx.errors import ExtensionError

MATHJAX = "tex-svg-full.js"  # all of TeX, and curves in place of fonts: nothing is loaded later
REPAIRS = {
    # what the button shows is its name; myst-nb would have another one read out
    '<summary aria-label="Toggle hidden content">': "<summary>",
    # docutils makes the bibliography a list, but not its entries the items
    'role="doc-biblioentry"': 'role="listitem"',
    # the same id in every exercise, solution, theorem and proof of a page
    ' id="exercise-content"': "",
    ' id="solution-content"': "",
    ' id="proof-content"': "",
    ' id="proof"': "",
}


def setup(app):
    """Connect the parts to Sphinx."""
    app.connect("config-inited", use_own_mathjax)
    app.connect("config-inited", leave_out_thebe)
    app.connect("html-page-context", repair)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def use_own_mathjax(app, config):
    """Copy the one file into the book and name it as MathJax."""
    found = [path.locate() for path in files("sphinx-mathjax-offline") if path.name == MATHJAX]
    if len(found) != 1:
        raise ExtensionError(f"sphinx-mathjax-offline must hold {MATHJAX} once, not {len(found)} times")
    config.html_static_path.append(str(found[0]))
    config.mathjax_path = MATHJAX


def leave_out_thebe(app, config):
    """Undo sphinx-thebe, which Jupyter Book always loads: its code is made to be fetched from elsewhere."""
    for listeners in app.events.listeners.values():
        listeners[:] = [one for one in listeners if one.handler.__module__ != "sphinx_thebe"]
    app.registry.css_files[:] = [one for one in app.registry.css_files if one[0] != "sphinx-thebe.css"]


def repair(app, pagename, templatename, context, doctree):
    """Apply the repairs to the body of a page."""
    for wrong, right in REPAIRS.items():
        context["body"] = context.get("body", "").replace(wrong, right)
