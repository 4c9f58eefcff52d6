"""Sphinx extension: figures that a reader moves.

``{explorable} one_update`` puts `book/explorables/one_update.html` on the page, a picture with its sentence and its
sliders, and loads `one_update.js` beside it, which draws the picture anew whenever a slider moves. What stands in the
first file is what the script draws before anyone moves a slider (`tools/check_explorables.py --write` wrote it), so
that a page without scripts, and paper, show the finding too.
"""

from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

FOLDER = Path(__file__).parents[1] / "book/explorables"


def setup(app):
    """Connect the parts to Sphinx."""
    app.connect("config-inited", copy_scripts)
    app.connect("html-page-context", load_scripts)
    app.add_directive("explorable", Explorable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def copy_scripts(app, config):
    """Have the scripts copied to the other static files."""
    config.html_static_path += [str(path) for path in sorted(FOLDER.glob("*.js"))]


def load_scripts(app, pagename, templatename, context, doctree):
    """Load on each page the scripts of its figures, and no others."""
    names = app.env.metadata.get(pagename, {}).get("explorables", [])
    for name in names:
        app.add_js_file(f"{name}.js", loading_method="defer")
    if names:
        app.add_css_file("explorables.css")


class Explorable(SphinxDirective):
    """``{explorable} one_update``: the figure of this name; its content is the caption."""

    required_arguments = 1
    option_spec = {"name": directives.unchanged_required}
    has_content = True

    def run(self):
        """Return a figure, numbered as others are."""
        name = self.arguments[0]
        path = FOLDER / f"{name}.html"
        if not path.is_file():
            raise self.error(f"there is no figure {name} in book/explorables")
        self.env.note_dependency(str(path))
        self.env.metadata[self.env.docname].setdefault("explorables", []).append(name)
        figure = nodes.figure("", nodes.raw("", path.read_text(encoding="utf-8"), format="html"))
        parsed = nodes.Element()
        self.state.nested_parse(self.content, self.content_offset, parsed)
        if len(parsed) != 1 or not isinstance(parsed[0], nodes.paragraph):
            raise self.error(f"the figure {name} needs a caption of one paragraph")
        figure += nodes.caption("", "", *parsed[0].children)
        self.set_source_info(figure)
        self.add_name(figure)
        return [figure]
