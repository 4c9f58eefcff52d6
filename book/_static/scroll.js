// A formula or a listing wider than its box scrolls there: then, and only then, it can be reached from the keyboard.
function markScrolling() {
  const boxes = [...document.querySelectorAll(".math, pre, .cell_output > .output, .pst-scrollable-table-container")]
    .map(box => [box, box.scrollWidth > box.clientWidth]);
  for (const [box, scrolls] of boxes) {
    if (scrolls === (box.getAttribute("role") === "group")) continue;
    const kind = box.matches(".math") ? "Formula" : box.matches("pre") ? "Text" : "Output";
    const marks = {tabindex: "0", role: "group", "aria-label": `${kind}, scrolls sideways`};
    for (const [name, value] of Object.entries(marks)) scrolls ? box.setAttribute(name, value) : box.removeAttribute(name);
  }
}

// The height of the page changes when formulas are set, something is unfolded or the window is resized.
addEventListener("load", () => new ResizeObserver(markScrolling).observe(document.querySelector("main")));
