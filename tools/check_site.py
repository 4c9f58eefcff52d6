"""Open every page of a built book in Chromium, as readers do: check_site.py DIR [--shots OUT].

Each page is opened over http and from its file, on a desktop and on a phone, light and dark. It must ask no
other host for anything, load all it asks for, raise no error, typeset all its formulas, follow the reader's
choice of light or dark, and not scroll sideways on the phone. With --shots, pictures of the pages are saved.
"""

import argparse
import asyncio
import re
import sys
import time
from collections import defaultdict
from itertools import product
from pathlib import Path

import browser
from playwright.async_api import Error, async_playwright

WIDTHS = {"desktop": (1280, 900), "phone": (390, 844)}
TABS = 4  # pages open at the same time
PATIENCE = 30_000  # milliseconds for one page, formulas included

# What a page says of itself once MathJax is done and all that is folded is unfolded.
REPORT = """async () => {
  const formulas = [...document.querySelectorAll(".math.notranslate")];
  if (formulas.length) {
    while (!window.MathJax?.startup?.promise) await new Promise(done => setTimeout(done, 20));
    await MathJax.startup.promise;
  }
  document.querySelectorAll("details").forEach(one => one.open = true);
  document.querySelectorAll(".toggle-hidden").forEach(one => one.classList.remove("toggle-hidden"));
  const root = document.documentElement, width = root.clientWidth;
  const inBox = one => one && one !== root &&
    (getComputedStyle(one).overflowX !== "visible" || inBox(one.parentElement));
  const wide = [...document.querySelectorAll("main *")].filter(
    one => one.getBoundingClientRect().right > width + 1 && !inBox(one.parentElement));
  return {
    theme: root.dataset.theme,
    formulas: formulas.length,
    raw: formulas.filter(one => !one.querySelector("mjx-container")).map(one => one.textContent),
    wrong: [...document.querySelectorAll("[data-mml-node=merror]")].map(
      one => `${one.dataset.mjxError} (section ${one.closest("section")?.id})`),
    overhang: root.scrollWidth - width,
    wide: wide.slice(0, 3).map(one => `<${one.tagName.toLowerCase()} class="${one.className}">`),
  };
}"""


async def visit(context, address, base, variant, shot):
    """Open one page in one way; return its number of formulas and the list of its problems."""
    tab, problems = await context.new_page(), []
    tab.set_default_timeout(PATIENCE)

    def asked(request):
        if not request.url.startswith((base, "data:", "blob:")):
            problems.append(f"asks another host: {request.url}")

    tab.on("request", asked)
    tab.on("requestfailed", lambda request: problems.append(f"could not load {request.url}: {request.failure}"))
    tab.on("response", lambda got: got.status >= 400 and problems.append(f"status {got.status}: {got.url}"))
    tab.on("console", lambda said: said.type == "error" and problems.append(f"console: {said.text}"))
    tab.on("pageerror", lambda error: problems.append(f"error in a script: {error}"))
    formulas = 0
    try:
        await tab.goto(address)
        report = await asyncio.wait_for(tab.evaluate(REPORT), PATIENCE / 1000)
        formulas = report["formulas"]
        problems += [f"formula not typeset: {formula}" for formula in report["raw"]]
        problems += [f"formula with an error: {formula}" for formula in report["wrong"]]
        if report["theme"] != variant[2]:
            problems.append(f"asked for {variant[2]}, shows {report['theme']}")
        if variant[1] == "phone" and report["overhang"] > 0:
            problems.append(f"scrolls sideways by {report['overhang']} px: {', '.join(report['wide'])}")
        if shot:
            await tab.screenshot(path=shot, full_page=True, animations="disabled")
    except (Error, TimeoutError) as error:
        problems.append(f"not shown within {PATIENCE / 1000:.0f} s: {error}")
    await tab.close()
    return formulas, problems


async def check(root, base, shots):
    """Visit all pages in all ways; return the number of pages, visits and formulas, and the problems."""
    paths = [path for path in sorted(root.rglob("*.html")) if root / "_static" not in path.parents]
    paths = [path for path in paths if not re.search('http-equiv="refresh"', path.read_text(encoding="utf-8"), re.I)]
    bases = {"http": base, "file": f"{root.as_uri()}/"}
    turn, ways, n_formulas, n_visits = asyncio.Semaphore(TABS), defaultdict(list), 0, 0
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(**browser.chromium())
        for variant in product(bases, WIDTHS, ("light", "dark")):
            way, device, theme = variant
            width, height = WIDTHS[device]
            size = {"width": width, "height": height}
            context = await chromium.new_context(viewport=size, color_scheme=theme, is_mobile=device == "phone")

            async def one(path, variant=variant, context=context):
                way, device, theme = variant
                name = path.relative_to(root).as_posix()
                shot = shots and way == "file" and shots / f"{name.replace('/', '-')[:-5]}-{device}-{theme}.png"
                async with turn:
                    found = await visit(context, bases[way] + name, bases[way], variant, shot)
                return name, *found

            for name, formulas, found in await asyncio.gather(*map(one, paths)):
                n_visits += 1
                n_formulas += formulas
                for problem in dict.fromkeys(found):
                    ways[f"{name}: {problem.replace(bases[way], '')}"].append("/".join(variant))
            await context.close()
        await chromium.close()
    problems = [f"{problem} ({len(seen)} of 8 ways: {', '.join(seen)})" for problem, seen in ways.items()]
    if not paths:
        problems.append(f"no page found in {root}")
    return len(paths), n_visits, n_formulas, problems


def main():
    """Print the problems and fail, or print what was visited."""
    parser = argparse.ArgumentParser(description="Open every page of a built book in Chromium.")
    parser.add_argument("dir", type=Path)
    parser.add_argument("--shots", type=Path)
    given = parser.parse_args()
    root, start = given.dir.resolve(), time.perf_counter()
    if given.shots:
        given.shots.mkdir(parents=True, exist_ok=True)
    with browser.serving(root) as base:
        pages, visits, formulas, problems = asyncio.run(check(root, base, given.shots))
    if problems:
        sys.exit("\n".join(problems) + f"\ncheck_site.py: {len(problems)} problems")
    seconds = time.perf_counter() - start
    print(f"check_site.py: all is well with {pages} pages, {visits} visits, {formulas} formulas, in {seconds:.0f} s")


if __name__ == "__main__":
    main()
