// The surrogate along one or two parameters, a picture for each number of finished trials.

function drawSurrogate() {
  const holder = document.getElementById("surrogate-chart");
  const s = data.surrogate;
  if (typeof s === "string") return nothing(holder, s);
  const [first, second] = s.axes;
  let shown = s.frames.length - 1;
  const title = `Posterior of ${s.objective.label} along ${s.axes.map((axis) => axis.parameter.name).join(" and ")}`;
  const height = (width) => (second ? (width < 720 ? 3 : 1) * 330 : 470);
  const redraw = chart("surrogate-chart", height, title, (drawing, width, tall) => {
    (second ? surrogateMaps : surrogateLine)(drawing, width, tall, s, s.frames[shown]);
  });

  const place = document.getElementById("surrogate-text");
  const say = () => place.replaceChildren(
    ...s.frames[shown].text.map((line) => element("p", { class: "words" }, line)),
    element("p", { class: "note" }, s.notes.join(" ")),
  );
  say();
  const kinds = second ? [] : [["stroke-front", "mean"], ["band", "mean ± 2σ"]];
  const states = [["complete", "complete trial"], ["pruned", "stopped early, at the value it counts as"], ["failed", "failed"]];
  const marks = states.filter(([state]) => s.trials.some((trial) => trial.state === state));
  const next = s.frames.some((frame) => frame.next) ? [["next", "next trial"]] : [];
  document.getElementById("surrogate-legend").append(legend([...kinds, ...marks, ...next]));
  if (s.frames.length < 2) return;
  const output = element("output", {}, "");
  const slider = element("input", { type: "range", min: 0, max: s.frames.length - 1, value: shown, "aria-label": "Number of finished trials" });
  const show = (frame) => {
    shown = frame;
    slider.value = frame;
    output.textContent = String(s.frames[frame].finished);
    redraw();
    say();
  };
  let timer = null;
  const stop = () => { clearInterval(timer); timer = null; play.textContent = "▶"; };
  const play = element("button", { type: "button", "aria-label": "Play", onclick: () => {
    if (timer) return stop();
    play.textContent = "■";
    show(shown === s.frames.length - 1 ? 0 : shown);
    timer = setInterval(() => (shown < s.frames.length - 1 ? show(shown + 1) : stop()), 700);
  } }, "▶");
  slider.addEventListener("input", () => { if (timer) stop(); show(Number(slider.value)); });
  output.textContent = String(s.frames[shown].finished);
  document.getElementById("surrogate-controls").append(play, element("label", {}, "Finished trials", slider, output));
}

// A scale along a parameter, with ticks that fit.
function surrogateScale(axis, from, to) {
  const { scale, ticks } = parameterAxis(axis.parameter, axis.values, from, to, null);
  if (axis.parameter.scale === "categorical") {
    const room = Math.abs(to - from) / axis.values.length - 8;
    scale.ticks = () => ticks.map(([value, text]) => [value, clip(text, Math.max(room, 24))]);
    scale.gap = Math.abs(to - from) / axis.values.length;
  }
  return scale;
}

// From the worst to the best that is worth showing: what is far worse than the usual would flatten the rest.
function surrogateRange(s) {
  const values = s.frames.flatMap((frame) => frame.dots.map((dot) => dot[1])).sort((a, b) => a - b);
  const all = extent([...s.frames.flatMap((frame) => [...frame.mean, ...frame.lower, ...frame.upper]), ...values]) ?? [0, 1];
  const median = values[values.length >> 1], low = values[0], high = values[values.length - 1];
  if (!values.length) return all;
  const room = s.objective.direction === "maximize" ? high - median : median - low;
  if (!(room > 0)) return all;
  return [Math.max(all[0], median - 4 * room), Math.min(all[1], median + 4 * room)];
}

// Log acquisitions fall without end; a factor of e^12 below the best is as good as nothing. The next trial is rarely on the cut and may
// promise much more than anything there: then its mark stays at the edge, so that the curve keeps its shape.
function acquisitionRange(frame) {
  const [low, high] = extent(frame.acquisition) ?? [0, 1];
  const from = Math.max(low, high - 12);
  return [from, Math.max(high, Math.min(frame.next?.acquisition ?? high, high + 0.5 * (high - from)))];
}

function surrogateLine(drawing, width, height, s, frame) {
  const [axis] = s.axes;
  const below = extent(frame.acquisition) !== null;
  const box = { left: 62, right: width - 14, top: 30, bottom: below ? height - 190 : height - 48 };
  const x = surrogateScale(axis, box.left, box.right);
  const kind = s.objective.kind;
  const y = linearScale(...surrogateRange(s), box.bottom, box.top, kind);
  const categorical = axis.parameter.scale === "categorical";
  axes(drawing, box, x, y, below ? "" : axis.parameter.name, s.objective.label);
  const within = (value) => Math.max(box.top, Math.min(box.bottom, y(value)));
  const at = axis.values.map((value, i) => i).filter((i) => known(frame.mean[i]));
  const px = (i) => x(axis.values[i]).toFixed(1);
  if (categorical) {
    const half = Math.min(x.gap * 0.3, 40);
    for (const i of at) {
      const top = within(frame.upper[i]), left = x(axis.values[i]) - half;
      shape("rect", { class: "band", x: left, y: top, width: 2 * half, height: Math.max(within(frame.lower[i]) - top, 1) }, drawing);
      shape("path", { class: "stroke-front", d: `M${left},${within(frame.mean[i])}h${2 * half}` }, drawing);
    }
  } else if (at.length) {
    const line = (list, values) => list.map((i) => `${px(i)},${within(values[i]).toFixed(1)}`).join("L");
    shape("path", { class: "band", d: `M${line(at, frame.upper)}L${line([...at].reverse(), frame.lower)}Z` }, drawing);
    shape("path", { class: "stroke-front", d: `M${line(at, frame.mean)}` }, drawing);
  }
  for (const [index, value] of frame.dots) {
    const trial = s.trials[index];
    if (trial.at[0] !== null) mark(trial.state, x(trial.at[0]), within(value), drawing);
  }
  const lower = { ...box, top: box.bottom + 50, bottom: height - 48 };
  const [from, to] = acquisitionRange(frame);
  const z = linearScale(from, to, lower.bottom, lower.top, "number");
  const inside = (value) => Math.max(lower.top, Math.min(lower.bottom, z(value)));
  if (below) {
    axes(drawing, lower, x, z, axis.parameter.name, capital(s.acquisition));
    const parts = [[]];
    for (const i of axis.values.keys()) {
      if (known(frame.acquisition[i])) parts[parts.length - 1].push(i);
      else if (parts[parts.length - 1].length) parts.push([]);
    }
    for (const part of parts.filter((part) => part.length)) {
      if (categorical || part.length === 1) {
        const half = categorical ? Math.min(x.gap * 0.3, 40) : 3;
        for (const i of part) shape("path", { class: "stroke-want", d: `M${x(axis.values[i]) - half},${inside(frame.acquisition[i])}h${2 * half}` }, drawing);
      } else {
        shape("path", { class: "stroke-want", d: `M${part.map((i) => `${px(i)},${inside(frame.acquisition[i]).toFixed(1)}`).join("L")}` }, drawing);
      }
    }
  }
  if (frame.next && frame.next.at[0] !== null) {
    const nx = x(frame.next.at[0]);
    shape("path", { class: "stroke-next", d: `M${nx},${box.top}V${below ? lower.bottom : box.bottom}` }, drawing);
    const ny = below && known(frame.next.acquisition) ? inside(frame.next.acquisition) : box.top + 6;
    mark("next", nx, ny, drawing);
  }
  surrogateTip(drawing, (left, top) => {
    if (left < box.left - 8 || left > box.right + 8) return null;
    const i = at.reduce((best, i) => (Math.abs(x(axis.values[i]) - left) < Math.abs(x(axis.values[best]) - left) ? i : best), at[0]);
    return i === undefined ? null : surrogateWords(s, frame, i, [axis.values[i]]);
  });
}

function surrogateMaps(drawing, width, height, s, frame) {
  const [first, second] = s.axes;
  const kind = s.objective.kind;
  const stacked = width < 720, room = stacked ? width : width / 3, tall = stacked ? height / 3 : height;
  const everywhere = (name) => extent(s.frames.flatMap((f) => f[name])) ?? [0, 1];
  const panels = [
    [s.objective.label, frame.mean, surrogateRange(s), kind, "map-mean"],
    ["Standard deviation", frame.sigma, everywhere("sigma"), kind, "map-sigma"],
  ];
  if (extent(frame.acquisition)) panels.push([capital(s.acquisition), frame.acquisition, acquisitionRange(frame), "number", "map-want"]);
  const regions = [];
  panels.forEach(([title, values, [low, high], format_as, name], k) => {
    const dx = stacked ? 0 : k * room, dy = stacked ? k * tall : 0;
    const box = { left: dx + 62, right: dx + room - 14, top: dy + 46, bottom: dy + tall - 48 };
    const x = surrogateScale(first, box.left, box.right), y = surrogateScale(second, box.bottom, box.top);
    const cells = (axis, scale) => axis.values.map((value, i) => {
      const here = scale(value), before = i ? scale(axis.values[i - 1]) : null;
      const after = i + 1 < axis.values.length ? scale(axis.values[i + 1]) : null;
      const half = scale.gap ? (scale.gap / 2) * Math.sign(scale(axis.values[axis.values.length - 1]) - scale(axis.values[0]) || 1) : null;
      const start = half !== null ? here - half : before !== null ? (here + before) / 2 : here;
      const end = half !== null ? here + half : after !== null ? (here + after) / 2 : here;
      return [Math.min(start, end), Math.max(start, end)];
    });
    const columns = cells(first, x), rows = cells(second, y);
    axes(drawing, box, x, y, first.parameter.name, "");
    label(clip(title, room - 76), box.left, box.top - 26, "start", drawing, { class: "title" });
    label(`${format(low, format_as)} (pale) to ${format(high, format_as)}`, box.left, box.top - 10, "start", drawing);
    if (k === 0 || stacked) label(second.parameter.name, dx + 12, (box.top + box.bottom) / 2, "middle", drawing, { class: "title", transform: `rotate(-90 ${dx + 12} ${(box.top + box.bottom) / 2})` });
    values.forEach((value, i) => {
      if (!known(value)) return;
      const [left, right] = columns[i % columns.length], [top, bottom] = rows[Math.floor(i / columns.length)];
      const share = high > low ? Math.max(0, Math.min(1, (value - low) / (high - low))) : 0.5;
      shape("rect", { class: name, x: left, y: top, width: right - left, height: bottom - top, "shape-rendering": "crispEdges", "fill-opacity": (0.06 + 0.94 * share).toFixed(3) }, drawing);
    });
    const pair = (place) => (place[0] === null || place[1] === null ? null : [x(place[0]), y(place[1])]);
    for (const [index] of frame.dots) {
      const point = pair(s.trials[index].at);
      if (point) shape("circle", { class: "map-dot", cx: point[0], cy: point[1], r: 2.6 }, drawing);
    }
    const point = frame.next && pair(frame.next.at);
    if (point) mark("next", ...point, drawing);
    regions.push({ columns, rows });
  });
  surrogateTip(drawing, (left, top) => {
    for (const { columns, rows } of regions) {
      const i = columns.findIndex(([from, to]) => left >= from && left < to), j = rows.findIndex(([from, to]) => top >= from && top < to);
      const cell = j * columns.length + i;
      if (i >= 0 && j >= 0 && known(frame.mean[cell])) return surrogateWords(s, frame, cell, [first.values[i], second.values[j]]);
    }
    return null;
  });
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function surrogateWords(s, frame, i, values) {
  const entry = (name, text) => [element("dt", {}, name), element("dd", {}, text)];
  const kind = s.objective.kind;
  const doubt = frame.sigma.length ? entry("standard deviation", format(frame.sigma[i], kind))
    : entry("mean ± 2σ", `${format(frame.lower[i], kind)} to ${format(frame.upper[i], kind)}`);
  const want = known(frame.acquisition[i]) ? entry(s.acquisition, significant(frame.acquisition[i]))
    : frame.next ? entry(s.acquisition, "not allowed here") : [];
  return [element("dl", {}, ...s.axes.flatMap((axis, k) => entry(axis.parameter.name, parameterText(values[k]))),
    ...entry(s.objective.label, format(frame.mean[i], kind)), ...doubt, ...want)];
}

function surrogateTip(drawing, words) {
  const move = (event) => {
    const frame = drawing.getBoundingClientRect();
    const content = words(event.clientX - frame.left, event.clientY - frame.top);
    if (content) showTip(content, event);
    else hideTip();
  };
  drawing.addEventListener("pointermove", move);
  drawing.addEventListener("pointerdown", move);
  drawing.addEventListener("pointerleave", (event) => { if (event.pointerType !== "touch") hideTip(); });
}
