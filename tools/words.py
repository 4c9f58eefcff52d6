"""Sphinx extension: terms, equations and the index.

In a chapter the first occurrence of each term of the glossary becomes a link to it, unless the author has written
``{term}`` there himself. In the text of all pages the number of a source's equation, (7), becomes a link to the place
where a chapter shows the equation with its tag. And the index gets the entries of ``book/index.yml``.
"""

import re
from pathlib import Path

import yaml
from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

GLOSSARY = "book/glossary"
SOURCE = "Meyer"  # whose equation a bare number means where the page itself shows no equation of this number
TAG = re.compile(r"\\tag\{([^}]*)\}")
NUMBER = re.compile(r"(?<![\w.)])\((\d{1,2})\)")
QUOTE = '["\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}]'
FENCE = re.compile(r"^```\{glossary\}\n(.*?)^```", re.MULTILINE | re.DOTALL)
NO_TEXT = (nodes.title, nodes.reference, addnodes.pending_xref, nodes.FixedTextElement, nodes.literal, nodes.math)
NO_TEXT += (nodes.math_block, nodes.block_quote, nodes.raw, nodes.comment, addnodes.desc)
NO_TERMS = (*NO_TEXT, nodes.strong, nodes.emphasis, nodes.caption, nodes.table, nodes.term)
logger = logging.getLogger(__name__)


def setup(app):
    """Connect the parts to Sphinx."""
    app.connect("builder-inited", read_words)
    app.add_transform(LinkWords)
    app.connect("doctree-read", demote_glossary)
    app.connect("env-check-consistency", check_labels)
    app.connect("doctree-resolved", finish_links)
    app.connect("html-page-context", add_search)
    app.add_css_file("words.css")  # in book/_static
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def read_words(app):
    """Read the index, the terms of the glossary, and which equations the chapters show."""
    book = Path(app.srcdir, "book")
    given = yaml.safe_load((book / "index.yml").read_text(encoding="utf-8"))
    app.index_entries = {term: [at] if isinstance(at, str) else at for term, at in given["entries"].items()}
    terms = glossary_terms(Path(app.srcdir, GLOSSARY + ".md").read_text(encoding="utf-8"))
    for term in given["forms"].keys() - terms:
        logger.warning("book/index.yml: forms of a term that the glossary does not have: %s", term, type="words")
    app.term_pattern, app.term_of_group = term_pattern({term: given["forms"].get(term) for term in terms})
    texts = [path.read_text(encoding="utf-8") for path in sorted(book.glob("*.ipynb"))]
    app.equation_labels = {equation_label(tag) for text in texts for tag in TAG.findall(text)}


def glossary_terms(markdown):
    """Return the terms that a page with glossaries defines, in their order."""
    lines = [line for block in FENCE.findall(markdown) for line in block.splitlines()]
    return [line for line in lines if line and not line[0].isspace() and line[0] != ":"]


def equation_label(tag):
    """Return the label of an equation, eq-meyer-7 for the tag Meyer 7."""
    return nodes.make_id(f"eq {tag}")


def term_pattern(forms):
    r"""Return a pattern of quotation marks and terms, and the term that each of its groups stands for.

    A form is the text that is linked, or has it in brackets: ``the [return]``. A term without forms of its own is
    found in singular and plural.

    >>> pattern, terms = term_pattern({"policy": None, "return": ["the [return]"], "action value": None})
    >>> [(m[m.lastgroup], terms[m.lastgroup]) for m in pattern.finditer("Policies return the return, or action values")]
    [('Policies', 'policy'), ('return', 'return'), ('action values', 'action value')]
    """
    listed = [(form, term) for term, own in forms.items() for form in ([_plural(term)] if own is None else own)]
    listed.sort(key=lambda pair: len(pair[0]), reverse=True)
    alternatives, term_of_group = [f"(?P<quote>{QUOTE})"], {}
    for number, (form, term) in enumerate(listed):
        marked = form if "[" in form else f"[{form}]"
        pattern = re.sub(" +", r"\\s+", re.sub(r"\[(.*)\]", rf"(?P<t{number}>\1)", marked))
        any_case = "?i:" if form == form.lower() else "?:"  # but REINFORCE and Fisher information are what they are
        alternatives.append(rf"({any_case}(?<![\w-]){pattern}(?![\w-]))")
        term_of_group[f"t{number}"] = term
    return re.compile("|".join(alternatives)), term_of_group


def _plural(term):
    return (
        re.sub(r"([^aeiou])y$", r"\1(?:y|ies)", term)
        if term.endswith("y")
        else term + ("" if term[-1] == "s" else "s?")
    )


class LinkWords(SphinxTransform):
    """What is done to a page after it is read, before Sphinx collects its labels and index entries."""

    default_priority = 840

    def apply(self):
        """Add labels, links and index entries."""
        for name in ("book/index.yml", GLOSSARY + ".md"):
            self.env.note_dependency(str(Path(self.env.srcdir, name)))
        self.label_equations()
        self.link_equations()
        if self.env.doc2path(self.env.docname).endswith(".ipynb"):
            self.link_terms()
        self.add_entries()
        self.note_titles()

    def label_equations(self):
        """Make each equation with a tag a target of links, and remember the numbers that this page shows."""
        labels = self.env.get_domain("std").anonlabels
        self.shown = {}
        for math in self.document.findall(nodes.math_block):
            for tag in TAG.findall(math.astext()):
                label = equation_label(tag)
                if label in labels:
                    logger.warning("two equations have the tag %s", tag, location=math, type="words")
                labels[label] = self.env.docname, label
                math["ids"].append(label)
                self.shown[tag.split()[-1]] = label

    def link_equations(self):
        """Make links of the numbers of equations."""
        for text in _texts(self.document, NO_TEXT):
            links = []
            for match in NUMBER.finditer(text):
                label = self.shown.get(match[1]) or equation_label(f"{_source(text)} {match[1]}")
                if label in self.env.app.equation_labels:
                    links.append((*match.span(), _link(self.env, "ref", label, match[0])))
            _put_links(text, links)

    def link_terms(self):
        """Make a link of the first occurrence of each term outside quotations."""
        pattern, term_of_group = self.env.app.term_pattern, self.env.app.term_of_group
        written = self.document.findall(
            lambda node: isinstance(node, addnodes.pending_xref) and node["reftype"] == "term"
        )
        linked = {node["reftarget"] for node in written}
        for paragraph in list(self.document.findall(nodes.paragraph)):
            quoted = False
            for text in _texts(paragraph, NO_TERMS[:1] + (nodes.literal, nodes.math)):
                links = []
                for match in pattern.finditer(text):
                    if match.lastgroup == "quote":
                        quoted = not quoted
                        continue
                    term = term_of_group[match.lastgroup]
                    if not quoted and term not in linked and not _is_inside(text, NO_TERMS):
                        linked.add(term)
                        links.append(
                            (*match.span(match.lastgroup), _link(self.env, "term", term, match[match.lastgroup]))
                        )
                _put_links(text, links)

    def add_entries(self):
        """Add the index entries of the labels that this page has."""
        found = self.env.metadata[self.env.docname].setdefault("indexed", [])
        places = {label: node for node in self.document.findall(nodes.Element) for label in node.get("ids", ())}
        for term, labels in self.env.app.index_entries.items():
            for label in filter(places.get, labels):
                main = "main" if label == labels[0] else ""
                target = places[label]["ids"][0]  # the one by which Sphinx's search knows the title
                places[label] += addnodes.index(entries=[("single", term, target, main, None)])
                found.append(label)

    def note_titles(self):
        """Remember titles with formulas, of which Sphinx would show the TeX in a link."""
        titles = self.env.metadata[self.env.docname].setdefault("titles", {})
        for title in self.document.findall(nodes.title):
            if title.next_node(nodes.math):
                titles.update(dict.fromkeys(title.parent["ids"], [part.deepcopy() for part in title]))


def _texts(node, left_out):
    """Return the texts inside a node but not inside what is left out."""
    return [text for text in node.findall(nodes.Text) if not _is_inside(text, left_out)]


def _is_inside(node, kinds):
    return any(isinstance(parent, kinds) for parent in _parents(node))


def _parents(node):
    while node := node.parent:
        yield node


def _source(text):
    """Return the source whose equations a number means: in parts of the ledger and the errata, the second answer."""
    ids = [name for node in _parents(text) for name in node.get("ids", ())]
    return "Answer 2" if any("question-and-answer" in name for name in ids) else SOURCE


def _link(env, reftype, target, shown):
    """Return a link that Sphinx resolves once all pages are read."""
    link = addnodes.pending_xref("", refdomain="std", reftype=reftype, reftarget=target, refexplicit=True, refwarn=True)
    link["refdoc"] = env.docname
    link += nodes.inline(shown, shown, classes=["xref", "std", f"std-{reftype}"])
    return link


def _put_links(text, links):
    """Put links in the place of parts of a text."""
    parts, end = [], 0
    for start, stop, link in links:
        parts += [nodes.Text(text[end:start]), link]
        end = stop
    if links:
        text.parent.replace(text, [*filter(len, parts), nodes.Text(text[end:])])


def demote_glossary(app, doctree):
    """Let the section that explains a term stand before its definition in the index; the search has its own order."""
    entries = app.env.get_domain("index").entries
    if app.env.docname == GLOSSARY:
        entries[GLOSSARY] = [(kind, value, target, "", key) for kind, value, target, _, key in entries[GLOSSARY]]


def check_labels(app, env):
    """Warn of labels that no page has."""
    found = {label for metadata in env.metadata.values() for label in metadata.get("indexed", ())}
    for term, labels in app.index_entries.items():
        for label in [label for label in labels if label not in found]:
            logger.warning("book/index.yml: %s: no page has the label %s", term, label, type="words")


def finish_links(app, doctree, docname):
    """Give links to the glossary a class for the style sheet, and links to a title with formulas these formulas."""
    titles = {}
    for metadata in app.env.metadata.values():
        titles.update(metadata.get("titles", {}))
    for reference in doctree.findall(nodes.reference):
        inner = reference.next_node(nodes.inline)
        classes = inner["classes"] if inner else ()
        title = titles.get((reference.get("refid") or reference.get("refuri", "")).rpartition("#")[2])
        if "std-term" in classes:
            reference["classes"].append("word")
        elif "std-ref" in classes and title and inner.astext() == "".join(part.astext() for part in title):
            inner.children = []
            inner += [part.deepcopy() for part in title]
            app.env.get_domain("math").data["has_equations"][docname] = True  # so that the page loads MathJax


def add_search(app, pagename, templatename, context, doctree):
    """Let the search page load what makes its results readable."""
    if pagename == "search":
        app.add_js_file("search.js")  # in book/_static
