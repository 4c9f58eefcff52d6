// A baseline b subtracted from the reward of a bandit with two arms: the variance of one sample of the gradient.
{
  const box = document.getElementById("baseline");

  // Arm 1 is drawn with probability p and pays 1, arm 0 pays r0. A sample is (reward - b) times the score, arm - p.
  box.numbers = ({ b, p, r0 }) => {
    const draws = [{ chance: 1 - p, reward: r0, score: -p }, { chance: p, reward: 1, score: 1 - p }];
    const expect = f => draws.reduce((sum, one) => sum + one.chance * f(one), 0);
    const mean = expect(one => one.reward * one.score);
    const variance = base => expect(one => ((one.reward - base) * one.score - mean) ** 2);
    const V = expect(one => one.reward);
    return {
      samples: draws.map(one => (one.reward - b) * one.score), mean,
      variance: variance(b), without: variance(0), V, withV: variance(V),
      best: expect(one => one.reward * one.score ** 2) / expect(one => one.score ** 2),
      curve: Array.from({ length: 41 }, (_, i) => variance(i / 40)),
    };
  };

  const text = (x, y, words, more = "") => `<text x="${x}" y="${y}" ${more}>${words}</text>`;
  const ring = (x, y, r, style) => `<circle class="${style}" cx="${x}" cy="${y}" r="${r}"/>`;
  const round = x => Math.abs(x) < 1e-12 ? "0" : String(Number(x.toPrecision(3)));
  const top = 0.1, X = b => 50 + 330 * b, Y = v => 180 - 1300 * Math.min(v, top), S = x => 200 + 170 * x;

  // Above: the variance against b.
  const parabola = (n, b) => {
    const points = n.curve.map((v, i) => [X(i / 40), v]).filter(([, v]) => v <= top);
    let svg = text(4, 14, "variance of one sample", 'class="strong"') + text(240, 198, "baseline b", 'class="middle"') +
      text(44, 198, "0: no baseline", 'class="small"') + text(380, 198, "1", 'class="small middle"') +
      '<path class="axis" d="M50 50v130h330M50 115h-4M50 50h-4"/>';
    ["0", "0.05", "0.10"].forEach((v, i) => { svg += text(38, 184 - 65 * i, v, 'class="small end"'); });
    [["b*", n.best, 30], ["V", n.V, 46]].forEach(([name, at, y]) => {
      svg += `<path class="line ink" d="M${X(at)} 50V180"/>` + text(X(at), y, name, 'class="middle strong"');
    });
    svg += `<path class="line blue" d="M${points.map(([x, v]) => `${x} ${Y(v)}`).join("L")}"/>`;
    [[0, n.without, 8, "before"], [n.V, n.withV, 8, "before"], [b, n.variance, 5, "blue drawn"]].forEach(([at, v, r, style]) => {
      const alone = style === "before" || Math.min(b, Math.abs(b - n.V)) > 0.04;
      svg += ring(X(at), Y(v), r, style) + (v > top && alone ? text(X(at), 40, "▲", 'class="middle small"') : "");
    });
    return svg;
  };

  // Below: the two samples, the larger the likelier, and their mean.
  const samples = (n, p) => text(4, 234, "the two samples, and their mean", 'class="strong"') +
    `<path class="axis" d="M20 288h360M${S(0)} 284v8"/>` + text(S(0), 318, "0", 'class="middle small"') + `<path class="line ink" d="M${S(n.mean)} 262v44"/>` +
    text(S(n.mean), 256, `mean ${round(n.mean)}`, 'class="middle small"') +
    [["orange", 1 - p], ["blue", p]].map(([colour, chance], arm) =>
      ring(S(n.samples[arm]), 288, 14 * Math.sqrt(chance), `line ${colour}`) +
      text(S(n.samples[arm]), 336 + 16 * arm, `arm ${arm}`, `class="middle small ${colour}"`)).join("");

  const sentence = (b, p, r0, n) => {
    const variance = round(n.variance), without = round(n.without);
    const times = variance === without ? "as" : `${Number((n.variance / n.without).toPrecision(2))} times the ${without}`;
    const here = b === 0 ? `Without a baseline, b = 0, the variance is ${without}.` :
      `With b = ${round(b)} the variance is ${variance}` + (variance === "0" ? "." : `, ${times} without a baseline.`);
    return `p = ${round(p)}; arm 1 pays 1, arm 0 pays ${round(r0)}. ${here} With V = ${round(n.V)} it is ${round(n.withV)}, ` +
      `with b* = ${round(n.best)} it is 0. The mean is ${round(n.mean)} for every b.`;
  };

  const draw = () => {
    const inputs = [...box.querySelectorAll("input")];
    const { b, p, r0 } = Object.fromEntries(inputs.map(input => [input.name, Number(input.value)]));
    const n = box.numbers({ b, p, r0 });
    box.querySelector("svg").innerHTML = parabola(n, b) + samples(n, p);
    box.querySelector("[role=status]").textContent = sentence(b, p, r0, n);
    inputs.forEach(input => { input.labels[0].querySelector("b").textContent = input.value; });
  };

  box.classList.add("live");
  box.addEventListener("input", draw);
  draw();
}
