"""Check every page of a built book as far as its files show: check_html.py DIR.

Links inside the book lead to a file and an anchor that exist, no id occurs twice, every picture has words for
those who do not see it, and no page or style sheet loads anything from another host. Each page has a title of its
own, a language and one main part, and each of its icons is drawn by a style sheet. Links that a reader may
follow to other sites are neither loads nor visited here. What scripts do is for check_site.py to see.
"""

import os
import re
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import browser

LOADED_BY = {"src", "poster", "data", "background"}  # attributes that a browser follows by itself, in any tag
HREF_LOADS = {"image", "use", "feimage"}  # tags of SVG where href does so too
RELS = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "dns-prefetch", "modulepreload", "manifest"}
CSS_LOAD = re.compile(r"""(?:url\(\s*|@import\s+(?!url\())(?:"([^"]*)"|'([^']*)'|([^)\s"';]+))""", re.IGNORECASE)
CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
LEFTOVER = re.compile(r"\$|```|:::|\{[a-z:]+\}`")  # Markdown and TeX that the build took for words
PREFIX = urlsplit(os.environ.get("BOOK_URL", "")).path.rstrip("/") + "/"  # of the public address; see published.py
DRAWN = re.compile(r"fa[bsr]|(?:fa|sd)-.*")  # classes that mean nothing unless a style sheet knows them
FILE_NAME = re.compile(r"\S*\.(png|jpe?g|svg|gif|webp)", re.IGNORECASE)


class Page(HTMLParser):
    """The ids, links and loads of one page, and what is wrong with its pictures and formulas."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.loads, self.n_images, self.problems = [], [], [], 0, []
        self.title, self.language, self.n_mains, self.is_redirect, self.drawn = "", "", 0, False, set()
        self._verbatim = []  # the open tags, outermost first, inside which text is not prose
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        """Note what one tag contributes."""
        given = {name: value or "" for name, value in attributes}
        if self._verbatim[:1] == [tag] or not self._verbatim and _is_verbatim(tag, given):
            self._verbatim.append(tag)
        self.drawn |= {name for name in given.get("class", "").split() if DRAWN.fullmatch(name)}
        self.n_mains += tag == "main" or given.get("role") == "main"
        if tag == "html":
            self.language = given.get("lang", "")
        if "id" in given:
            self.ids.append(given["id"])
        if tag in ("a", "area") and "href" in given:
            self.links.append(given["href"])
        if tag == "meta" and given.get("http-equiv", "").lower() == "refresh":
            self.links.append(given["content"].partition("=")[2])
            self.is_redirect = True
        self.loads += [value for name, value in given.items() if name in LOADED_BY]
        self.loads += [part.split()[0] for part in given.get("srcset", "").split(",") if part.strip()]
        self.loads += css_loads(given.get("style", ""))
        if tag in HREF_LOADS or tag == "link" and RELS & set(given.get("rel", "").lower().split()):
            self.loads += [given[name] for name in ("href", "xlink:href") if name in given]
        if tag == "img":
            self.n_images += 1
            self._check_words(given)
        if tag == "mjx-merror":
            self.problems.append("a formula that MathJax could not read")

    def handle_data(self, data):
        """Note what a style sheet inside the page loads, and what a reader should not see."""
        if self._verbatim == ["title"]:
            self.title += data.strip()
        elif self._verbatim == ["style"]:
            self.loads += css_loads(data)
        elif not self._verbatim and LEFTOVER.search(data):
            self.problems.append(f"markup left in the text: {' '.join(data.split())[:80]}")

    def handle_endtag(self, tag):
        """Leave a verbatim element."""
        if self._verbatim[:1] == [tag]:
            self._verbatim.pop()

    def _check_words(self, given):
        alt = given.get("alt", "").strip()
        decoration = given.get("role") == "presentation" or given.get("aria-hidden") == "true"
        if not alt and not decoration:
            self.problems.append(f"image without alt text: {given.get('src')}")
        if FILE_NAME.fullmatch(alt) or alt and alt == Path(given.get("src", "")).stem:
            self.problems.append(f"the alt text of an image is a file name: {alt}")


def _is_verbatim(tag, given):
    return tag in ("pre", "code", "script", "style", "title") or "math" in given.get("class", "").split()


def css_loads(text):
    """Return what a style sheet loads."""
    return ["".join(match) for match in CSS_LOAD.findall(CSS_COMMENT.sub("", text))]


def follow(path, address, root):
    """Return the file and the anchor that an address inside the book leads to."""
    parts = urlsplit(address)
    file = path if not parts.path else path.parent / unquote(parts.path)
    if parts.path.startswith(PREFIX):  # as all links of 404.html do
        file = root / unquote(parts.path).removeprefix(PREFIX)
    file = file.resolve()
    if not file.is_relative_to(root):
        raise ValueError(f"leads out of the book: {address}")
    file = file / "index.html" if file.is_dir() else file
    if not file.is_file():
        raise ValueError(f"no such file: {address}")
    return file, unquote(parts.fragment)


def is_outside(address):
    """Say whether an address names another host."""
    return bool(urlsplit(address).netloc) or urlsplit(address).scheme in ("http", "https")


def _frame(page, titles):
    """Return what is wrong with the title, language and main part of a page, if it is no redirect."""
    if page.is_redirect:
        return []
    problems = [] if page.language else ["no language"]
    if not page.title or titles[page.title] > 1:
        problems.append(f"the title is not of this page alone: {page.title!r}")
    if page.n_mains != 1:
        problems.append(f"{page.n_mains} main parts, not one")
    return problems


def check(root):
    """Return the list of problems of a built book, and what was counted."""
    root = Path(root).resolve()
    pages = {path: Page(path) for path in browser.pages(root)}
    problems, count = [], Counter(pages=len(pages))

    def examine(path, address, kind):
        count[kind] += 1
        try:
            file, anchor = follow(path, address, root)
        except ValueError as error:
            problems.append(f"{path.relative_to(root)}: {kind}: {error}")
            return
        if anchor and file in pages:
            count["anchors"] += 1
            if anchor not in pages[file].ids:
                problems.append(f"{path.relative_to(root)}: {kind}: no such anchor: {address}")

    def load(path, address):
        if is_outside(address):
            problems.append(f"{path.relative_to(root)}: loads from another host: {address}")
        elif not address.startswith(("data:", "#")):
            examine(path, address, "loads")

    sheets = {path: path.read_text(encoding="utf-8") for path in sorted(root.rglob("*.css"))}
    titles = Counter(page.title for page in pages.values() if not page.is_redirect)
    for path, page in pages.items():
        problems += [f"{path.relative_to(root)}: {problem}" for problem in _frame(page, titles)]
        for name in sorted(page.drawn):
            if not any(re.search(rf"\.{re.escape(name)}(?![\w-])", sheet) for sheet in sheets.values()):
                problems.append(f"{path.relative_to(root)}: no style sheet has a rule for the class {name}")
        count["images"] += page.n_images
        problems += [f"{path.relative_to(root)}: {problem}" for problem in page.problems]
        problems += [f"{path.relative_to(root)}: id twice: {name}" for name, n in Counter(page.ids).items() if n > 1]
        for address in page.links:
            if not is_outside(address) and not address.startswith("mailto:"):
                examine(path, address, "links")
        for address in page.loads:
            load(path, address)
    for path, sheet in sheets.items():
        for address in css_loads(sheet):
            load(path, address)
    if not pages:
        problems.append(f"no page found in {root}")
    return problems, count


def main():
    """Print the problems and fail, or print what was counted."""
    if len(sys.argv) != 2:
        sys.exit("usage: check_html.py DIR")
    problems, count = check(sys.argv[1])
    if problems:
        sys.exit("\n".join(problems) + f"\ncheck_html.py: {len(problems)} problems")
    print("check_html.py: all is well with " + ", ".join(f"{n} {what}" for what, n in count.items()))


if __name__ == "__main__":
    main()
