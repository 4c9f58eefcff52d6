"""Sphinx extension: the ledger of claims, the errata, and the links between them and the cells.

Both pages are made from `book/claims.yml` and from the checks in the notebooks, never typed. What
`claims.judge` finds wrong is a warning of the build, so that ``-W`` stops a ledger that would lie.
"""

from collections import Counter
from itertools import groupby
from pathlib import Path

import claims
from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole
from sphinx.util.nodes import make_refnode

# A link may lead into the solution of an exercise, which is folded: unfold it.
OPEN_TARGET = """
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  target.closest(".toggle-hidden")?.querySelector(".toggle-button")?.click();
  target.scrollIntoView();
}
addEventListener("load", openTarget);
addEventListener("hashchange", openTarget);
"""
SOURCES = {"SE": "The question-and-answer page", "Meyer": "The lecture notes", "book": "The book itself"}
FAULTY = ("imprecise", "typo", "wrong")
logger = logging.getLogger(__name__)


def setup(app):
    """Connect the parts to Sphinx."""
    app.connect("builder-inited", read_book)
    app.connect("doctree-read", add_anchors)
    app.connect("missing-reference", resolve_place)
    app.add_role("claim", ClaimRole())
    app.add_directive("ledger", Ledger)
    app.add_directive("errata", Errata)
    app.add_directive("checked", Checked)
    app.add_css_file("ledger.css")  # in book/_static
    app.add_js_file(None, body=OPEN_TARGET)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def read_book(app):
    """Read the claims and the checks anew in each build, and say what is wrong with them."""
    app.book_of_claims = claims.read(app.srcdir)
    if messages := claims.misformed(app.book_of_claims):
        raise ExtensionError("\n".join(messages))
    for message in claims.judge(app.book_of_claims):
        logger.warning(message, type="ledger")


# --- anchors and links -----------------------------------------------------------------------------------------


def anchors(chapter):
    """Return the anchor of each (claim, cell) of a chapter: claim-<id>, claim-<id>-2 for a second cell, ..."""
    found, count = {}, Counter()
    for check in chapter.checks:
        if (check.claim, check.cell) not in found:
            count[check.claim] += 1
            number = f"-{count[check.claim]}" if count[check.claim] > 1 else ""
            found[check.claim, check.cell] = f"claim-{check.claim.lower()}{number}"
    return found


def add_anchors(app, doctree):
    """Give each cell with checks its anchors, and make sure that the page shows what the ledger counts."""
    docname = app.env.docname
    chapter = next((c for c in app.book_of_claims.chapters if c.slug == Path(docname).name), None)
    if chapter is None:
        return
    titles = {"": (page := doctree.next_node(nodes.title)).children}
    for section in doctree.findall(nodes.section):
        for label in set(section["names"]) & set(chapter.sections):
            title = section.next_node(nodes.title)
            titles[label] = page.children if title is page else [*page.children, nodes.Text(": "), *title.children]
            _note_place(app.env, chapter, nodes.make_id(label), titles[label])
    sections = {(check.claim, check.cell): check.section for check in chapter.checks}
    cells = {n["cell_index"] + 1: n for n in doctree.findall(nodes.container) if n.get("nb_element") == "cell_code"}
    for (claim, number), anchor in anchors(chapter).items():
        if number not in cells or sections[claim, number] not in titles:
            logger.warning("%s, cell %d: its check of %s is not on the page", docname, number, claim)
            continue
        cells[number]["ids"].append(anchor)
        _note_place(app.env, chapter, anchor, titles[sections[claim, number]])
    shown = {node["claim"] for node in doctree.findall(nodes.inline) if "claim" in node}
    for mention in chapter.mentions:
        if mention.claim not in shown:
            logger.warning("%s: the role {claim} of %s is not on the page", mention.where, mention.claim)


def _note_place(env, chapter, anchor, titles):
    """Remember a place of a chapter, and the titles around it, which may hold formulas."""
    env.get_domain("std").anonlabels[f"{chapter.slug} {anchor}"] = env.docname, anchor
    places = env.metadata[env.docname].setdefault("places", {})
    places[anchor] = [node.deepcopy() for node in titles]


def resolve_place(app, env, node, content):
    """Make a link to a place of a chapter; without text it shows the titles around the place."""
    if node["reftype"] != "place" or node["reftarget"] not in env.get_domain("std").anonlabels:
        return None
    docname, anchor = env.get_domain("std").anonlabels[node["reftarget"]]
    titles = [title.deepcopy() for title in env.metadata[docname]["places"][anchor]]
    if any(title.next_node(nodes.math) or isinstance(title, nodes.math) for title in titles):
        env.get_domain("math").data["has_equations"][node["refdoc"]] = True  # so that the page loads MathJax
    return make_refnode(app.builder, node["refdoc"], docname, anchor, [content] if node["refexplicit"] else titles)


def _link(env, label, text="", *, domain="std", reftype="ref"):
    """Return a link that Sphinx resolves once all pages are read."""
    link = addnodes.pending_xref("", refdomain=domain, reftype=reftype, refdoc=env.docname, refwarn=True)
    link += nodes.inline("", text)
    link.attributes.update(reftarget=label, refexplicit=bool(text))
    return link


def _claim_link(env, claim, prefix="ledger"):
    """Return a link, in small type, to the row of a claim."""
    return nodes.inline("", "", _link(env, f"{prefix}-{claim.lower()}", claim), classes=["claim"])


class ClaimRole(SphinxRole):
    """``{claim}`ID```: a link to the row of the claim in the ledger."""

    def run(self):
        """Return the link."""
        node = _claim_link(self.env, self.text)
        node["claim"] = self.text
        return [node], []


# --- the two pages ---------------------------------------------------------------------------------------------


class Page(SphinxDirective):
    """What ledger and errata have in common."""

    def run(self):
        """Return the nodes of the page, and have it made anew whenever what it tells of changes."""
        self.book = self.env.app.book_of_claims
        root = Path(self.env.srcdir)
        for path in (root / "book/claims.yml", root / "_toc.yml", Path(__file__), *claims.notebooks(root)):
            self.env.note_dependency(str(path))
        return self.make()

    def text(self, markdown):
        """Return the nodes of a text in Markdown."""
        parent = nodes.Element()
        lines = str(markdown).strip().splitlines()
        self.state.nested_parse(StringList(lines, source=self.env.docname), 0, parent)
        return parent.children

    def evidence(self, claim):
        """Return (section, label, kinds, lines) of each cell with checks of a claim, else of its prose."""
        found = []
        for chapter in self.book.chapters:
            for (name, cell), anchor in anchors(chapter).items() if chapter.slug in self.book.contents else ():
                if name == claim["id"]:
                    checks = [c for c in chapter.checks if (c.claim, c.cell) == (name, cell)]
                    by_kind = {check.kind: check.lines for check in checks}
                    lines = [f"{kind}: {line}" for kind, lines in by_kind.items() for line in lines]
                    found.append((checks[0].section, f"{chapter.slug} {anchor}", list(by_kind), lines))
        if not found and claim["section"] != "open":
            found.append((claim["section"], f"{claim['chapter']} {nodes.make_id(claim['section'])}", ["prose"], []))
        return found

    def links(self, claim):
        """Return a paragraph for each section that treats a claim, with a link to each of its cells."""
        paragraphs = []
        for _, places in groupby(self.evidence(claim), key=lambda place: place[0]):
            paragraphs.append(nodes.paragraph())
            for number, (_, label, _, _) in enumerate(places, 1):
                # the first link shows the titles of chapter and section
                text = f"({number})" if number > 1 else ""
                paragraphs[-1] += [nodes.Text(" "), _link(self.env, label, text, domain="", reftype="place")]
        return paragraphs or [nodes.paragraph("", f"open: chapter {claim['chapter']}")]

    def note(self, prefix, claim):
        """Make the row or block of a claim a target of links, and return its anchor."""
        anchor = f"{prefix}-{claim['id'].lower()}"
        self.env.get_domain("std").anonlabels[anchor] = self.env.docname, anchor
        return anchor


class Ledger(Page):
    """All claims: for each source and part of it a table."""

    def make(self):
        """Return the counts and the tables."""
        own = [claim for claim in self.book.claims if claim["source"] == "book"]
        counts = [_count([claim for claim in self.book.claims if claim not in own], "claims of the sources")]
        counts += [_count(own, "claims of the book itself")] if own else []
        made = [nodes.paragraph("", " ".join(counts))]
        for source, listed in _grouped(self.book.claims, _source).items():
            section = _section(source, nodes.make_id(f"claims {source}"))
            for part, rows in _grouped(listed, _part).items():
                if part:
                    section += _section(part[0].upper() + part[1:], nodes.make_id(f"claims {source} {part}"))
                (section[-1] if part else section).append(self.table(rows))
            made.append(section)
        return made

    def table(self, rows):
        """Return the table of one part of a source."""
        head = ("claim", "says", "status, checks", "where")
        table = nodes.table("", classes=["ledger"])
        group = nodes.tgroup("", cols=len(head))
        group += [nodes.colspec(colwidth=width) for width in (20, 40, 15, 25)]
        group += nodes.thead("", _row(*(nodes.paragraph("", text) for text in head)))
        body = nodes.tbody()
        for claim in rows:
            kinds = dict.fromkeys(kind for _, _, kinds, _ in self.evidence(claim) for kind in kinds)
            is_erratum = _is_erratum(claim)
            name = _claim_link(self.env, claim["id"], "erratum") if is_erratum else nodes.inline("", claim["id"])
            name["classes"] = ["claim"]
            place = claim["place"].removeprefix(_part(claim)).lstrip(", ") or claim["place"]
            row = _row(
                [nodes.paragraph("", "", name), nodes.container("", *self.text(place), classes=["place"])],
                self.text(claim["says"]),
                [nodes.paragraph("", text) for text in (claim["status"].replace("-", " "), " + ".join(kinds)) if text],
                self.links(claim),
            )
            row["ids"].append(self.note("ledger", claim))
            body += row
        group += body
        table += group
        return table


class Errata(Page):
    """What the sources say and what is true, wherever the two differ and a chapter has shown it."""

    def make(self):
        """Return a block for each closed erratum, and the number of the open ones."""
        faulty = list(filter(_is_faulty, self.book.claims))
        made = [
            nodes.paragraph("", _count(faulty, "claims that are wrong, misprinted, imprecise, or fail as printed,"))
        ]
        for source, listed in _grouped(filter(_is_erratum, faulty), _source).items():
            section = _section(source, nodes.make_id(f"errata {source}"))
            section += [self.block(claim) for claim in listed]
            made.append(section)
        return made

    def block(self, claim):
        """Return the block of one claim."""
        block = _section(claim["id"], self.note("erratum", claim))
        block["classes"].append("erratum")
        head = nodes.paragraph("", "", *self.text(claim["place"])[0].children)
        head += [nodes.Text(f". Status: {claim['status']}. Row in the ledger: "), _claim_link(self.env, claim["id"])]
        items = [("The source says", self.text(claim["says"])), ("What is true", self.text(claim["truth"]))]
        if printed := [line for _, _, _, lines in self.evidence(claim) for line in lines]:
            counted = [f"{line} ({n} times)" if n > 1 else line for line, n in Counter(printed).items()]
            items.append(("The checks print", [nodes.literal_block("", "\n".join(counted), language="none")]))
        items.append(("Where", self.links(claim)))
        block += [head, nodes.definition_list("", *(_definition(*item) for item in items))]
        return block


class Checked(Page):
    """``{checked} ID``: a refuted claim on another page, the words of the directive, and what the check printed."""

    required_arguments = 1
    has_content = True

    def make(self):
        """Return what the source says, the words, the line with a link to its cell, and the way to the ledger."""
        claim = next((claim for claim in self.book.claims if claim["id"] == self.arguments[0]), None)
        cells = [cell for cell in self.evidence(claim) if "refute" in cell[2]] if claim else []
        if not cells:
            raise self.error(f"no check refutes a claim {self.arguments[0]}")
        _, label, _, lines = cells[0]
        printed = "\n".join(line for line in lines if line.startswith("refute: "))
        way = nodes.paragraph("", "", _link(self.env, label, "The cell", domain="", reftype="place"))
        way += [nodes.Text(", and the row in the ledger: "), _claim_link(self.env, claim["id"])]
        words = self.text("\n".join(self.content))
        return [*self.text(claim["says"]), *words, nodes.literal_block("", printed, language="none"), way]


def _part(claim):
    """Return the first words of a claim's place, the part of the source; the book's own claims have one part."""
    return "" if claim["source"] == "book" else claim["place"].split(",")[0]


def _is_faulty(claim):
    """Say whether a source is at fault; what the book itself refutes, in an exercise say, is no erratum."""
    return (claim["status"] in FAULTY or claim["kind"] == "refute") and claim["source"] != "book"


def _is_erratum(claim):
    return _is_faulty(claim) and claim["section"] != "open"


def _count(listed, which):
    treated = sum(claim["section"] != "open" for claim in listed)
    return f"{treated} of {len(listed)} {which} are treated."


def _grouped(listed, key):
    """Return {key: claims} in the order of claims.yml."""
    groups = {}
    for claim in listed:
        groups.setdefault(key(claim), []).append(claim)
    return groups


def _source(claim):
    return SOURCES.get(claim["source"], claim["source"])


def _section(title, anchor):
    return nodes.section("", nodes.title("", title), ids=[anchor])


def _row(*cells):
    return nodes.row("", *(nodes.entry("", *(cell if isinstance(cell, list) else [cell])) for cell in cells))


def _definition(term, content):
    return nodes.definition_list_item("", nodes.term("", term), nodes.definition("", *content))
