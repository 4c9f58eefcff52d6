// One update, theta + eta G score, of a policy with three actions: a softmax of three logits, and exp(alpha + beta a).
{
  const box = document.getElementById("one-update");
  const eta = 0.2;

  // Both policies begin with three probabilities of 1/3.
  box.numbers = ({ action, G }) => {
    const logits = [0, 1, 2].map(a => eta * G * ((a === action) - 1 / 3));
    const weights = logits.map(Math.exp);
    const total = weights.reduce((sum, weight) => sum + weight);
    const alpha = -Math.log(3) + eta * G, beta = eta * G * action;
    const printedLogits = [0, 1, 2].map(a => alpha + beta * a);
    const printed = printedLogits.map(Math.exp);
    return {
      logits, probabilities: weights.map(weight => weight / total),
      printedLogits, printed, printedSum: printed.reduce((sum, one) => sum + one),
    };
  };

  const text = (x, y, words, more = "") => `<text x="${x}" y="${y}" ${more}>${words}</text>`;
  const round = (x, digits = 2) => (x < -0.5 / 10 ** digits ? "−" : "") + Math.abs(x).toFixed(digits);

  // A column of the picture: bars of pi(a) above, of the changes of its exponents below.
  const column = (x, title, sum, probabilities, changes, unit, action, colour) => {
    let svg = text(x + 85, 16, title, 'class="strong middle"') + text(x + 85, 34, `sum ${round(sum)}`, 'class="middle"');
    svg += `<path class="axis" d="M${x} 160h170M${x} 224h170"/>`;
    for (const a of [0, 1, 2]) {
      const left = x + 12 + 54 * a, height = Math.min(105, 75 * probabilities[a]);
      const change = unit * changes[a];
      const mark = a === action ? "drawn" : "";
      svg += `<rect class="${colour} ${mark}" x="${left}" y="${160 - height}" width="38" height="${height}"/>`;
      svg += `<rect class="before" x="${left - 3}" y="135" width="44" height="25"/>`;
      svg += text(left + 19, 154 - Math.max(25, height), (height === 105 ? "▲ " : "") + round(probabilities[a]), 'class="middle small"');
      svg += `<rect class="${colour} ${mark}" x="${left}" y="${224 - Math.max(0, change)}" width="38" height="${Math.abs(change)}"/>`;
      svg += text(left + 19, 174, a, 'class="middle"');
      svg += text(left + 19, 270, (changes[a] > 0 ? "+" : "") + round(changes[a]), 'class="middle small"');
    }
    return svg;
  };

  const sentence = (action, G, n) => {
    if (G === 0) return "A return of 0 changes nothing, in either policy.";
    const [moves, others] = G > 0 ? ["rises", "fall"] : ["falls", "rise"];
    return `Action ${action} returned ${String(G).replace("-", "−")}. In the softmax its probability ${moves} to ` +
      `${round(n.probabilities[action])} and the others ${others}; the changes of the logits sum to 0. ` +
      `As printed, all three numbers ${G > 0 ? "rise" : "fall"} and sum to ${round(n.printedSum)}: they are no longer probabilities.`;
  };

  const draw = () => {
    const inputs = [...box.querySelectorAll("input")];
    const { action, G } = Object.fromEntries(inputs.map(input => [input.name, Number(input.value)]));
    const n = box.numbers({ action, G }), changes = n.printedLogits.map(h => h + Math.log(3));
    const unit = 30 / Math.max(1, ...changes.map(Math.abs));
    box.querySelector("svg").innerHTML =
      column(20, "softmax", 1, n.probabilities, n.logits, unit, action, "blue") +
      column(220, "exp(α + βa), as printed", n.printedSum, n.printed, changes, unit, action, "orange") +
      text(-105, 13, "π(a)", 'class="middle small" transform="rotate(-90)"') +
      text(-221, 13, "+ to exponent", 'class="middle small" transform="rotate(-90)"');
    box.querySelector("[role=status]").textContent = sentence(action, G, n);
    inputs.forEach(input => { input.labels[0].querySelector("b").textContent = input.value.replace("-", "−"); });
  };

  box.classList.add("live");
  box.addEventListener("input", draw);
  draw();
}
