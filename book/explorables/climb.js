// Expected reward J of pi(a) = exp(beta a) / Z, and 100 average updates of beta: reward x score, and reward x action.
{
  const box = document.getElementById("climb");
  const rewards = [3, 2, 1], actions = [0, 1, 2], eta = 0.1, seconds = 4;

  const mean = (beta, f) => {
    const weights = actions.map(a => Math.exp(beta * (a - 1)));
    const total = weights.reduce((sum, weight) => sum + weight);
    return actions.reduce((sum, a) => sum + weights[a] / total * f(a), 0);
  };
  const J = beta => mean(beta, a => rewards[a]);
  const walk = direction => {
    const path = [0];
    while (path.length <= 100) path.push(path.at(-1) + eta * direction(path.at(-1)));
    return path;
  };
  const walks = {
    score: walk(beta => mean(beta, a => rewards[a] * (a - mean(beta, b => b)))),
    printed: walk(beta => mean(beta, a => rewards[a] * a)),
  };
  box.numbers = ({ update }) => ({
    score: walks.score[update], scoreJ: J(walks.score[update]),
    printed: walks.printed[update], printedJ: J(walks.printed[update]),
  });

  // The hill is seen from beta = -3.5 to 5; a walker who has left it stands at its edge.
  const x = beta => 20 + 43 * (Math.min(5, beta) + 3.5), y = value => 190 - 75 * (value - 1);
  const trail = path => path.map((beta, i) => `${i ? "L" : "M"}${x(beta).toFixed(1)} ${y(J(Math.min(5, beta))).toFixed(1)}`).join("");
  const hill = trail(Array.from({ length: 86 }, (_, i) => -3.5 + i / 10));
  const text = (left, top, words, kind = "small") => `<text x="${left}" y="${top}" class="${kind}">${words}</text>`;
  const show = (update, say) => {
    const n = box.numbers({ update });
    const printedX = x(n.printed), [words, width] = n.printed > 5 ? ["reward × action →", 112] : ["reward × action", 96];
    box.querySelector("svg").innerHTML =
      `<path class="axis" d="M20 40H386M20 190H386"/>` +
      text(386, 34, "3: always the best action", "small end") + text(20, 206, "1: always the worst action") +
      text(386, 222, "parameter β →", "small end") + text(20, 18, "expected reward J(β)", "strong") +
      `<path class="hill" d="${hill}V190H20Z"/>` +
      `<path class="line blue" d="${trail(walks.score.slice(0, update + 1))}"/>` +
      `<path class="line orange" d="${trail(walks.printed.slice(0, update + 1))}"/>` +
      `<circle class="start" cx="${x(0)}" cy="${y(2)}" r="4"/>` +
      `<circle class="blue" cx="${x(n.score)}" cy="${y(n.scoreJ)}" r="8"/>` +
      `<rect class="orange" x="${printedX - 7}" y="${y(J(Math.min(5, n.printed))) - 7}" width="14" height="14"/>` +
      text(Math.max(112, x(n.score)), y(n.scoreJ) + 32, "reward × score", "small end") +
      text(Math.min(390 - width, printedX + 14), y(J(Math.min(5, n.printed))) - 14, words);
    box.querySelector("label b").textContent = update;
    box.querySelector("input").value = update;
    if (say) {
      box.querySelector("[role=status]").textContent = update === 0
        ? "Before the first update all three actions are equally likely, and the expected reward is 2."
        : `After ${update} update${update > 1 ? "s" : ""} reward × score has climbed from 2 to ${n.scoreJ.toFixed(2)}; ` +
          `reward × action, as printed, has gone down to ${n.printedJ.toFixed(2)}.`;
    }
  };

  let frame = 0;
  const play = () => {
    cancelAnimationFrame(frame);
    const start = performance.now();
    box.querySelector("[role=status]").textContent = "Both walkers are on their way.";
    const step = now => {
      const update = Math.min(100, Math.max(0, Math.round((now - start) / seconds / 10)));
      show(update, update === 100);
      if (update < 100) frame = requestAnimationFrame(step);
    };
    frame = requestAnimationFrame(step);
  };
  box.addEventListener("input", event => { cancelAnimationFrame(frame); show(Number(event.target.value), true); });
  box.querySelector("button").addEventListener("click", play);
  box.classList.add("live");
  show(100, true);
  // It walks once, when it is first seen, unless the reader has asked for pages that do not move.
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) {
    const seen = new IntersectionObserver(([entry]) => { if (entry.isIntersecting) { seen.disconnect(); play(); } });
    seen.observe(box.querySelector("svg"));
  }
}
