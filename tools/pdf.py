"""Print the book from its one page: pdf.py DIR FILE, DIR being what the builder singlehtml wrote (tools/paper.py).

The notebooks store their figures as pixels; for paper they are executed, and draw vectors. Chromium prints. The printed
file is then read, the numbers of its pages go into the contents, and it is printed again. Anything cut, a formula not
typeset, a picture of pixels or a link that leads nowhere is a problem, and nothing is written.
"""

import io
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory

import browser
import claims
import nb
from playwright.sync_api import sync_playwright
from pypdf import PdfReader

ROOT = Path(__file__).parents[1]
WIDTH, HEIGHT = 657, 970  # what print.css leaves of a page of A4, in pixels of CSS
PATIENCE = 120_000  # milliseconds for all formulas
SMALLEST = 0.6  # a formula that is made smaller than this cannot be read
VECTORS = "--InlineBackend.figure_formats={'svg'}"

# The figures that were drawn as vectors, in the place of those that are stored.
REPLACE = """drawn => {
  for (const [name, address] of Object.entries(drawn)) document.querySelector(`#${name} img`).src = address;
}"""

# All formulas typeset, all that is folded unfolded, all pictures there. What is too wide is made smaller. For those
# who listen to the file a formula is a picture whose words are its TeX: MathML would come to fifty thousand elements.
PREPARE = """async smallest => {
  await MathJax.startup.promise;
  document.querySelectorAll("details").forEach(one => { one.open = true; });
  document.querySelectorAll("img").forEach(one => { one.loading = "eager"; });
  await Promise.all([...document.images].map(one => one.decode()));
  await document.fonts.ready;
  const problems = [];
  for (const {math, typesetRoot: root} of MathJax.startup.document.math) {
    root.querySelector("mjx-assistive-mml")?.remove();
    root.querySelector("mjx-math").removeAttribute("aria-hidden");
    root.setAttribute("role", "img");
    root.setAttribute("aria-label", math.trim());
    const room = root.closest("div, p, li, td, th, dd, dt, figcaption, h1, h2, h3").clientWidth;
    const ratio = room / root.querySelector("mjx-math").getBoundingClientRect().width;
    if (ratio < 1) root.style.fontSize = `${Math.floor(100 * ratio) * parseFloat(root.style.fontSize || "100") / 100}%`;
    if (ratio < smallest) problems.push(`formula made smaller than ${smallest}: ${math}`);
  }
  return problems;
}"""

# What would be wrong on paper; the window is as wide as the text on a page.
JUDGE = """([width, height]) => {
  const problems = [], shown = one => one.getClientRects().length > 0;
  const name = one => `<${one.tagName.toLowerCase()} class="${one.className.baseVal ?? one.className}">`
    + ` "${one.textContent.trim().slice(0, 60)}" in ${one.closest("section")?.id}`;
  for (const one of document.querySelectorAll(".math.notranslate")) {
    if (!one.querySelector("mjx-container")) problems.push(`formula not typeset: ${one.textContent}`);
    else if (!shown(one)) problems.push(`formula not shown: ${name(one)}`);
  }
  for (const one of document.querySelectorAll("[data-mml-node=merror]"))
    problems.push(`formula with an error: ${one.dataset.mjxError} in ${one.closest("section")?.id}`);
  for (const one of document.querySelectorAll("article *")) {
    if (!shown(one) || one.parentElement.closest("svg, mjx-container")) continue;
    const box = one.getBoundingClientRect();
    if (box.right > width + 1 || box.left < -1)
      problems.push(`cut at the side: ${name(one)}`);
    if (one.matches("svg, img") && box.height > height) problems.push(`higher than a page: ${name(one)}`);
    const style = getComputedStyle(one);
    if (style.overflowX !== "visible" && one.scrollWidth > one.clientWidth + 1)
      problems.push(`cut by its box: ${name(one)}`);
  }
  for (const one of document.querySelectorAll("details:not([open]), .toggle-hidden"))
    problems.push(`folded: ${name(one)}`);
  for (const one of document.querySelectorAll("article a[href]")) {
    const to = one.getAttribute("href"), inside = to[0] === "#";
    if (inside ? !document.getElementById(decodeURIComponent(to.slice(1))) : !/^(https?|mailto):/.test(to))
      problems.push(`link to nowhere: ${to}`);
  }
  return problems;
}"""

# The number of the page behind each link that shows one; what is shown has the same width whatever the number.
NUMBER = """pages => {
  const links = [...document.querySelectorAll("a.paged")];
  const names = links.map(one => decodeURIComponent(one.getAttribute("href").slice(1)));
  links.forEach((one, i) => { one.dataset.page = pages[names[i]] ?? "000"; });
  return names;
}"""


def main():
    """Print, or name the problems and fail."""
    if len(sys.argv) != 3:
        sys.exit("usage: pdf.py DIR FILE")
    page, target, start = Path(sys.argv[1], "index.html").resolve(), Path(sys.argv[2]), time.perf_counter()
    with TemporaryDirectory() as folder:
        printed, problems = print_book(page.as_uri(), draw(claims.notebooks(ROOT), Path(folder)))
    count, found = judge(printed)
    problems += found
    if problems:
        sys.exit("\n".join(problems) + f"\npdf.py: {len(problems)} problems")
    target.write_bytes(printed)
    print("pdf.py: all is well with " + ", ".join(f"{n} {what}" for what, n in count.items()), end="")
    print(f", {len(printed) / 1e6:.1f} MB, in {time.perf_counter() - start:.0f} s")


def draw(paths, folder):
    """Execute notebooks, write their figures into a folder as vectors, and return {name of the figure: its address}."""
    drawn = {}
    with ProcessPoolExecutor(max_workers=2) as both_cores:
        for notebook, failure in both_cores.map(nb.execute, paths, repeat(VECTORS)):
            if failure:
                sys.exit(failure)
            for cell in notebook.cells:
                for output in cell.get("outputs", []):
                    if vectors := output.get("data", {}).get("image/svg+xml"):
                        name = cell.metadata["mystnb"]["figure"]["name"]
                        path = folder / f"{name}.svg"
                        path.write_text(vectors, encoding="utf-8")
                        drawn[name] = path.as_uri()
    return drawn


def print_book(address, drawn):
    """Return the printed file, with the numbers of its pages in its contents, and the problems of the page."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(**browser.chromium())
        tab = chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        tab.set_default_timeout(PATIENCE)
        tab.emulate_media(media="print", color_scheme="light")
        problems = []
        tab.on("requestfailed", lambda request: problems.append(f"could not load {request.url}: {request.failure}"))
        tab.on("pageerror", lambda error: problems.append(f"error in a script: {error}"))
        tab.goto(address)
        tab.evaluate(REPLACE, drawn)
        problems += tab.evaluate(PREPARE, SMALLEST)
        problems += tab.evaluate(JUDGE, [WIDTH, HEIGHT])
        numbers = {}
        for _ in range(4):  # a number may move a line, and the line what follows
            names = tab.evaluate(NUMBER, numbers)
            printed = tab.pdf(prefer_css_page_size=True, print_background=True, outline=True, tagged=True)
            found, shown = page_numbers(PdfReader(io.BytesIO(printed))), numbers
            numbers = {name: found[name] for name in names if name in found}
            if numbers == shown:
                break
        else:
            problems.append("the numbers of pages do not settle")
        problems += [f"no page for {name}" for name in names if name not in numbers]
        chromium.close()
    return printed, problems


def page_numbers(reader):
    """Return the number of the page of each target of a link."""
    index = {page.indirect_reference.idnum: number for number, page in enumerate(reader.pages, 1)}
    return {name.removeprefix("/"): index[one.page.idnum] for name, one in reader.named_destinations.items()}


def judge(printed):
    """Return what was counted in a printed file, and the list of its problems."""
    reader = PdfReader(io.BytesIO(printed))
    targets, root, problems = page_numbers(reader), reader.trailer["/Root"], []
    count = Counter(pages=len(reader.pages))
    for number, page in enumerate(reader.pages, 1):
        problems += [f"page {number}: a picture of pixels, not of vectors" for _ in pixels(page["/Resources"])]
        for link in (one.get_object() for one in page.get("/Annots", ())):
            if "/Dest" in link:
                count["links inside"] += 1
                if str(link["/Dest"]).removeprefix("/") not in targets:
                    problems.append(f"page {number}: link to nowhere: {link['/Dest']}")
            else:
                count["links outside"] += 1
                to = str(link.get("/A", {}).get("/URI", ""))
                if not to.startswith(("https://", "http://", "mailto:")) or "//127.0.0.1" in to:
                    problems.append(f"page {number}: link to nowhere: {to}")
    if not (root.get("/MarkInfo", {}).get("/Marked") and "/StructTreeRoot" in root):
        problems.append("the file is not tagged")
    if not root.get("/Lang"):
        problems.append("the file has no language")
    if not (reader.metadata and reader.metadata.title):
        problems.append("the file has no title")
    count["bookmarks"] = len(_flat(reader.outline))
    if not count["bookmarks"]:
        problems.append("the file has no bookmarks")
    return count, problems


def pixels(resources):
    """Return the pictures made of pixels among what a page draws, also within what is drawn as a whole."""
    drawn = [one.get_object() for one in resources.get("/XObject", {}).values()]
    found = [one for one in drawn if one["/Subtype"] == "/Image"]
    return found + [one for form in drawn if "/Resources" in form for one in pixels(form["/Resources"])]


def _flat(outline):
    return [one for part in outline for one in (_flat(part) if isinstance(part, list) else [part])]


if __name__ == "__main__":
    main()
