"""Check the search of a built book: check_search.py DIR.

For each entry of book/index.yml the search page is opened in Chromium, over http and from the file, and must show the
section of its first label as the first result. Excerpts must be free of markup, and a search for nothing, or for what
the book does not have, must say so.
"""

import asyncio
import re
import sys
import time
from pathlib import Path
from urllib.parse import quote

import browser
import yaml
from playwright.async_api import Error, async_playwright

TABS = 3
MARKUP = re.compile(r"\\[A-Za-z(\[]|\$|\{[a-z:]*\}|`|<\w")
AGAIN = """(words) => {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
  document.querySelector("#search-results").replaceChildren();
  Search.performSearch(words);
}"""
DONE = """() => {
  const excerpts = DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY;
  const title = document.querySelector("#search-results h2");
  const results = [...document.querySelectorAll("#search-results li")];
  const whole = (item) => item.querySelector(excerpts ? ".context, span" : "a");
  return title && !title.innerText.startsWith("Searching") && results.every(whole);
}"""
SHOWN = """() => ({
  status: document.querySelector(".search-summary").innerText,
  results: [...document.querySelectorAll("#search-results li")].map((item) => ({
    href: item.querySelector("a").getAttribute("href"), text: item.innerText})),
})"""


def places(root):
    """Return {label: addresses} of all labels on the pages of a book, as its search may give them."""
    found = {}
    for path in browser.pages(root):
        page = path.relative_to(root).as_posix()
        for ids in re.findall(r'(?:\bid="[^"]*"[^>]*>\s*(?:<span )?(?=id=")?)+', path.read_text(encoding="utf-8")):
            names = re.findall(r'\bid="([^"]*)"', ids)
            for name in names:
                found.setdefault(name, set()).update(f"{page}#{other}" for other in names)
    return found


def wanted(index):
    """Return (what to search for, label of what must be found first) for each entry of the index."""
    entries = yaml.safe_load(index.read_text(encoding="utf-8"))["entries"].items()
    return [(term.split(";")[-1].strip(), at if isinstance(at, str) else at[0]) for term, at in entries]


async def search(tab, base, words, again=False):
    """Search for words on a page opened for it, or again on the open one, without excerpts; return what it shows."""
    await (tab.evaluate(AGAIN, words) if again else tab.goto(f"{base}search.html?q={quote(words)}"))
    await tab.wait_for_function(DONE, timeout=10_000)
    return await tab.evaluate(SHOWN)


def judge(words, label, shown, addresses):
    """Return what is wrong with the results of one search."""
    if not shown["results"]:
        return [f"{words}: nothing found"]
    problems = []
    first = shown["results"][0]["href"]
    if first not in addresses.get(label, ()):
        problems.append(f"{words}: the first result is {first}, and should be {label}")
    for result in shown["results"]:
        if match := MARKUP.search(result["text"]):
            start = max(0, match.start() - 30)
            problems.append(f"{words}: markup in the result {result['href']}: {result['text'][start : start + 60]!r}")
    return problems


async def check(root, base, index):
    """Search for everything in both ways; return the number of searches and the problems."""
    addresses, bases, terms = places(root), {"http": base, "file": f"{root.as_uri()}/"}, wanted(index)
    problems, queue = [], [(way, terms[n : n + 4]) for way in bases for n in range(0, len(terms), 4)]
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(**browser.chromium())

        async def work():
            context = await chromium.new_context()
            tab = await context.new_page()
            told = []
            tab.on("console", lambda said: said.type == "error" and told.append(f"console: {said.text}"))
            tab.on("pageerror", lambda error: told.append(f"error in a script: {error}"))
            while queue:
                way, some = queue.pop()
                for words, label in some:
                    try:
                        shown = await search(tab, bases[way], words, again=words != some[0][0])
                        found = judge(words, label, shown, addresses)
                    except Error as error:
                        found = [f"{words}: {error}"]
                    problems.extend(f"{way}: {problem}" for problem in found + told)
                    told.clear()

        await asyncio.gather(*(work() for _ in range(TABS)))
        tab = await chromium.new_page()
        for way, address in bases.items():
            if "Nothing found" not in (await search(tab, address, "xyzzy"))["status"]:
                problems.append(f"{way}: a search without result does not say so")
            await tab.goto(f"{address}search.html")
            if "Enter a word" not in await tab.inner_text("#search-results"):
                problems.append(f"{way}: an empty search does not say so")
        await chromium.close()
    return len(bases) * len(terms), problems


def main():
    """Print the problems and fail, or print what was searched."""
    if len(sys.argv) != 2:
        sys.exit("usage: check_search.py DIR")
    root, start = Path(sys.argv[1]).resolve(), time.perf_counter()
    with browser.serving(root) as base:
        searches, problems = asyncio.run(check(root, base, Path(__file__).parents[1] / "book/index.yml"))
    if problems:
        sys.exit("\n".join(dict.fromkeys(problems)) + f"\ncheck_search.py: {len(problems)} problems")
    print(f"check_search.py: all is well with {searches} searches, in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
