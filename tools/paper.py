"""Sphinx extension: the book for paper, on one page, with the solutions of the exercises at its end.

It mends and extends Sphinx's builder `singlehtml`, which `make pdf` prints; the pages of the site are untouched
but for the styles and the script that help whoever prints one of them.
"""

import shutil
from collections import Counter
from importlib.metadata import files
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.builders.singlehtml import SingleFileHTMLBuilder
from sphinx.environment.adapters.indexentries import IndexEntries
from sphinx.transforms import SphinxContentsFilter
from sphinx_exercise.nodes import is_exercise_node, is_solution_node

SUBTITLE = "Executable lecture notes on policy gradients and the log-derivative trick"
LICENSE = "Text and figures: CC BY 4.0. Code: MIT."
MATHJAX = "tex-chtml-full.js"  # letters of fonts: half the bytes of curves, and no browser but ours will open the page
FONTS = "output/chtml/fonts/woff-v2"  # beside it
FILE = "#document-"  # how Sphinx names, on the one page, the place where a file begins


def setup(app):
    """Connect the parts to Sphinx."""
    app.add_builder(PaperBuilder, override=True)
    app.add_css_file("print.css", media="print")  # in book/_static, as is the script
    app.add_js_file("print.js")
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class PaperBuilder(SingleFileHTMLBuilder):
    """Sphinx's builder of one page, as a book: title, contents, chapters, solutions; each id once."""

    add_permalinks = False

    def init(self):
        """Let nodes be written as on the pages of the site, where an extension has nothing else in mind."""
        super().init()
        handlers = self.app.registry.translation_handlers
        handlers[self.name] = {**handlers["html"], **handlers.get(self.name, {})}
        self.add_css_file("explorables.css")  # their scripts have nothing to do on paper
        self.config.mathjax_path = MATHJAX

    def get_outfilename(self, pagename):
        """Put the page at the top, since it names styles and pictures from there."""
        return super().get_outfilename("index" if pagename == self.config.root_doc else pagename)

    def copy_static_files(self):
        """Copy MathJax too."""
        super().copy_static_files()
        for path in files("sphinx-mathjax-offline"):
            inside = path.as_posix().partition("/mathjax/")[2]
            if inside == MATHJAX or inside.startswith(FONTS):
                target = Path(self.outdir, "_static", inside)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path.locate(), target)

    def assemble_doctree(self):
        """Return the tree of the whole book."""
        tree = super().assemble_doctree()  # calls fix_refuris, once all references are resolved
        files = list(tree.findall(addnodes.start_of_file))
        for one in files:
            one.parent.remove(one)
            if one["docname"] == "genindex":
                one.next_node(nodes.section).extend(self.index())
        for wrapper in list(tree.findall(lambda node: "tableofcontents-wrapper" in _classes(node))):
            wrapper.parent.remove(wrapper)
        numbers = self.assemble_toc_secnumbers()[self.config.root_doc]
        solutions = move_solutions(files, numbers)
        listed = [tree.next_node(nodes.section), *files, solutions]
        contents = make_contents(listed, numbers, self.captions(), tree)
        tree.children = [title_page(self.config.html_title), contents, *tree.children, *files, solutions]
        for node in tree.children:
            node.parent = tree
        for node in tree.findall(lambda node: "dropdown" in _classes(node)):
            node["classes"].remove("dropdown")
        return tree

    def index(self):
        """Return the lines of the index: words, and links that get the numbers of pages."""
        lines = []
        for letter, entries in IndexEntries(self.env).create_index(self):
            lines.append(nodes.paragraph("", letter, classes=["caption"]))
            for word, (links, subentries, _) in entries:
                listed = [(word, links, "entry"), *((sub, places, "subentry") for sub, places in subentries)]
                lines += [_index_line(text, places, f"index-{kind}") for text, places, kind in listed]
        for line in lines:
            self.fix_refuris(line)
        return [nodes.container("", *lines, classes=["paper-index"])]

    def captions(self):
        """Return {file: caption} for the first file of each part."""
        parts = self.env.master_doctree.findall(addnodes.toctree)
        return {part["includefiles"][0]: part["caption"] for part in parts if part["caption"]}

    def fix_refuris(self, tree):
        """Let references lead to ids of the one page; if the tree is that of the book, make each id unique first."""
        if isinstance(tree, nodes.document):
            self.anchors, self.starts = make_unique(tree, self.config.root_doc)
        for node in tree.findall(nodes.reference):
            if node.get("refuri", "").startswith(FILE):
                docname, _, anchor = node["refuri"].removeprefix(FILE).partition("#")
                node["refuri"] = f"#{self.anchor(docname, anchor) if anchor else self.starts[docname]}"

    def anchor(self, docname, name):
        """Return the id on the one page of what has an id in a file."""
        return self.anchors.get((docname, name), name)

    def assemble_toc_secnumbers(self):
        """Return the numbers of sections by their ids on the one page."""
        numbers = {}
        for docname, found in self.env.toc_secnumbers.items():
            for name, number in found.items():
                numbers[f"{docname}/{name[:1]}{self.anchor(docname, name[1:])}"] = number
        return {self.config.root_doc: numbers}

    def assemble_toc_fignumbers(self):
        """Return the numbers of figures, theorems and exercises by their ids, whichever file a writer is in."""
        merged = {}
        for docname, kinds in self.env.toc_fignumbers.items():
            for kind, found in kinds.items():
                new = {self.anchor(docname, name): number for name, number in found.items()}
                merged.setdefault(kind, {}).update(new)
        return {self.config.root_doc: {f"{doc}/{kind}": merged[kind] for doc in self.env.all_docs for kind in merged}}


def make_unique(tree, root):
    """Give each element of the tree an id of its own: where several files have the same, the file's name goes before.

    Returns
    -------
    anchors : dict
        The id on the one page for each (file, id).
    starts : dict
        The id of the first section of each file.
    """
    placed = list(_with_file(tree, root))
    count = Counter((docname, name) for docname, node in placed for name in node["ids"])
    n_files = Counter(name for _, name in count)
    anchors = {}
    for (docname, name), n in count.items():
        if n == 1:  # what occurs twice in one file is no target: offline_html removes it
            prefix = f"{docname}." if n_files[name] > 1 else ""
            anchors[docname, name] = f"{prefix}{name}".replace("/", "-")  # scripts of the theme take no slash
    starts = {}
    for docname, node in placed:
        for key in ("ids", "backrefs"):
            node[key] = [anchors.get((docname, name), name) for name in node[key]]
        if "refid" in node:
            node["refid"] = anchors.get((docname, node["refid"]), node["refid"])
        if isinstance(node, nodes.section):
            starts.setdefault(docname, node["ids"][0])
    return anchors, starts


def _with_file(node, docname):
    """Yield (file, element) for the element and all within it."""
    docname = node["docname"] if isinstance(node, addnodes.start_of_file) else docname
    yield docname, node
    for child in node.children:
        if isinstance(child, nodes.Element):
            yield from _with_file(child, docname)


def move_solutions(files, numbers):
    """Take the solutions out of the files, leave in each exercise a link, and return the appendix that holds them."""
    appendix = _section("Solutions", "solutions-of-exercises")
    for file in files:
        solutions = list(file.findall(is_solution_node))
        if not solutions:
            continue
        exercises = {node["label"]: node for node in file.findall(is_exercise_node)}
        title = file.next_node(nodes.title).deepcopy()
        title["secnumber"] = numbers.get(f"{file['docname']}/")
        chapter = nodes.section("", title, ids=[f"solutions-{file['docname'].replace('/', '-')}"])
        for solution in solutions:
            solution.parent.remove(solution)
            chapter += solution
            exercise = exercises[solution["target_label"]]
            link = nodes.reference("", "Solution", refid=solution["ids"][0], internal=True, classes=["paged"])
            exercise += nodes.paragraph("", "", link, classes=["to-solution"])
        appendix += chapter
    return appendix


def make_contents(listed, numbers, captions, tree):
    """Return the table of contents, chapters and their sections, with links that get the number of a page."""
    contents = nodes.container("", _section("Contents", "paper-contents"), classes=["paper-contents"])
    for one in listed:
        docname = one.get("docname", "")
        if docname in captions:
            contents += nodes.paragraph("", captions[docname], classes=["caption"])
        chapter = one if isinstance(one, nodes.section) else one.next_node(nodes.section)
        item = nodes.list_item("", _entry(chapter, numbers.get(f"{docname}/"), tree))
        sections = [child for child in chapter.children if isinstance(child, nodes.section)]
        inner = [(section, numbers.get(f"{docname}/#{section['ids'][0]}")) for section in sections]
        item += nodes.bullet_list("", *(nodes.list_item("", _entry(*pair, tree)) for pair in inner))
        contents += nodes.bullet_list("", item)
    return contents


def _entry(section, number, tree):
    """Return the line of a section in the contents."""
    link = nodes.reference("", "", refuri=f"#{section['ids'][0]}", internal=True, classes=["paged"])
    if number:
        link["secnumber"] = number
    words = SphinxContentsFilter(tree)  # links and footnotes are not for a title that is a link itself
    section.next_node(nodes.title).walkabout(words)
    link += words.get_entry_text()
    return addnodes.compact_paragraph("", "", link)


def _index_line(text, links, kind):
    """Return a line of the index; a link is a number of a page and nothing else."""
    line = nodes.paragraph("", text, classes=[kind])
    for _, address in links:
        line += [nodes.Text(" "), nodes.reference("", "", refuri=address, internal=True, classes=["paged"])]
    return line


def title_page(title):
    """Return the first page."""
    lines = {"paper-title": title, "paper-subtitle": SUBTITLE, "paper-license": LICENSE}
    paragraphs = [nodes.paragraph("", text, classes=[name]) for name, text in lines.items()]
    return nodes.container("", *paragraphs, classes=["paper-front"])


def _section(title, anchor):
    return nodes.section("", nodes.title("", title), ids=[anchor])


def _classes(node):
    return node.get("classes", ()) if isinstance(node, nodes.Element) else ()
