"""Judge the figures that a reader moves, in Chromium: check_explorables.py DIR, or --write.

Each figure of book/explorables must stand on one page of the built book in DIR. There its formulas are compared
with pglib on a grid of slider positions; every slider must answer to the keyboard, and the sentence must follow;
without scripts the same picture must be seen; and on a phone no words may stick out of it, or be tiny.

With --write, the pictures that the scripts draw first are written into book/explorables/*.html.
"""

import sys
from itertools import product
from pathlib import Path

import browser
import numpy as np
from explorable_truths import TRUTHS
from playwright.sync_api import sync_playwright

FOLDER = Path(__file__).parents[1] / "book/explorables"
MAX_BYTES = 6000  # of a script
TOLERANCE = 1e-9
POSITIONS = 7  # of each slider at most: both ends, and evenly between
STATES = 400  # combinations at most
SMALLEST = 10  # pixels, of letters on a phone

SLIDERS = """box => [...box.querySelectorAll("input")].map(
  one => ({name: one.name, min: Number(one.min), max: Number(one.max), step: Number(one.step)}))"""
NUMBERS = "(box, states) => states.map(state => box.numbers(state))"
# Words that leave the picture, and the smallest letters on the screen.
WORDS = """box => {
  const svg = box.querySelector("svg"), frame = svg.getBoundingClientRect();
  const scale = frame.width / svg.viewBox.baseVal.width;
  const texts = [...svg.querySelectorAll("text")], leaving = texts.filter(one => {
    const r = one.getBoundingClientRect();
    return r.left < frame.left - 1 || r.right > frame.right + 1 || r.top < frame.top - 1 || r.bottom > frame.bottom + 1;
  });
  const sizes = texts.map(one => parseFloat(getComputedStyle(one).fontSize) * scale);
  return {leaving: leaving.map(one => one.textContent), smallest: Math.min(...sizes)};
}"""
SHOWN = "box => [box.querySelector('svg').innerHTML, box.querySelector('[role=status]').textContent]"


def drawn(tab, name):
    """Return the file of a figure with the picture that its script draws first."""
    tab.set_content((FOLDER / f"{name}.html").read_text(encoding="utf-8"))
    tab.add_script_tag(path=FOLDER / f"{name}.js")
    tab.evaluate("document.querySelector('.explorable').classList.remove('live')")
    return tab.evaluate("document.body.innerHTML").strip() + "\n"


def grid(sliders):
    """Return positions of the sliders, both ends of each and some between, as a list of {name: value}."""
    values = []
    for one in sliders:
        last = round((one["max"] - one["min"]) / one["step"])
        steps = np.unique(np.linspace(0, last, POSITIONS).round())
        values.append([round(one["min"] + one["step"] * float(step), 9) for step in steps])
    states = [dict(zip([one["name"] for one in sliders], given, strict=True)) for given in product(*values)]
    return states[:: -(-len(states) // STATES)]


def compare(truth, states, shown):
    """Return the first place where the numbers of a figure are not those that pglib computes, in a list, or none."""
    for state, numbers in zip(states, shown, strict=True):
        expected = truth(**state)
        if expected.keys() != numbers.keys():
            return [f"shows {sorted(numbers)}; pglib computes {sorted(expected)}"]
        for key, value in expected.items():
            if np.shape(numbers[key]) != np.shape(value) or not np.allclose(
                np.array(numbers[key], dtype=float), value, rtol=TOLERANCE, atol=TOLERANCE
            ):
                return [f"{key} at {state}: shows {numbers[key]}, in truth {value}"]
    return []


def check(browser_, page, name):
    """Return what is wrong with a figure, and the number of slider positions that were compared."""
    problems = []
    tab = browser_.new_page(viewport={"width": 390, "height": 844}, reduced_motion="reduce")
    tab.on("pageerror", lambda error: problems.append(f"error in a script: {error}"))
    tab.goto(page)
    box = tab.query_selector(f"#{name.replace('_', '-')}.live")
    if box is None:
        return [*problems, "its script did not start"], 0
    states = grid(box.evaluate(SLIDERS))
    problems += compare(TRUTHS[name], states, box.evaluate(NUMBERS, states))
    first = box.evaluate(SHOWN)
    for slider in box.query_selector_all("input"):
        before, at_end = box.evaluate(SHOWN), slider.evaluate("one => one.value === one.max")
        slider.focus()
        tab.keyboard.press("ArrowLeft" if at_end else "ArrowRight")
        if any(now == then for now, then in zip(box.evaluate(SHOWN), before, strict=True)):
            problems.append(f"picture or sentence does not follow a key on {slider.get_attribute('name')}")
        for key in ("Home", "End"):
            tab.keyboard.press(key)
            words = box.evaluate(WORDS)
            problems += [f"sticks out of the picture: {one}" for one in words["leaving"]]
            if words["smallest"] < SMALLEST:
                problems.append(f"letters of {words['smallest']:.1f} px")
    tab.close()
    still = browser_.new_context(java_script_enabled=False).new_page()
    still.goto(page)
    picture = still.locator(f"#{name.replace('_', '-')}")
    if [picture.locator("svg").inner_html(), picture.locator("[role=status]").text_content()] != first:
        problems.append("without scripts another picture is seen; run check_explorables.py --write")
    if picture.locator(".controls").is_visible():
        problems.append("without scripts there are sliders that do nothing")
    still.close()
    return problems, len(states)


def main():
    """Write the first pictures, or print the problems and fail, or print what was compared."""
    if len(sys.argv) != 2:
        sys.exit("usage: check_explorables.py DIR or check_explorables.py --write")
    names, problems, count = sorted(path.stem for path in FOLDER.glob("*.js")), [], 0
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(**browser.chromium())
        if sys.argv[1] == "--write":
            for name in names:
                text = drawn(chromium.new_page(reduced_motion="reduce"), name)
                (FOLDER / f"{name}.html").write_text(text, encoding="utf-8")
            return
        texts = {page: page.read_text(encoding="utf-8") for page in browser.pages(Path(sys.argv[1]).resolve())}
        for name in names:
            found = [page for page, text in texts.items() if f'id="{name.replace("_", "-")}"' in text]
            wrong, n_states = [f"stands on {len(found)} pages, and must on one"], 0
            if len(found) == 1:
                wrong, n_states = check(chromium, found[0].as_uri(), name)
            if (size := (FOLDER / f"{name}.js").stat().st_size) >= MAX_BYTES:
                wrong.append(f"its script has {size} bytes; fewer than {MAX_BYTES} are allowed")
            problems += [f"{name}: {problem}" for problem in dict.fromkeys(wrong)]
            count += n_states
        chromium.close()
    if problems:
        sys.exit("\n".join(problems) + f"\ncheck_explorables.py: {len(problems)} problems")
    print(f"check_explorables.py: all is well with {len(names)} figures, {count} positions of their sliders")


if __name__ == "__main__":
    main()
