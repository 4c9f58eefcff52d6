// REINFORCE on the short corridor, one episode an update: the run on the curve J(p), and what each kind of step pushed.
{
  const box = document.getElementById("corridor-run");
  const J = p => (2 * p - 4) / (p * (1 - p));
  const longest = 1000;

  // A step right gives the score 1 - p, a step left -p; each is weighted by G, minus the number of steps to come.
  box.numbers = ({ start, k, updates }) => {
    let theta = Math.log(start / (1 - start)), random = 5;
    const pushes = [0, 0], steps = [0, 0], path = [start];
    for (let update = 0; update < updates; update++) {
      const p = path[update], actions = [];
      for (let state = 0; state < 3 && actions.length < longest;) {
        random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
        const action = random / 2 ** 32 < p ? 1 : 0;
        const forward = state === 1 ? 1 - action : action;
        state = Math.max(0, state + (forward ? 1 : -1));
        actions.push(action);
      }
      actions.forEach((action, t) => {
        const push = 2 ** k * (t - actions.length) * (action - p);
        theta += push;
        pushes[action] += push;
        steps[action] += 1;
      });
      path.push(1 / (1 + Math.exp(-theta)));
    }
    const p = path[updates], slope = 2 / (p * (1 - p)) - J(p) * (1 - 2 * p) / (p * (1 - p));
    return { path, J: path.map(J), gradient: slope * p * (1 - p), slope, pushes, steps, best: 2 - Math.SQRT2 };
  };

  const text = (x, y, words, more = "") => `<text x="${x}" y="${y}" ${more}>${words}</text>`;
  const round = (x, digits = 2) => (x < -0.5 / 10 ** digits ? "−" : "") + Math.abs(x).toFixed(digits);
  const signed = x => (x >= 0.0005 ? "+" : "") + round(x, 3);
  const X = p => 48 + 342 * p, Y = value => Math.min(156, 20 - 3 * (value + 10)), Z = update => 204 + 0.8 * update;

  const curve = n => {
    const points = [], p = n.path.at(-1);
    for (let q = 0.075; q < 0.966; q += 0.005) if (J(q) > -55) points.push(`${X(q).toFixed(1)} ${Y(J(q)).toFixed(1)}`);
    const long = Math.hypot(342, 3 * n.slope), way = Math.sign(n.slope), dx = 342 / long, dy = -3 * n.slope / long;
    return `<path class="axis" d="M48 10V160H390M48 196V284"/><path class="curve" d="M${points.join("L")}"/>` +
      `<path class="line ink" d="M${X(n.best)} 18V160M${X(n.best)} 196V284"/>` +
      `<path class="line blue" d="M${X(p) - 16 * way * dx} ${Y(n.J.at(-1)) - 16 * way * dy}l${64 * way * dx} ${64 * way * dy}"/>` +
      n.path.map((q, i) => `<circle class="blue" cx="${X(q)}" cy="${Y(n.J[i])}" r="2.5"/>`).join("") +
      `<circle class="blue drawn" cx="${X(p)}" cy="${Y(n.J.at(-1))}" r="6"/>`;
  };

  const bar = (y, words, push, mark) =>
    text(4, y + 11, words, 'class="small"') + text(170, y + 11, signed(push), 'class="end small"') +
    `<rect class="${push < 0 ? "orange" : "blue"} ${mark}" x="${Math.min(282, 282 + 5 * push)}" y="${y}" width="${5 * Math.abs(push)}" height="13"/>`;

  const sentence = ({ start, updates }, n, sum) => {
    const p = n.path.at(-1), [first, last] = [round(n.J[0], 1), round(n.J.at(-1), 1)];
    if (!updates) return `Before the first update p is ${round(p)} and J is ${first}. The gradient in θ, ${round(n.gradient, 1)}, says: more ${n.gradient > 0 ? "right" : "left"}.`;
    const J = first === last ? `is again ${last}, to one decimal` : `${n.J.at(-1) > n.J[0] ? "climbs" : "falls"} from ${first} to ${last}`;
    const [left, right] = n.steps.map((many, i) => `${many} step${many === 1 ? "" : "s"} ${i ? "right" : "left"}`);
    return `All returns are negative: ${right} pushed θ down by ${round(-n.pushes[1], 3)}, ${left} up by ${round(n.pushes[0], 3)}. ` +
      `Together ${signed(sum)}: p goes from ${round(start, 3)} to ${round(p, 3)}, and J ${J}.`;
  };

  const draw = () => {
    const inputs = [...box.querySelectorAll("input")];
    const state = Object.fromEntries(inputs.map(input => [input.name, Number(input.value)]));
    const n = box.numbers(state), p = n.path.at(-1), sum = Number(n.pushes[0].toFixed(3)) + Number(n.pushes[1].toFixed(3));
    box.querySelector("svg").innerHTML = curve(n) +
      [-10, -20, -30, -40, -50].map(value => text(44, Y(value) + 4, round(value, 0), 'class="end small"')).join("") +
      [0, 0.25, 0.5, 0.75, 1].map(q => text(X(q), 175, q, 'class="middle small"')).join("") +
      text(X(n.best), 12, "best: 2 − √2", 'class="middle small"') +
      text(X(0.5), 191, "p, probability of right", 'class="middle small"') +
      text(-85, 12, "J, expected return", 'class="middle small" transform="rotate(-90)"') +
      text(-242, 12, "update", 'class="middle small" transform="rotate(-90)"') +
      text(44, Z(0) + 4, 0, 'class="end small"') + text(44, Z(100) + 4, 100, 'class="end small"') +
      `<path class="line blue" d="M${n.path.map((q, i) => `${X(q).toFixed(1)} ${Z(i).toFixed(1)}`).join("L")}"/>` +
      `<circle class="blue drawn" cx="${X(p)}" cy="${Z(state.updates)}" r="6"/>` +
      text(4, 310, "pushes on θ so far", 'class="strong"') + `<path class="axis" d="M282 314V372"/>` +
      bar(317, "by steps right", n.pushes[1], "") + bar(336, "by steps left", n.pushes[0], "") + bar(355, "together", sum, "drawn");
    box.querySelector("[role=status]").textContent = sentence(state, n, sum);
    inputs.forEach(input => {
      input.labels[0].querySelector("b").textContent = input.name === "k" ? `1/${2 ** -state.k}` : input.value;
    });
  };

  box.classList.add("live");
  box.addEventListener("input", draw);
  draw();
}
