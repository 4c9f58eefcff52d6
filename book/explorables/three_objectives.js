// Three objectives on the problem with two states: their gradients, and what equation (11) gives with each reading.
{
  const box = document.getElementById("three-objectives");
  const small = x => Math.abs(x) < 1e-9;

  // Two components each, for the log-odds of p in state 0 and of q in state 1; the start is state 0.
  box.numbers = ({ p, q, gamma }) => {
    const rates = [p * (1 - p), q * (1 - q)];
    const a = 0.25 + 0.5 * p, b = 0.5 + 0.4 * q; // probability that state 1 is next, from 0 and from 1
    const more = 4 * q - (1 - p); // what state 1 pays more than state 0
    const left = 1 - b + a, m = 1 - gamma * (b - a), total = 1 / (1 - gamma);
    const d = a / left, nu = gamma * a * total / m; // weight of state 1: stationary, and discounted visits
    const weights = [[total - nu, nu], [1 - d, d]];
    // gradient of total * r(0) + w * more, where w changes with a and b
    const slope = (total, w, da, db) => [rates[0] * (w - total + 0.5 * da * more), rates[1] * (4 * w + 0.4 * db * more)];
    const start = slope(total, nu, gamma * (1 - gamma * b) * total / m ** 2, gamma ** 2 * a * total / m ** 2);
    const average = slope(1, d, (1 - b) / left ** 2, a / left ** 2);
    // what action 1 brings more than action 0: now, plus a share of what state 1 is worth more
    const shares = [0, gamma * more / m, more / left];
    const pairs = shares.flatMap(share => weights.map(weight =>
      [rates[0] * weight[0] * (0.5 * share - 1), rates[1] * weight[1] * (0.4 * share + 4)]));
    const against = [start, average]; // the averages differ by a factor
    return {
      truths: [start, average, average.map(x => x * total)], pairs,
      right: pairs.map(pair => against.map(truth => pair.every((x, k) => small(x - truth[k])))),
      flips: pairs.map(pair => against.map(truth =>
        pair.map((x, k) => !small(x) && !small(truth[k]) && (x < 0) !== (truth[k] < 0)))),
    };
  };

  const names = ["ν with r", "d with r", "ν with Q", "d with Q", "ν with differential Q", "d with differential Q"];
  const thetas = ["θ₀", "θ₁"], centres = [142, 232], half = 42;
  const text = (x, y, words, more = "") => `<text x="${x}" y="${y}" ${more}>${words}</text>`;
  const round = x => (x < -1e-9 ? "−" : "") + (small(x) || Math.abs(x) >= 0.0005 ? Math.abs(x).toFixed(3) : Number(Math.abs(x).toPrecision(1)));
  const low = words => `<tspan dy="4" class="small">${words}</tspan>`;

  // A row: its name, a bar to each component, and the number on the other side of the axis.
  const row = (y, name, values, style, limits) => text(4, y + 11, name) + values.map((x, k) => {
    const length = half * Math.abs(x) / limits[k], side = x < 0 ? -1 : 1;
    const number = text(centres[k] - 3 * side, y + 11, round(x), `class="small ${x < 0 ? "" : "end"}"`);
    return `<rect class="${style}" x="${centres[k] - (x < 0 ? length : 0)}" y="${y}" width="${length}" height="13"/>` + number;
  }).join("");

  const mark = (right, flips) => {
    if (right) return ["✓", "blue strong"];
    if (!flips.some(Boolean)) return ["≠", "orange"];
    return [flips.every(Boolean) ? "✗ signs" : `✗ sign ${thetas[flips.indexOf(true)]}`, "orange"];
  };

  const picture = (n, rest) => {
    const truths = n.truths.map((values, i) => values.map(x => i === 1 ? x : x * rest));
    const pairs = n.pairs.map((values, i) => values.map(x => i % 2 ? x : x * rest));
    const limits = [0.25, 0.9].map((least, k) => Math.max(least, ...[...truths, ...pairs].map(values => Math.abs(values[k]))));
    const each = "(1−γ)";
    let svg = text(4, 16, "true gradient", 'class="strong"') + text(4, 118, "weight, table", 'class="strong"');
    svg += thetas.map((theta, k) => text(centres[k], 16, theta, 'class="strong middle"')).join("");
    [each + "∇J₁", "∇J" + low("avR"), `${each}∇J${low("avV")}`].forEach((name, i) => {
      svg += row(25 + 21 * i, name, truths[i], "blue drawn", limits);
    });
    svg += text(335, 104, "right for", 'class="middle"') + text(302, 121, "J₁", 'class="strong middle"') +
      text(398, 121, "averages", 'class="strong end"');
    pairs.forEach((pair, i) => {
      const y = 128 + 21 * i, table = ["r", "Q", `Q${low("diff")}`][i >> 1];
      const name = i % 2 ? `d, ${table}${i === 3 ? " (11)" : ""}` : `${each}ν, ${table}`;
      svg += row(y, name, pair, n.right[i].some(Boolean) ? "blue" : "orange", limits);
      n.right[i].forEach((right, j) => {
        const [words, style] = mark(right, n.flips[i][j]);
        svg += text(302 + 65 * j, y + 11, words, `class="small middle ${style}"`);
      });
    });
    return svg + `<path class="axis" d="M0 89h400M${centres[0]} 22v226M${centres[1]} 22v226"/>`;
  };

  const sentence = (p, q, gamma, n) => {
    const right = j => names.filter((_, i) => n.right[i][j]).join(", ");
    const k = n.flips[3][1].indexOf(true), eleven = k < 0 ?
      n.right[3][1] ? "is right for them here, too" : "has no wrong sign here, but is another vector" :
      `gives ${round(n.pairs[3][k])} for ${thetas[k]}, where the average reward has ${round(n.truths[1][k])}: the wrong sign`;
    return `p = ${p.toFixed(2)}, q = ${q.toFixed(2)}, γ = ${gamma.toFixed(2)}. Right for the start value: ${right(0)}. ` +
      `Right for the averages: ${right(1)}. Equation (11), read as d with Q, ${eleven}.`;
  };

  const draw = () => {
    const inputs = [...box.querySelectorAll("input")];
    const state = Object.fromEntries(inputs.map(input => [input.name, Number(input.value)]));
    const n = box.numbers(state);
    box.querySelector("svg").innerHTML = picture(n, 1 - state.gamma);
    box.querySelector("[role=status]").textContent = sentence(state.p, state.q, state.gamma, n);
    inputs.forEach(input => { input.labels[0].querySelector("b").textContent = input.value; });
  };

  box.classList.add("live");
  box.addEventListener("input", draw);
  draw();
}
