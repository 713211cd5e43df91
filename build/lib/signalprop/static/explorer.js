// Draws the laws that signalprop.explorer.table computes: see there for how they are kept.
function draw(root, data) {
  const TOPS = [[1.5, 0.5], [2, 0.5], [3, 0.5], [5, 1], [10, 2], [20, 5], [50, 10], [100, 20], [200, 50]];
  const EXPONENTS = [-4, -3, -2, -1, 0, 1, 2];  // of the densities shown
  const MARGIN = {left: 58, right: 52, top: 14, bottom: 44};
  const NAMES = {gaussian: "Gaussian", relu: "ReLU"};

  const plain = name => NAMES[name] || name.replaceAll("_", " ");
  const short = (x, digits = 3) => String(Number(x.toPrecision(digits)));
  function inText(x, digits = 3) {
    if (x === 0 || x >= 0.001) return short(x, digits);
    const [mantissa, exponent] = x.toExponential(digits - 1).split("e-");
    return `${mantissa} × 10<sup>\u2212${exponent}</sup>`;
  }
  const option = (name, index) => `<option value="${index}">${plain(name)}</option>`;
  root.innerHTML = `
    <div class="controls">
      <label>activation
        <select name="activation">${data.activations.map(a => option(a.name)).join("")}</select></label>
      <label>weights <select name="weights">${data.weights.map(w => option(w)).join("")}</select></label>
      <label>depth <input name="depth" type="range" min="0" max="${data.depths.length - 1}">
        <span aria-hidden="true"></span></label>
      <label>q* <input name="q_star" type="range" min="0" max="0"><span aria-hidden="true"></span></label>
    </div>
    <svg role="img" aria-label="Density of the singular values, and their atoms"></svg>
    <p role="status"></p>`;
  const find = selector => root.querySelector(selector);
  const svg = find("svg"), controls = find(".controls");
  const [activation, weights, depth, qStar] =
    ["activation", "weights", "depth", "q_star"].map(name => find(`[name=${name}]`));

  function add(parent, tag, attributes, text = "") {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const name in attributes) node.setAttribute(name, attributes[name]);
    node.textContent = text;
    return parent.appendChild(node);
  }

  // The setting in words, and the law there.
  function read() {
    const entry = data.activations[activation.selectedIndex], free = !entry.q_star.length;
    const i = free ? 0 : Number(qStar.value);
    const q = free ? "any" : entry.q_star[i] < 1 ? `1/${short(1 / entry.q_star[i])}` : short(entry.q_star[i]);
    const [sMax, variance, atoms, low, high, digits] =
      entry.laws[i][weights.selectedIndex][Number(depth.value)];
    return {name: plain(entry.name), weights: plain(data.weights[weights.selectedIndex]), free, q,
            depth: data.depths[depth.value], sigmaW2: entry.sigma_w2[i], sigmaB2: entry.sigma_b2[i],
            sMax, variance, atoms, low, high, curve: digits ? curve(low, high, digits) : []};
  }

  function curve(low, high, digits) {
    const base = data.digits.length, [floor, ceiling] = data.decades, n = digits.length / 2;
    return Array.from({length: n}, (_, k) => {
      const level = base * data.digits.indexOf(digits[2 * k]) + data.digits.indexOf(digits[2 * k + 1]);
      return [low + (high - low) * (1 - Math.cos((k + 0.5) * Math.PI / n)) / 2,
              floor + (ceiling - floor) * level / (base * base - 1)];
    });
  }

  function plot(law) {
    const width = Math.max(280, controls.clientWidth), height = Math.min(380, 200 + width / 4);
    const right = width - MARGIN.right, bottom = height - MARGIN.bottom;
    const [end, step] = TOPS.find(([top]) => top >= 1.12 * law.sMax) || TOPS.at(-1);
    const least = EXPONENTS[0], most = EXPONENTS.at(-1);
    const x = s => MARGIN.left + s / end * (right - MARGIN.left);
    const y = exponent => bottom - (exponent - least) / (most - least) * (bottom - MARGIN.top);
    const share = mass => bottom - mass * (bottom - MARGIN.top);
    svg.replaceChildren();
    for (const [name, value] of [["width", width], ["height", height], ["viewBox", `0 0 ${width} ${height}`]])
      svg.setAttribute(name, value);

    for (let s = 0; s <= end + 1e-9; s += step) {
      add(svg, "path", {class: "grid", d: `M${x(s)},${MARGIN.top}V${bottom}`});
      add(svg, "text", {x: x(s), y: bottom + 18, "text-anchor": "middle"}, short(s));
    }
    for (const exponent of EXPONENTS) {
      add(svg, "path", {class: "grid", d: `M${MARGIN.left},${y(exponent)}H${right}`});
      const label = add(svg, "text", {x: MARGIN.left - 7, y: y(exponent) + 5, "text-anchor": "end"}, "10");
      add(label, "tspan", {dy: -5, "font-size": 10}, String(exponent).replace("-", "\u2212"));
    }
    for (const mass of [0, 0.5, 1])
      add(svg, "text", {x: right + 7, y: share(mass) + 4}, mass);
    add(svg, "text", {x: x(end / 2), y: height - 6, "text-anchor": "middle"}, "singular value s");
    for (const [at, text] of [[13, "density"], [width - 5, "mass of an atom"]])
      add(svg, "text", {transform: `translate(${at} ${(MARGIN.top + bottom) / 2}) rotate(-90)`,
                        "text-anchor": "middle"}, text);

    if (law.curve.length) {
      const points = law.curve.map(([s, exponent]) => `${x(s).toFixed(1)},${y(exponent).toFixed(1)}`);
      const inside = add(svg, "svg", {x: MARGIN.left, y: MARGIN.top, width: right - MARGIN.left,
        height: bottom - MARGIN.top, viewBox: `${MARGIN.left} ${MARGIN.top} ${right - MARGIN.left} ${bottom - MARGIN.top}`});
      add(inside, "path", {class: "curve",
        d: `M${x(law.low)},${bottom}L${points.join("L")}L${x(law.high)},${bottom}`});
    }
    add(svg, "path", {class: "frame", d: `M${MARGIN.left},${MARGIN.top}V${bottom}H${right}V${MARGIN.top}`});

    const roomy = x(law.sMax) + 100 < right;  // for the name of the line, to its right
    const side = after => ({dx: after ? 9 : -9, "text-anchor": after ? "start" : "end"});
    add(svg, "path", {class: "mark", d: `M${x(law.sMax)},${MARGIN.top}V${bottom}`});
    for (const [s, mass] of law.atoms) {
      add(svg, "path", {class: "stem", d: `M${x(s)},${bottom}V${share(mass)}`});
      add(svg, "circle", {class: "stem", cx: x(s), cy: share(mass), r: 3.5});
      add(svg, "text", {class: "stem over", x: x(s), y: Math.min(share(mass) + 5, bottom - 6),
                        ...side(s === 0 || !roomy)}, short(mass));
    }
    const name = add(svg, "text", {class: "over", x: x(law.sMax), y: MARGIN.top + 12, ...side(roomy)}, "s");
    add(name, "tspan", {dy: 3, "font-size": 10}, "max");
    add(name, "tspan", {dy: -3}, ` = ${short(law.sMax)}`);
  }

  function tell(law) {
    const setting = law.free ? "any q*" : `q* = ${law.q}`;
    const atoms = law.atoms.map(([s, mass]) => `${inText(mass)} at s = ${short(s, 4)}`);
    const text =
      `<b>${law.name}, ${law.weights} weights, depth ${law.depth}, ${setting}:</b>
       s<sub>max</sub> = ${short(law.sMax, 4)}, variance of s² = ${inText(law.variance)},
       ${atoms.length ? `atoms: ${atoms.join(" and ")}` : "no atoms"}.
       (σ<sub>w</sub>² = ${short(law.sigmaW2, 4)}, σ<sub>b</sub>² = ${inText(law.sigmaB2)})`;
    find("p").innerHTML = text.replaceAll(" = ", "\u00a0=\u00a0");  // numbers stay with their names
    for (const [input, value] of [[depth, String(law.depth)], [qStar, law.q]]) {
      input.nextElementSibling.textContent = value;
      input.setAttribute("aria-valuetext", value);
    }
  }

  function update() {
    const law = read();
    plot(law);
    tell(law);
  }

  // The knob of q* stands still where it changes nothing, and stays where it was put elsewhere.
  function choose() {
    const {q_star} = data.activations[activation.selectedIndex];
    qStar.disabled = !q_star.length;
    if (q_star.length) qStar.max = q_star.length - 1;
    update();
  }

  qStar.max = Math.max(...data.activations.map(a => a.q_star.length)) - 1;
  for (const input of [depth, qStar]) input.value = Math.round(input.max / 2);
  activation.addEventListener("input", choose);
  for (const input of [weights, depth, qStar]) input.addEventListener("input", update);
  choose();
  let drawn = 0;  // plotted again whenever the width changes, the first time when it is known
  new ResizeObserver(() => {
    if (drawn !== controls.clientWidth) plot(read());
    drawn = controls.clientWidth;
  }).observe(controls);
}
