// Support that moves: x is uniform on (0, theta) and pays x^k. What the score sees when theta grows by h, and what not.
{
  const box = document.getElementById("moving-support");
  const uniform = [0.03, 0.13, 0.19, 0.31, 0.38, 0.44, 0.57, 0.62, 0.71, 0.79, 0.88, 0.97]; // drawn once

  box.numbers = ({ theta, k, h }) => {
    const mean = end => end ** k / (k + 1);
    const along = (count, from, to, end) => Array.from({ length: count + 1 }, (_, i) => (from + (to - from) * i / count) ** k / end);
    const score = -1 / theta, trick = score * mean(theta), edge = theta ** k / theta;
    return {
      samples: uniform.map(u => theta * u), score, trick, edge, slope: k * theta ** (k - 1) / (k + 1), before: mean(theta), after: mean(theta + h),
      // payoff times density, below theta and in the new strip beyond
      now: along(20, 0, theta, theta), then: along(20, 0, theta, theta + h), strip: along(10, theta, theta + h, theta + h),
    };
  };

  const text = (x, y, words, more = "") => `<text x="${x}" y="${y}" ${more}>${words}</text>`;
  const round = (x, digits = 2) => (x < -0.5 / 10 ** digits ? "−" : "") + Math.abs(x).toFixed(digits);
  const base = 190, X = x => 20 + 130 * x, Y = y => base - 52 * y;
  const payoffs = ["1", "x", "x²"];

  // The curve through heights that stand evenly between two places.
  const curve = (heights, from, to) => heights.map((y, i) => `${X(from + (to - from) * i / (heights.length - 1))} ${Y(y)}`);

  const areas = (theta, k, h, n) => {
    const now = curve(n.now, 0, theta), then = curve(n.then, 0, theta), strip = curve(n.strip, theta, theta + h);
    return '<pattern id="moving-support-hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">' +
      '<rect class="orange" width="2.5" height="6"/></pattern>' +
      `<path fill="url(#moving-support-hatch)" d="M${now.join("L")}L${then.reverse().join("L")}z"/>` +
      `<path class="blue" d="M${X(theta)} ${base}L${strip.join("L")}V${base}z"/>` +
      `<path class="before" d="M${then.reverse().concat(strip).join("L")}V${base}"/>` +
      `<path class="outline" fill="none" d="M20 ${base}L${now.join("L")}V${base}"/><path class="axis" d="M20 ${base}h360"/>` +
      n.samples.map(x => `<circle class="dot" cx="${X(x)}" cy="${base}" r="3"/>`).join("") +
      text(4, 14, `payoff × density, where the payoff is f(x) = ${payoffs[k]}`, 'class="strong"') +
      '<rect fill="url(#moving-support-hatch)" x="20" y="26" width="16" height="12"/>' + text(42, 37, "lost inside: the score sees it") +
      '<rect class="blue" x="20" y="46" width="16" height="12"/>' + text(42, 57, "gained at the edge: no sample (dot) falls here") +
      text(X(theta), base + 18, "θ", 'class="end"') + text(X(theta + h), base + 18, "θ + h") + text(20, base + 18, "0", 'class="middle"');
  };

  const bar = (y, name, value, style) => text(4, y + 13, name) +
    `<rect ${style} x="${225 + 65 * Math.min(0, value)}" y="${y}" width="${65 * Math.abs(value)}" height="16"/>` +
    text(225 + 65 * value + (value < 0 ? -5 : 5), y + 13, round(value), value < 0 ? 'class="end"' : "");

  const sentence = (theta, k, h, n) => {
    const change = k === 0 ? `stays at ${round(n.after)}` : `rises from ${round(n.before)} to ${round(n.after)}`;
    return `As θ goes from ${round(theta, 1)} to ${round(theta + h, 1)}, the mean of f(x) = ${payoffs[k]} ${change}. Its slope at ` +
      `θ = ${round(theta, 1)} is ${round(n.slope)} in truth. The trick gives ${round(n.trick)}: what is gained at the edge is not in it. ` +
      `The mean of the score is ${round(n.score)}, and not 0.`;
  };

  const draw = () => {
    const inputs = [...box.querySelectorAll("input")];
    const { theta, k, h } = Object.fromEntries(inputs.map(input => [input.name, Number(input.value)]));
    const n = box.numbers({ theta, k, h });
    box.querySelector("svg").innerHTML = areas(theta, k, h, n) +
      bar(228, "the trick", n.trick, 'class="outline" fill="url(#moving-support-hatch)"') +
      bar(252, "+ the edge", n.edge, 'class="blue"') + bar(276, "= true slope", n.slope, 'class="blue drawn"') +
      '<path class="axis" d="M225 222v76"/>';
    box.querySelector("[role=status]").textContent = sentence(theta, k, h, n);
    inputs.forEach(input => { input.labels[0].querySelector("b").textContent = input.value; });
  };

  box.classList.add("live");
  box.addEventListener("input", draw);
  draw();
}
