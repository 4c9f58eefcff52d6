// What Sphinx's search shows, made readable: results name their section, excerpts have no TeX, and nothing found is said.
const COMMANDS = { to: "→", leftarrow: "←", nabla: "∇", partial: "∂", infty: "∞", sum: "Σ", int: "∫", sqrt: "√",
  mid: "|", cdot: "·", times: "×", pm: "±", propto: "∝", approx: "≈", neq: "≠", leq: "≤", le: "≤", geq: "≥", ge: "≥",
  in: "∈", dots: "…", ldots: "…", cdots: "…", top: "ᵀ", quad: " ", qquad: " ", log: "log", exp: "exp", sinh: "sinh",
  max: "max", tanh: "tanh", Pr: "Pr", Im: "Im", tag: " " };
const GREEK = { alpha: "α", beta: "β", gamma: "γ", delta: "δ", epsilon: "ε", varepsilon: "ε", eta: "η", theta: "θ",
  kappa: "κ", lambda: "λ", mu: "μ", nu: "ν", phi: "φ", pi: "π", rho: "ρ", sigma: "σ", tau: "τ", Gamma: "Γ", Delta: "Δ" };

// Write a formula in one line of plain text, as far as that goes.
function plain(tex) {
  const signs = { ...COMMANDS, ...GREEK };
  return tex
    .replace(/\\(begin|end)\{[^}]*\}|\\[()[\]]|\\left\b|\\right\b|&/g, "")
    .replace(/\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}/g, "$1/$2")
    .replace(/\\[dt]?frac\s*(\d)(\d)/g, "$1/$2")
    .replace(/\\\\|\\[,;:! ]/g, " ")
    .replace(/\\([A-Za-z]+)/g, (_, name) => signs[name] ?? "")
    .replace(/[{}_]/g, "")
    .replace(/\s+/g, " ");
}

// "1. A chapter > A section" for a result that leads to a section, "Glossary > word" for a definition.
function named(page, anchor) {
  const index = Search._index;
  const file = index.docnames.indexOf(page);
  if (anchor.startsWith("#term-")) return `${index.titles[file]} > ${anchor.slice(6).replaceAll("-", " ")}`;
  for (const [title, places] of Object.entries(index.alltitles))
    if (places.some(([at, id]) => at === file && `#${id}` === anchor)) return `${index.titles[file]} > ${title}`;
  return null;
}

// Sphinx asks for the score of each result: a chapter comes before the pages at the back that say the same.
function score(result) {
  const [page, , anchor, description, given] = result;
  if (anchor && !description) result[1] = named(page, anchor) ?? result[1];
  result[1] = plain(result[1]);
  return given - (/\/(glossary|notation|ledger|errata|api|bibliography)$|^(genindex|pglib)/.test(page) ? 0.5 : 0);
}

// Sphinx's own words speak of categories, which there are none of.
const NOTHING = "Your search did not match any documents. Please make sure that all words are spelled correctly and that "
  + "you've selected enough categories.";

// After all scripts are read, and before Sphinx looks at the address of the page.
document.addEventListener("DOMContentLoaded", () => {
  Scorer.score = score;
  Documentation.TRANSLATIONS[NOTHING] = "Nothing found. Try fewer words or others, or look into the index.";
  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    const main = page.querySelector('[role="main"]');
    const found = anchor ? main.querySelector(anchor) : null;
    if (found?.matches("dt")) found.append(" ", found.parentElement.querySelector(`${anchor} ~ dd`)); // its definition
    const part = found ?? main;
    part.querySelectorAll(".headerlink, script, style, .cell_input, .cell_output").forEach((left) => left.remove());
    part.querySelectorAll(".math").forEach((formula) => formula.replaceWith(plain(formula.textContent)));
    return part.textContent;
  };
  if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false; // a file may not read another
  const asked = new URLSearchParams(location.search).get("q");
  if (!asked?.trim()) document.getElementById("search-results").textContent = "Enter a word to search for.";
});
