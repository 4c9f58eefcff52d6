"""Open every page of a built book in Chromium, as readers do: check_site.py DIR [--shots OUT].

Each page is opened over http, on a desktop and on a phone, and from its file, and goes from light to dark there. It
must ask no other host for anything, load all it asks for, raise no error, typeset all its formulas, follow the
reader's choice of light or dark, not scroll sideways on the phone, and cut no formula. Over http axe-core judges its
accessibility, with all that is folded unfolded. Then each page is opened alone: it must not load more than 5 MB, nor
take more than 1.5 s until its formulas are set. With --shots, pictures of the pages are saved.
"""

import argparse
import asyncio
import re
import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path

import axe_playwright_python
import browser
from playwright.async_api import Error, async_playwright

WIDTHS = {"desktop": (1280, 900), "phone": (390, 844)}
THEMES = ("light", "dark")
WAYS = [("http", "desktop"), ("http", "phone"), ("file", "phone")]
SEARCH = "search.html?q=gradient"  # asks for other pages, so over http only, and marks words on the pages after it
WRONG = "no/such/page.html"  # where 404.html is seen; its links begin at the root of a server, so over http only
TABS = 4  # pages open at the same time
PATIENCE = 120  # seconds for one page, formulas and axe included
MAX_MB, MAX_SECONDS = 5, 1.5

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# Contrast takes axe longer than all its other rules, word by word. So on a desktop in light it sees every word, and
# elsewhere one word of each kind: those in other colors, of another size or weight, on another ground.
JUDGE = """async ({levels, everyWord, otherTheme}) => {
  const grounds = new Map(), kinds = new Set();
  const groundOf = one => {
    if (!one || grounds.has(one)) return grounds.get(one) ?? "";
    const {backgroundColor, backgroundImage, opacity} = getComputedStyle(one);
    const ground = [backgroundColor, backgroundImage, opacity, groundOf(one.parentElement)].join();
    grounds.set(one, /^rgb\\(/.test(backgroundColor) && opacity === "1" ? backgroundColor + backgroundImage : ground);
    return grounds.get(one);
  };
  for (const one of document.querySelectorAll("body *")) {
    one.removeAttribute("data-kind");
    if (![...one.childNodes].some(node => node.nodeType === 3 && node.data.trim()) || !one.checkVisibility()) continue;
    const {color, fontSize, fontWeight} = getComputedStyle(one);
    const kind = [color, fontSize, fontWeight, groundOf(one)].join();
    if (!kinds.has(kind)) one.setAttribute("data-kind", "first");
    kinds.add(kind);
  }
  axe.configure({rules: [{id: "color-contrast", selector: everyWord ? "*" : "[data-kind]"}]});
  const runOnly = otherTheme ? ["color-contrast", "link-in-text-block"] : levels;  // what another theme can change
  const found = await axe.run({runOnly, resultTypes: ["violations"], preload: false});
  return found.violations.flatMap(rule => rule.nodes.slice(0, 3).map(one =>
    `${rule.id}, ${rule.nodes.length} times: ${one.html.slice(0, 150)}: `
    + one.failureSummary.replace(/\\s+/g, " ").slice(0, 200)));
}"""

TYPESET = """async () => {
  if (!document.querySelector(".math.notranslate")) return performance.now();
  while (!window.MathJax?.startup?.promise) await new Promise(done => setTimeout(done, 5));
  await MathJax.startup.promise;
  return performance.now();
}"""

# What a page says of itself once MathJax is done and all that is folded is unfolded.
REPORT = """async () => {
  while (location.search && !document.querySelector("ul.search li")) await new Promise(done => setTimeout(done, 20));
  document.querySelectorAll("details").forEach(one => one.open = true);
  document.querySelectorAll(".toggle-hidden").forEach(one => one.classList.remove("toggle-hidden"));
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  const formulas = [...document.querySelectorAll(".math.notranslate")];
  const root = document.documentElement, width = root.clientWidth;
  const inBox = one => one && one !== root &&
    (getComputedStyle(one).overflowX !== "visible" || inBox(one.parentElement));
  const wide = [...document.querySelectorAll("main *")].filter(
    one => one.getBoundingClientRect().right > width + 1 && !inBox(one.parentElement));
  const isCut = one => {
    const right = one.getBoundingClientRect().right;
    for (let box = one.parentElement; box && box !== document.body; box = box.parentElement) {
      const overflow = getComputedStyle(box).overflowX, edge = box.getBoundingClientRect().right;
      if (/auto|scroll/.test(overflow) && right > edge + 1) return isCut(box);
      if (overflow !== "visible" && right > edge + 1) return true;
    }
    return right > width + 1;
  };
  return {
    theme: root.dataset.theme,
    formulas: formulas.length,
    raw: formulas.filter(one => !one.querySelector("mjx-container")).map(one => one.textContent),
    wrong: [...document.querySelectorAll("[data-mml-node=merror]")].map(
      one => `${one.dataset.mjxError} (section ${one.closest("section")?.id})`),
    blank: [...document.querySelectorAll("mjx-container")].filter(one => {
      const drawn = [...one.querySelectorAll("[data-mml-node=mi], [data-mml-node=mn], [data-mml-node=mtext]")];
      const read = [...one.querySelectorAll("mi, mn, mtext")].filter(part => part.textContent);
      return drawn.filter(part => part.querySelector("path, use, rect")).length < read.length;
    }).map(one => `${one.querySelector("math").textContent} (section ${one.closest("section")?.id})`),
    unspoken: [...document.querySelectorAll("mjx-container")].filter(one => !one.querySelector("math")).length,
    cut: [...document.querySelectorAll("article mjx-container")].filter(isCut).map(
      one => `${one.querySelector("math")?.textContent.slice(0, 60)} (section ${one.closest("section")?.id})`),
    overhang: root.scrollWidth - width,
    wide: wide.slice(0, 3).map(one => `<${one.tagName.toLowerCase()} class="${one.className}">`),
  };
}"""


async def examine(tab, way, device, theme):
    """Return the number of formulas of an open page, and the list of problems that it shows in one theme."""
    await tab.emulate_media(color_scheme=theme)
    await tab.evaluate(TYPESET)
    report = await tab.evaluate(REPORT)
    problems = [f"formula not typeset: {formula}" for formula in report["raw"]]
    problems += [f"formula with an error: {formula}" for formula in report["wrong"]]
    problems += [f"formula cut off: {formula}" for formula in report["cut"]]
    problems += [f"formula with a letter that mathjax.js has no shape for: {formula}" for formula in report["blank"]]
    if report["unspoken"]:
        problems.append(f"{report['unspoken']} formulas without MathML for those who hear them")
    if report["theme"] != theme:
        problems.append(f"asked for {theme}, shows {report['theme']}")
    if device == "phone" and report["overhang"] > 0:
        problems.append(f"scrolls sideways by {report['overhang']} px: {', '.join(report['wide'])}")
    if way == "http":
        if theme == THEMES[0]:
            await tab.evaluate(AXE)
        every, other = (device, theme) == ("desktop", THEMES[0]), theme != THEMES[0]
        problems += await tab.evaluate(JUDGE, {"levels": LEVELS, "everyWord": every, "otherTheme": other})
    return report["formulas"], problems


async def visit(context, address, base, way, device, shot):
    """Open one page; return its number of formulas, and the list of its problems in each theme."""
    tab, loading = await context.new_page(), []
    tab.set_default_timeout(PATIENCE * 1000)

    def asked(request):
        if not request.url.startswith((base, "data:", "blob:")):
            loading.append(f"asks another host: {request.url}")

    tab.on("request", asked)
    tab.on("requestfailed", lambda request: loading.append(f"could not load {request.url}: {request.failure}"))

    def answered(response):
        if (response.status >= 400) != (response.url == base + WRONG):
            loading.append(f"status {response.status}: {response.url}")

    def said(message):
        if message.type == "error" and message.location["url"] != base + WRONG:
            loading.append(f"console: {message.text}")

    tab.on("response", answered)
    tab.on("console", said)
    tab.on("pageerror", lambda error: loading.append(f"error in a script: {error}"))
    formulas, problems = 0, {}
    for theme in THEMES:
        try:
            if theme == THEMES[0]:
                await tab.goto(address, wait_until="networkidle" if "?" in address else "load")
            formulas, found = await asyncio.wait_for(examine(tab, way, device, theme), PATIENCE)
            if shot:
                await tab.screenshot(path=f"{shot}-{theme}.png", full_page=True, animations="disabled")
        except (Error, TimeoutError) as error:
            found = [f"not shown within {PATIENCE} s: {error}"]
        problems[theme] = [*loading, *found]
        loading.clear()
    await tab.close()
    return formulas, problems


async def look(chromium, names, bases, shots):
    """Visit all pages in all ways; return the number of visits and formulas, and the problems."""
    turn, ways, n_formulas, n_visits = asyncio.Semaphore(TABS), defaultdict(list), 0, 0
    for way, device in WAYS:
        width, height = WIDTHS[device]
        size = {"width": width, "height": height}
        context = await chromium.new_context(viewport=size, is_mobile=device == "phone", reduced_motion="reduce")

        async def one(name, way=way, device=device, context=context):
            is_shot = shots and way == "http" and name.endswith(".html")
            shot = is_shot and shots / f"{name.replace('/', '-')[:-5]}-{device}"
            async with turn:
                return name, *await visit(context, bases[way] + name, bases[way], way, device, shot)

        also = {"search.html": SEARCH, "404.html": WRONG} if way == "http" else {}
        seen = await asyncio.gather(*(one(name) for name in names if name != "404.html"))
        seen += [await one(address) for page, address in also.items() if page in names]
        for name, formulas, problems in seen:
            for theme, found in problems.items():
                n_visits += 1
                n_formulas += formulas
                for problem in dict.fromkeys(found):
                    ways[f"{name}: {problem.replace(bases[way], '')}"].append(f"{way}/{device}/{theme}")
        await context.close()
    of_all = 2 * len(WAYS)
    told = [f"{problem} ({len(seen)} of {of_all}: {', '.join(seen)})" for problem, seen in ways.items()]
    return n_visits, n_formulas, told


async def weigh(chromium, address):
    """Open one page alone, with nothing stored; return the MB it loads and the seconds until its formulas are set."""
    context = await chromium.new_context(viewport=dict(zip(("width", "height"), WIDTHS["desktop"], strict=True)))
    tab, responses = await context.new_page(), []
    tab.on("response", lambda response: responses.append(response))
    await tab.goto(address)
    seconds = await tab.evaluate(TYPESET) / 1000
    size = sum([len(await response.body()) for response in responses]) / 1e6
    await context.close()
    return size, seconds


async def weigh_all(chromium, names, base):
    """Return a line on the weight and speed of all pages, and the problems; a slow page has five more tries."""
    sizes, times = {}, {}
    for name in names:
        sizes[name], times[name] = await weigh(chromium, base + name)
        for _ in range(5):
            if times[name] > MAX_SECONDS:  # the quickest counts: what else the machine does only adds
                times[name] = min(times[name], (await weigh(chromium, base + name))[1])
    line, problems = [], []
    for what, unit, of, most in (("loads", "MB", sizes, MAX_MB), ("sets its formulas after", "s", times, MAX_SECONDS)):
        worst = max(of, key=of.get)
        line.append(f"a page {what} {statistics.median(of.values()):.2f} {unit}, at most {of[worst]:.2f} ({worst})")
        problems += [f"{name}: {what} {one:.2f} {unit}, more than {most}" for name, one in of.items() if one > most]
    return "; ".join(line), problems


async def check(root, base, shots):
    """Return a line on what was seen, and the problems."""
    redirect = re.compile('http-equiv="refresh"', re.IGNORECASE)
    paths = [path for path in browser.pages(root) if not redirect.search(path.read_text(encoding="utf-8"))]
    names = [path.relative_to(root).as_posix() for path in paths]
    if not names:
        return "", [f"no page found in {root}"]
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(**browser.chromium())
        visits, formulas, problems = await look(chromium, names, {"http": base, "file": f"{root.as_uri()}/"}, shots)
        weight, heavy = await weigh_all(chromium, names, base)
        await chromium.close()
    return f"{len(names)} pages, {visits} visits, {formulas} formulas\n{weight}", problems + heavy


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
        seen, problems = asyncio.run(check(root, base, given.shots))
    if problems:
        sys.exit("\n".join([*problems, seen]) + f"\ncheck_site.py: {len(problems)} problems")
    print(f"check_site.py: all is well with {seen}; {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
