// Samples f(x) score(x) of the gradient in the mean of a Gaussian, f(x) = x^2 + c; their mean, and their exact spread.
{
  const box = document.getElementById("score-arrows");
  const theta = 1;
  // Drawn once: numpy.random.default_rng(32).standard_normal(24), rounded.
  const normal = [
    0.91, 0.75, -0.03, 0.65, -0.65, -1.83, 1.68, 0.48, -2.07, -1.06, -0.62, 0.34, 1.33, 0.31, -0.43,
    0.47, -0.22, 0.18, -0.67, -1.21, 1.28, -0.32, 0.12, -0.6
  ];

  box.numbers = ({ c, sigma, N }) => {
    const x = normal.slice(0, N).map(z => theta + sigma * z);
    const arrows = x.map(one => (one * one + c) * (one - theta) / sigma ** 2);
    const deviation = b => {
      const level = theta ** 2 + b;
      return Math.sqrt((level / sigma) ** 2 + 6 * level + 8 * theta ** 2 + 15 * sigma ** 2);
    };
    const best = -(theta ** 2) - 3 * sigma ** 2;
    return {
      x, arrows, mean: arrows.reduce((sum, one) => sum + one) / N, gradient: 2 * theta,
      one: deviation(c), averaged: deviation(c) / Math.sqrt(N),
      best, bestOne: deviation(best), bestAveraged: deviation(best) / Math.sqrt(N),
    };
  };

  const text = (x, y, words, more = "") => `<text x="${x}" y="${y}" ${more}>${words}</text>`;
  const round = (x, digits = 1) => (x < -0.5 / 10 ** digits ? "−" : "") + Math.abs(x).toFixed(digits);
  const most = 16, at = gradient => 200 + 11.8 * Math.max(-most, Math.min(most, gradient));
  const [left, right] = [at(-most), at(most)];

  // From 0 to a length; a second head says that it is longer than the picture is wide.
  const arrow = (y, length, size, colour) => {
    const end = at(length), way = Math.sign(length), head = Math.min(1.6 * size, Math.abs(end - 200));
    const tip = x => `<path class="${colour}" d="M${x} ${y}l${-way * head} ${-size}v${2 * size}z"/>`;
    const beyond = Math.abs(length) > most ? tip(end - way * 1.2 * head) : "";
    return `<path class="line ${colour}" d="M200 ${y}H${end - way * head}"/>` + tip(end) + beyond;
  };
  const sign = length => length < 0 ? "orange" : "blue";

  const band = (y, height, middle, half, kind) =>
    `<rect class="${kind}" x="${at(middle - half)}" y="${y}" width="${at(middle + half) - at(middle - half)}" height="${height}"/>`;

  const curve = ({ c }, n) => {
    const X = x => 63 + 54 * (x + 1.5), Y = f => 96 - 2.8 * f, points = [];
    for (let x = -2.5; x <= 4.5; x += 0.05) if (x * x + c <= 27) points.push(`${X(x).toFixed(1)} ${Y(x * x + c).toFixed(1)}`);
    const constant = c === 0 ? "" : c > 0 ? ` + ${c}` : ` − ${-c}`;
    return `<path class="axis" d="M10 ${Y(0)}H390M${X(theta)} 22V${Y(-8)}"/><path class="curve" d="M${points.join("L")}"/>` +
      n.x.map((x, i) => `<circle class="${sign(n.arrows[i])}" cx="${X(x)}" cy="${Y(x * x + c)}" r="4"/>`).join("") +
      text(10, 14, `f(x) = x²${constant}`, 'class="strong"') + text(X(theta), 14, "θ = 1", 'class="middle small"') +
      text(388, Y(0) + 14, "x", 'class="end small"') + text(X(0), Y(0) + 14, "0", 'class="middle small"');
  };

  const draw = () => {
    const inputs = [...box.querySelectorAll("input")];
    const state = Object.fromEntries(inputs.map(input => [input.name, Number(input.value)]));
    const n = box.numbers(state), N = state.N, step = Math.min(11, 126 / N);
    const rows = [...n.arrows.keys()].sort((i, j) => n.x[j] - n.x[i]);
    box.querySelector("svg").innerHTML = curve(state, n) +
      text(left, 140, "each f(x) · score, rightmost x on top", 'class="small"') +
      text(right, 140, "shaded: typical error", 'class="small end"') +
      band(146, 132, n.gradient, n.one, "band") + band(146, 132, n.gradient, n.bestOne, "before") +
      band(300, 22, n.gradient, n.averaged, "band") + band(300, 22, n.gradient, n.bestAveraged, "before") +
      `<path class="axis" d="M${left} 368H${right}M200 146V278M200 300V322M200 342V374"/>` +
      `<path class="line ink" d="M${at(n.gradient)} 146V278M${at(n.gradient)} 300V322"/>` +
      rows.map((i, k) => arrow(149 + step * (k + 0.5), n.arrows[i], Math.min(4, step / 2), sign(n.arrows[i]))).join("") +
      text(left, 294, `mean of ${N}: ${round(n.mean, 2)}`, 'class="strong"') + arrow(311, n.mean, 8, sign(n.mean)) +
      text(left, 338, `gradient: ${n.gradient}`, 'class="strong"') + arrow(351, n.gradient, 8, "blue") +
      [-15, -10, -5, 0, 5, 10, 15].map(one => text(at(one), 388, round(one, 0), 'class="middle small"') + `<path class="axis" d="M${at(one)} 364v8"/>`).join("");
    const wrong = n.arrows.filter(one => one < 0).length;
    box.querySelector("[role=status]").textContent =
      (N === 1 ? `The arrow points ${wrong ? "against" : "along"}` : `${wrong} of ${N} arrows ${wrong === 1 ? "points" : "point"} against`) +
      ` the gradient, which is ${n.gradient}. One arrow is typically off by ${round(n.one)}` + (N === 1 ? "" : `, the mean of ${N} by ${round(n.averaged)}`) +
      ` (here by ${round(Math.abs(n.mean - n.gradient))}). ` + (Math.abs(n.best - state.c) < 1e-9 ? "No other constant does better." :
        `With the best constant, c = ${round(n.best, 2).replace(".00", "")}: by ${round(n.bestOne)}${N === 1 ? "" : ` and ${round(n.bestAveraged)}`}.`);
    inputs.forEach(input => { input.labels[0].querySelector("b").textContent = input.value.replace("-", "−"); });
  };

  box.classList.add("live");
  box.addEventListener("input", draw);
  draw();
}
