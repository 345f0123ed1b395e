// The front: an accuracy against a cost, for every finished trial.

const COSTS = ["macs", "parameters", "latency_ms", "model_bytes", "peak_activation_bytes"];

function drawFront() {
  const holder = document.getElementById("front-chart");
  const scored = data.trials.filter((trial) => trial.state === "complete");
  const seen = (i) => scored.some((trial) => known(trial.metrics[i]));
  const indices = data.metrics.map((_, i) => i).filter(seen);
  const costs = indices.filter((i) => COSTS.includes(data.metrics[i].name));
  const cost = costs.length ? costs : indices.filter((i) => data.metrics[i].direction === "minimize");
  const quality = indices.filter((i) => !cost.includes(i) && (data.metrics[i].objective || data.metrics[i].kind === "share" ));
  const xs = cost.length ? cost : indices;
  const ys = quality.length ? quality : indices;
  if (!scored.length) return nothing(holder, "No trial is complete yet.");
  if (!indices.length) return nothing(holder, "No complete trial has a finite value.");
  if (indices.length < 2) return nothing(holder, `Only ${data.metrics[indices[0]].label} was measured: the history shows it.`);
  xs.sort((a, b) => COSTS.indexOf(data.metrics[a].name) - COSTS.indexOf(data.metrics[b].name));
  ys.sort((a, b) => Number(data.metrics[b].objective) - Number(data.metrics[a].objective));
  let x = xs.find((i) => data.metrics[i].objective) ?? xs[0], y = ys.find((i) => i !== x) ?? ys[0], wide = false;

  const redraw = chart("front-chart", 440, "The front: quality against cost of every complete trial", (drawing, width, height) => {
    const mx = data.metrics[x], my = data.metrics[y];
    const shown = scored.filter((t) => known(t.metrics[x]) && known(t.metrics[y]) && (t.metrics[x] > 0 || !COSTS.includes(mx.name)));
    if (!shown.length) return nothing(holder, `No trial has both ${mx.label} and ${my.label}.`);
    const box = { left: 62, right: width - 14, top: 30, bottom: height - 48 };
    const values = shown.map((t) => t.metrics[y]).sort((a, b) => a - b);
    // A few trials that did not learn would flatten everything else: the axis starts where the upper part begins.
    const low = wide ? values[0] : cutoff(values, my.direction);
    const high = my.direction === "minimize" && !wide ? cutoff(values, my.direction) : values[values.length - 1];
    const bottom = my.direction === "minimize" ? values[0] : low;
    const log = shown.every((t) => t.metrics[x] > 0);
    const xScale = (log ? logScale : linearScale)(...extent(shown.map((t) => t.metrics[x])), box.left, box.right, mx.kind);
    const yScale = linearScale(bottom, high, box.bottom, box.top, my.kind);
    axes(drawing, box, xScale, yScale, log ? `${mx.label} (log)` : mx.label, my.label);
    const inside = (value) => value >= bottom && value <= high;
    const points = shown.filter((t) => inside(t.metrics[y]))
      .map((trial) => ({ x: xScale(trial.metrics[x]), y: yScale(trial.metrics[y]), trial }));
    staircase(drawing, points, my.direction, box);
    points.sort((a, b) => Number(a.trial.front) - Number(b.trial.front));
    for (const point of points) mark(stateOf(point.trial), point.x, point.y, drawing);
    const hidden = shown.length - points.length;
    if (hidden) label(`${hidden} outside: “all” shows ${hidden === 1 ? "it" : "them"}`, box.right - 4, box.bottom - 8, "end", drawing);
    ringPoints(drawing, points);
  });
  watchers.push((number) => holder.firstChild?.watch?.(number));

  const pressed = (indices) => indices.map((i) => [i, data.metrics[i].label]);
  document.getElementById("front-controls").append(
    ...[picker("Quality", pressed(ys), y, (i) => { y = i; redraw(); })].filter(Boolean),
    choice("Cost", pressed(xs), x, (i) => { x = i; redraw(); }),
    choice("Range", [[false, "best part"], [true, "all"]], wide, (value) => { wide = value; redraw(); }));
  document.getElementById("front-legend").append(legend([
    ["front", "on the front of the study"], ["complete", "dominated"], ["stroke-front", "best at this cost or less"]]));
}

// Where the axis may be cut: three times the spread of the better half beyond its median, when anything lies there.
function cutoff(sorted, direction) {
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  if (direction === "minimize") {
    const limit = at(0.5) + 3 * (at(0.5) - at(0));
    return sorted.filter((v) => v <= limit).pop() ?? sorted[sorted.length - 1];
  }
  const limit = at(0.5) - 3 * (at(1) - at(0.5));
  return sorted.find((v) => v >= limit) ?? sorted[0];
}

// The line of the best quality that each cost buys, over all shown points.
function staircase(drawing, points, direction, box) {
  const better = (a, b) => (direction === "minimize" ? a > b : a < b); // pixels grow downwards
  let best = null, path = "";
  for (const point of [...points].sort((a, b) => a.x - b.x || (better(a.y, b.y) ? -1 : 1))) {
    if (best !== null && !better(point.y, best)) continue;
    path += best === null ? `M${point.x},${point.y}` : `H${point.x}V${point.y}`;
    best = point.y;
  }
  if (path) shape("path", { class: "stroke-front", "stroke-opacity": 0.55, d: `${path}H${box.right}` }, drawing);
}
