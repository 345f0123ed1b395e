// What every chart shares: elements, number formats, scales, axes, the tooltip and the chosen trial.

const data = JSON.parse(document.getElementById("data").textContent);

// JSON has no infinity: an infinite value comes as text.
for (const trial of data.trials ?? []) trial.metrics = trial.metrics.map((value) => (typeof value === "string" ? Number(value) : value));

function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function shape(name, attributes, parent) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (parent) parent.append(node);
  return node;
}

function label(text, x, y, anchor, parent, attributes = {}) {
  const node = shape("text", { x, y, "text-anchor": anchor, ...attributes }, parent);
  node.textContent = text;
  return node;
}

const ruler = document.createElement("canvas").getContext("2d");
function textWidth(text, size = 12) {
  ruler.font = `${size}px ${getComputedStyle(document.body).fontFamily}`;
  return ruler.measureText(text).width;
}

// The end of a long path says most: `…expand.conv`.
function clip(text, room) {
  if (textWidth(text) <= room) return text;
  let start = 1;
  while (start < text.length - 1 && textWidth(`…${text.slice(start)}`) > room) start++;
  return `…${text.slice(start)}`;
}

// Numbers: three significant digits and a unit, as a reader would say them.
const known = (value) => value !== null && value !== undefined && Number.isFinite(value);

function significant(value, digits = 3) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) {
    const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
    return `${Number(mantissa)}e${Number(exponent)}`;
  }
  return size >= 1000 ? String(Math.round(value)) : String(Number(value.toPrecision(digits)));
}

function prefixed(value, unit) {
  for (const [factor, prefix] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(value) >= factor * 0.9995) return `${Number((value / factor).toPrecision(3))} ${prefix}${unit}`;
  }
  return `${Number.isInteger(value) ? value : Number(value.toPrecision(3))}${unit ? " " + unit : ""}`;
}

// `step` is the distance of axis ticks: labels need no more digits than tell ticks apart.
function format(value, kind, step) {
  if (value === Infinity) return "∞";
  if (value === -Infinity) return "−∞";
  if (!known(value)) return "–";
  if (kind === "share") {
    const exact = (places) => Math.abs(step * 10 ** (places + 2) - Math.round(step * 10 ** (places + 2))) < 1e-6;
    const places = step ? [0, 1, 2, 3].find(exact) ?? 4 : 2;
    return `${(value * 100).toFixed(places)}%`;
  }
  if (kind === "count") return prefixed(value, "");
  if (kind === "bytes") return prefixed(value, "B");
  if (kind === "milliseconds") return `${significant(value)} ms`;
  if (kind === "microseconds") return `${significant(value)} µs`;
  if (kind === "seconds") {
    if (value >= 3600) return `${Math.floor(value / 3600)} h ${Math.round((value % 3600) / 60)} min`;
    if (value >= 120) return `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;
    return `${significant(value)} s`;
  }
  return significant(value);
}

function parameterText(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number" && !Number.isInteger(value)) return significant(value);
  return String(value);
}

// Scales map a value to a pixel; `ticks` are values with their text.
function linearScale(low, high, from, to, kind, pad = 0.04) {
  // Halves, as the distance of two huge values may be more than a number holds.
  const widen = (room) => { low = Math.max(low - room, -Number.MAX_VALUE); high = Math.min(high + room, Number.MAX_VALUE); };
  if (low === high) widen(Math.abs(low) * 0.1 || 1);
  widen((high / 2 - low / 2) * 2 * pad);
  const half = high / 2 - low / 2;
  const scale = (value) => from + ((value / 2 - low / 2) / half) * (to - from);
  scale.ticks = (count) => {
    const rough = (half / Math.max(count, 1)) * 2;
    const power = 10 ** Math.floor(Math.log10(rough));
    let step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough) ?? 10 * power;
    if (kind === "whole") step = Math.max(1, Math.round(step));
    const ticks = [];
    // Beyond 2^53 numbers have no next whole one: the count ends what the sum would not.
    for (let i = Math.ceil(low / step); i * step <= high && ticks.length < 50; i++) {
      const value = i * step;
      ticks.push([value, kind === "whole" ? String(value) : format(Number(value.toPrecision(12)), kind, step)]);
    }
    return ticks;
  };
  return scale;
}

function logScale(low, high, from, to, kind) {
  let a = Math.log(low), b = Math.log(high);
  const room = a === b ? Math.LN2 : (b - a) * 0.04;
  a -= room; b += room;
  const scale = (value) => from + ((Math.log(value) - a) / (b - a)) * (to - from);
  scale.ticks = (count) => {
    const at = (steps, skip) => {
      const ticks = [];
      for (let e = Math.floor(a / Math.LN10); e <= Math.ceil(b / Math.LN10); e++) {
        if (e % skip) continue;
        for (const m of steps) {
          const value = Number((m * 10 ** e).toPrecision(6));
          if (Math.log(value) >= a && Math.log(value) <= b) ticks.push([value, format(value, kind)]);
        }
      }
      return ticks;
    };
    const far = Math.ceil((b - a) / Math.LN10 / Math.max(count, 2));
    const dense = [[[1, 2, 5], 1], [[1, 3], 1], [[1], 1], [[1], 2], [[1], 3], [[1], Math.max(4, far)]].map(([steps, skip]) => at(steps, skip));
    const ticks = dense.find((list) => list.length <= Math.max(count, 2)) ?? [];
    // Little more than one factor: evenly spaced values say more than one power of ten.
    if (ticks.length >= 2) return ticks;
    return linearScale(Math.exp(a), Math.exp(b), from, to, kind, 0).ticks(Math.min(count, 5)).filter(([v]) => v > 0);
  };
  return scale;
}

function extent(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) if (known(value)) { low = Math.min(low, value); high = Math.max(high, value); }
  return low <= high ? [low, high] : null;
}

// A parameter along an axis, vertical or not: { name, of, scale, ticks }.
function parameterAxis(parameter, values, bottom, top, of) {
  const column = { name: parameter.name, of };
  if (parameter.scale === "categorical") {
    const keys = parameter.choices.map(String);
    const gap = (bottom - top) / Math.max(keys.length, 1);
    column.scale = (value) => bottom - gap * (keys.indexOf(String(value)) + 0.5);
    column.ticks = parameter.choices.map((value) => [value, String(value)]);
    return column;
  }
  const [low, high] = known(parameter.low) && known(parameter.high) ? [parameter.low, parameter.high] : extent(values) ?? [0, 1];
  const whole = values.every((value) => value === null || Number.isInteger(value));
  column.scale = parameter.scale === "log" && low > 0 ? logScale(low, high, bottom, top, "number")
    : linearScale(low, high, bottom, top, whole ? "whole" : "number");
  column.ticks = column.scale.ticks(5);
  return column;
}

// The frame of a chart: grid, ticks and axis titles. `box` is { left, right, top, bottom } in pixels.
function axes(parent, box, x, y, xTitle, yTitle) {
  const xCount = Math.max(2, Math.floor((box.right - box.left) / 75));
  const yCount = Math.max(3, Math.floor((box.bottom - box.top) / 55));
  for (const [value, text] of y.ticks(yCount)) {
    const at = y(value);
    shape("line", { class: "grid", x1: box.left, x2: box.right, y1: at, y2: at }, parent);
    label(text, box.left - 7, at + 4, "end", parent);
  }
  for (const [value, text] of x.ticks(xCount)) {
    const at = x(value);
    shape("line", { class: "grid", x1: at, x2: at, y1: box.top, y2: box.bottom }, parent);
    label(text, at, box.bottom + 17, "middle", parent);
  }
  shape("path", { class: "axis", fill: "none", d: `M${box.left},${box.top}V${box.bottom}H${box.right}` }, parent);
  label(xTitle, (box.left + box.right) / 2, box.bottom + 36, "middle", parent, { class: "title" });
  label(yTitle, box.left - 52, box.top - 12, "start", parent, { class: "title" });
}

// Redraws when the width changes; `draw(svg, width, height)` fills an empty drawing.
function chart(id, height, title, draw) {
  const holder = document.getElementById(id);
  let width = 0, waiting = false;
  const redraw = () => {
    waiting = false;
    width = Math.max(280, Math.floor(holder.clientWidth));
    const tall = typeof height === "function" ? height(width) : width < 520 ? Math.min(height, 300) : height;
    const drawing = shape("svg", { viewBox: `0 0 ${width} ${tall}`, height: tall, role: "img", "aria-label": title });
    holder.replaceChildren(drawing);
    draw(drawing, width, tall, holder);
  };
  const later = () => { if (!waiting) { waiting = true; requestAnimationFrame(redraw); } };
  new ResizeObserver(() => { if (Math.floor(holder.clientWidth) !== width) later(); }).observe(holder);
  redraw();
  return redraw;
}

function nothing(holder, text) {
  holder.replaceChildren(element("p", { class: "nothing" }, text));
}

// Marks differ in shape as well as in colour: disc, small disc, triangle, cross, and a diamond for what comes next.
const STATES = ["front", "complete", "pruned", "failed"];
const SHAPES = [...STATES, "next"];
const stateOf = (trial) => (trial.front ? "front" : trial.state);
const STATE_TEXT = { front: "on the front", complete: "complete", pruned: "stopped early", failed: "failed", running: "running", waiting: "waiting" };

function mark(state, x, y, parent) {
  const kind = SHAPES.includes(state) ? state : "complete";
  if (kind === "next") return shape("path", { class: "mark-next", d: `M${x},${y - 7}l6,7l-6,7l-6,-7z` }, parent);
  if (kind === "front") return shape("circle", { class: "mark-front", cx: x, cy: y, r: 5.5 }, parent);
  if (kind === "complete") return shape("circle", { class: "mark-complete", cx: x, cy: y, r: 3.5 }, parent);
  const d = kind === "pruned" ? `M${x},${y - 4.5}l4.5,8h-9z` : `M${x - 4},${y - 4}l8,8m0,-8l-8,8`;
  return shape("path", { class: `mark-${kind}`, d }, parent);
}

function legend(entries) {
  return element("ul", { class: "legend" }, ...entries.map(([state, text, pressed, toggle]) => {
    const sample = shape("svg", { width: 22, height: 14, "aria-hidden": "true" });
    if (state.startsWith("stroke-")) shape("path", { class: state, d: "M0,7H22" }, sample);
    else if (state === "band") shape("rect", { class: state, y: 1, width: 22, height: 12 }, sample);
    else mark(state, 11, 7, sample);
    if (!toggle) return element("li", {}, sample, text);
    return element("li", {}, element("button", { type: "button", "aria-pressed": String(pressed), onclick: toggle }, sample, text));
  }));
}

// Buttons of which one is pressed.
function choice(title, options, chosen, pick) {
  const group = element("span", { class: "switch", role: "group", "aria-label": title });
  options.forEach(([value, text]) => group.append(element("button", {
    type: "button", "aria-pressed": String(value === chosen),
    onclick: (event) => {
      for (const button of group.children) button.setAttribute("aria-pressed", String(button === event.currentTarget));
      pick(value);
    },
  }, text)));
  return group;
}

// A list to pick from; nothing when there is no choice.
function picker(title, options, chosen, pick) {
  if (options.length < 2) return null;
  const list = element("select", { onchange: () => pick(Number(list.value)) });
  options.forEach(([value, text]) => list.append(element("option", { value, selected: value === chosen }, text)));
  return element("label", {}, title, list);
}

// The tooltip and the trial that all charts highlight.
const tip = document.getElementById("tip");
const watchers = [];
let chosen = null;

function choose(number) {
  if (number === chosen) return;
  chosen = number;
  watchers.forEach((watcher) => watcher(number));
}

function describe(trial) {
  const entry = (name, text) => [element("dt", {}, name), element("dd", {}, text)];
  const metrics = data.metrics.flatMap((metric, i) =>
    trial.metrics[i] !== null ? entry(metric.label, format(trial.metrics[i], metric.kind)) : []);
  const active = data.parameters.flatMap((parameter, i) =>
    trial.parameters[i] === null ? [] : entry(parameter.name, parameterText(trial.parameters[i])));
  const reason = trial.reason ? [element("div", { class: "quiet" }, trial.reason)] : [];
  return [
    element("div", {}, element("b", {}, `Trial ${trial.number}`), ` ${STATE_TEXT[stateOf(trial)] ?? trial.state}`),
    ...reason,
    element("dl", {}, ...metrics),
    element("hr"),
    element("dl", { class: active.length > 24 ? "wide" : "" }, ...active),
  ];
}

function showTip(content, event) {
  tip.replaceChildren(...content);
  tip.hidden = false;
  const room = 14, { width, height } = tip.getBoundingClientRect();
  let x = event.clientX + room, y = event.clientY + room;
  if (x + width > innerWidth - 6) x = Math.max(6, event.clientX - width - room);
  if (y + height > innerHeight - 6) y = Math.max(6, innerHeight - height - 6);
  if (x < event.clientX && x + width > event.clientX) y = event.clientY + room + height < innerHeight ? event.clientY + room : Math.max(6, event.clientY - height - room);
  tip.style.transform = `translate(${x}px, ${y}px)`;
}

function hideTip() { tip.hidden = true; choose(null); }
addEventListener("pointerdown", (event) => { if (!event.target.closest(".chart")) hideTip(); });
addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });

// Shows the nearest of `points` ({ x, y, trial }) within reach of the pointer; a click opens its row in the table.
function hoverPoints(drawing, points, reach = 26) {
  const nearest = (event) => {
    const frame = drawing.getBoundingClientRect();
    const px = event.clientX - frame.left, py = event.clientY - frame.top;
    let best = null, distance = reach * reach;
    for (const point of points) {
      let d = (point.x - px) ** 2 + (point.y - py) ** 2;
      if (point.trial.front) d *= 0.6;
      if (d < distance) { distance = d; best = point; }
    }
    return best;
  };
  const move = (event) => {
    const point = nearest(event);
    if (!point) return hideTip();
    choose(point.trial.number);
    showTip(describe(point.trial), event);
  };
  drawing.addEventListener("pointermove", move);
  drawing.addEventListener("pointerdown", move);
  // A finger that lifts leaves what it asked for; the next touch or a scroll takes it away.
  drawing.addEventListener("pointerleave", (event) => { if (event.pointerType !== "touch") hideTip(); });
}

// The same, with a ring around the chosen trial.
function ringPoints(drawing, points) {
  const ring = shape("circle", { class: "ring", r: 8, visibility: "hidden" }, drawing);
  drawing.watch = (number) => {
    const point = points.find((p) => p.trial.number === number);
    ring.setAttribute("visibility", point ? "visible" : "hidden");
    if (point) { ring.setAttribute("cx", point.x); ring.setAttribute("cy", point.y); }
  };
  hoverPoints(drawing, points);
}

// Starts everything. A chart that fails says so in its place and leaves the others alone.
function begin(charts) {
  for (const [id, draw] of charts) {
    try {
      draw();
    } catch (error) {
      nothing(document.getElementById(id), `This part could not be drawn: ${error.message}`);
      console.error(error);
    }
  }
  document.getElementById("scheme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.scheme ? root.dataset.scheme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.scheme = dark ? "light" : "dark";
  });
}
