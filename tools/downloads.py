"""Sphinx extension: each chapter as a notebook to download, with the package beside it.

The notebook begins with the line that installs the package from a file in its own folder, for the package is on no
index. What only this book's pages understand is put into words: a role becomes what the page shows in its place, a
directive a bold heading and what it holds, and a figure gets its number and caption. Formulas and outputs stay.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from docutils import nodes
from nbformat.v4 import new_code_cell, new_markdown_cell
from sphinx.addnodes import pending_xref
from sphinx.errors import ExtensionError
from sphinx.util import logging

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = "symbolic,plot,gym"  # what the chapters import beside NumPy
FOLDER = "_downloads"
INSTALL = """# the package lies beside this notebook on its page: keep both files in one folder
%pip install -q "./{wheel}[{extras}]\""""
LINE = """
<p class="run-chapter">Run this chapter: download <a href="{notebook}" download>its notebook</a> and
<a href="{wheel}" download>the package pglib</a> into one folder.</p>"""
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"

LABEL = re.compile(r"(?<!\S\n)(?:^\(([\w-]+)\)=\n)+", re.MULTILINE)  # not in a formula of several lines
TITLE = re.compile(LABEL.pattern + r"#+ (.*)$", re.MULTILINE)
ROLE = re.compile(r"\{([\w:-]+)\}`([^`]+)`")
DIRECTIVE = re.compile(
    r"^(?P<fence>`{3,}|:{3,})\{(?P<kind>[\w:-]+)\} *(?P<argument>.*)\n"
    r"(?P<options>(?::[\w-]+:.*\n)*)(?P<body>(?:.*\n)*?)(?P=fence) *$",
    re.MULTILINE,
)
LEFT = re.compile(r"\{[\w:-]+\}`|^ *(?:`{3,}|:{3,})\{", re.MULTILINE)
logger = logging.getLogger(__name__)


def setup(app):
    """Connect the parts to Sphinx."""
    app.connect("builder-inited", add_package)
    app.connect("html-page-context", add_notebook, priority=502)  # after the theme has made its buttons
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def add_package(app):
    """Put the wheel where the notebooks will be, and read the titles that they may name."""
    if app.builder.name != "html":
        return
    app.wheel = build_wheel(Path(app.outdir) / FOLDER)
    app.titles = {}
    for docname in app.project.discover():
        path = Path(app.env.doc2path(docname))
        if path.suffix == ".ipynb":
            app.titles |= dict(TITLE.findall("\n\n".join(cell.source for cell in nbformat.read(path, 4).cells)))


def build_wheel(folder):
    """Build the package as a wheel, of the same bytes each time, and return the name of the file."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as copy:  # the build leaves its own files behind
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, copy)
        shutil.copytree(ROOT / "pglib", Path(copy, "pglib"), ignore=shutil.ignore_patterns("__pycache__"))
        environment = {**os.environ, "SOURCE_DATE_EPOCH": "315532800"}  # 1980, the first year of a zip file
        command = [sys.executable, "-c", BUILD, Path(copy, "dist")]
        done = subprocess.run(command, cwd=copy, env=environment, umask=0o022, capture_output=True, text=True)
        if done.returncode != 0:
            raise ExtensionError(f"the package could not be built:\n{done.stderr}")
        (wheel,) = Path(copy, "dist").glob("*.whl")
        shutil.copy(wheel, folder)
    return wheel.name


def add_notebook(app, pagename, templatename, context, doctree):
    """Write the notebook of a chapter, and let its page offer it."""
    if app.builder.name != "html" or pagename not in app.env.found_docs:
        return
    path = Path(app.env.doc2path(pagename))
    if path.suffix != ".ipynb":
        return

    def words(role, target):
        return role == "ref" and app.titles.get(target) or shown(app, pagename, role, target)

    made = convert(nbformat.read(path, 4), app.wheel, words)
    for cell in made.cells:
        if cell.cell_type == "markdown" and (left := LEFT.search(cell.source)):
            logger.warning("the notebook to download shows %r", cell.source[left.start() :][:60], location=pagename)
    Path(app.outdir, FOLDER, path.name).write_text(nbformat.writes(made) + "\n", encoding="utf-8")
    notebook, wheel = (context["pathto"](f"{FOLDER}/{name}", 1) for name in (path.name, app.wheel))
    context["body"] = context["body"].replace("</h1>", "</h1>" + LINE.format(notebook=notebook, wheel=wheel), 1)
    for button in (one for group in context.get("header_buttons", []) for one in group.get("buttons", [])):
        if button["label"] == "download-source-button":
            button["url"] = notebook


def shown(app, docname, role, target):
    """Return what a page shows for a role."""
    if role == "ref" and target in getattr(app.env, "sphinx_exercise_registry", {}):
        role = "numref"  # sphinx-exercise does the same
    domain, _, kind = {"eq": "math:eq"}.get(role, role).rpartition(":")
    node = pending_xref(
        refdomain=domain or "std", reftype=kind, reftarget=target, refexplicit=False, refdoc=docname, refwarn=True
    )
    try:
        found = app.env.get_domain(domain or "std").resolve_xref(
            app.env, docname, app.builder, kind, target, node, nodes.inline("", target)
        )
    except ExtensionError:
        found = None  # no such domain
    if not found:
        logger.warning("no words for the role {%s}`%s`", role, target, location=docname)
    return found.astext() if found else target


# --- from MyST to the Markdown that every Jupyter renders ------------------------------------------------------------


def convert(notebook, wheel, words):
    """Return the notebook to download; ``words(role, target)`` is what a page shows for a role without text."""
    cells = [new_code_cell(INSTALL.format(wheel=wheel, extras=EXTRAS), id="install")]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = plain(cell.source, words)
        if cell.source:
            cells.append(cell)
        if figure := cell.metadata.get("mystnb", {}).get("figure"):
            caption = f"**{words('numref', figure['name'])}.** {plain(figure['caption'], words)}"
            cells.append(new_markdown_cell(caption, id=f"{cell.id}-caption"))
    return nbformat.from_dict({**notebook, "cells": cells})


def plain(source, words):
    """Return Markdown without labels, directives and roles."""
    source = DIRECTIVE.sub(lambda match: block(words, **match.groupdict()), LABEL.sub("", source))
    return ROLE.sub(lambda match: inline(words, *match.groups()), source).strip()


def block(words, kind, argument, options, body, fence):
    """Return the Markdown for a directive."""
    given = dict(re.findall(r"^:([\w-]+): *(.*)", options, re.MULTILINE))
    label, body = given.get("label", given.get("name")), plain(body, words)
    if kind == "math":
        number = "" if label is None or r"\tag" in body else rf" \tag{{{words('eq', label).strip('()')}}}"
        return body if "nowrap" in given else f"$$\n{body}{number}\n$$"
    if kind == "solution-end":
        return ""
    if kind == "solution-start":
        return f"**Solution to {words('numref', argument)}.**"
    if label:
        heading = words("prf:ref" if kind.startswith("prf:") else "numref", label)
    else:
        heading = kind.removeprefix("prf:").capitalize()
    if kind == "admonition":
        heading = argument
    elif kind == "explorable":
        heading += " (moves on the page)"
    elif argument:
        heading += f" ({argument})"
    return f"**{heading}.**\n\n{body}"


def inline(words, role, text):
    """Return the Markdown for a role."""
    if role == "claim":
        return f"[{text}]"
    if explicit := re.fullmatch(r"(.*\S)\s*<[^<>]+>", text, re.DOTALL):
        return explicit[1]
    found = words(role, text)
    return f"*{found}*" if role == "ref" else found
