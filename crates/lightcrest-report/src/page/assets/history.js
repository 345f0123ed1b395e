// Optimisation history and learning curves.

function drawHistory() {
  const holder = document.getElementById("history-chart");
  const objectives = data.metrics.map((_, i) => i).filter((i) => data.metrics[i].objective);
  const volume = data.hypervolume.some(known);
  const options = [...(volume ? [[-1, "Hypervolume"]] : []), ...objectives.map((i) => [i, data.metrics[i].label])];
  if (!options.length || !data.trials.some((t) => t.state === "complete")) return nothing(holder, "No trial is complete yet.");
  let metric = options[0][0];
  const redraw = chart("history-chart", 320, "Optimisation history", (drawing, width, height) => {
    const box = { left: 62, right: width - 14, top: 30, bottom: height - 48 };
    const last = Math.max(1, data.trials.length - 1);
    const x = linearScale(0, last, box.left, box.right, "whole", 0.02);
    const marks = [], line = [];
    let kind = "number", title = "Hypervolume", log = false;
    if (metric < 0) {
      data.trials.forEach((trial, i) => { if (known(data.hypervolume[i])) line.push([trial, data.hypervolume[i]]); });
    } else {
      const { direction, label: text } = data.metrics[metric];
      kind = data.metrics[metric].kind;
      log = kind === "count" || kind === "bytes" || kind === "milliseconds" || kind === "microseconds";
      title = text + (log ? " (log)" : "");
      let best = null;
      for (const trial of data.trials) {
        const value = trial.metrics[metric];
        if (!known(value) || trial.state !== "complete" || (log && value <= 0)) continue;
        marks.push([trial, value]);
        if (best === null || (direction === "minimize" ? value < best : value > best)) best = value;
        line.push([trial, best]);
      }
    }
    const values = [...line, ...marks].map(([, value]) => value);
    if (!values.length) return nothing(holder, "Nothing is known of this objective yet.");
    const y = (log ? logScale : linearScale)(...extent(values), box.bottom, box.top, kind);
    axes(drawing, box, x, y, "Trial", title);
    const points = marks.map(([trial, value]) => ({ x: x(trial.number), y: y(value), trial }));
    for (const point of points) mark(stateOf(point.trial), point.x, point.y, drawing);
    const step = line.map(([trial, value], i) => (i ? `H${x(trial.number)}V${y(value)}` : `M${x(trial.number)},${y(value)}`)).join("");
    shape("path", { class: "stroke-front", d: `${step}H${box.right}` }, drawing);
    if (metric < 0) points.push(...line.map(([trial, value]) => ({ x: x(trial.number), y: y(value), trial })));
    ringPoints(drawing, points);
  });
  watchers.push((number) => holder.firstChild?.watch?.(number));
  const pick = picker("Shown", options, metric, (i) => { metric = i; redraw(); });
  if (pick) document.getElementById("history-controls").append(pick);
  document.getElementById("history-legend").append(legend([["stroke-front", "best so far"], ["front", "on the front"], ["complete", "dominated"]]));
}

function drawCurves() {
  const holder = document.getElementById("curves-chart");
  for (const trial of data.trials) trial.curve = trial.curve.filter(([, value]) => known(value));
  const drawn = data.trials.filter((trial) => trial.curve.length);
  if (!drawn.length) return nothing(holder, "No trial has reported a value on its way yet.");
  const metric = data.metrics[data.curve_metric] ?? { label: "Reported value", kind: "number" };
  const on = Object.fromEntries(STATES.map((state) => [state, true]));
  const redraw = chart("curves-chart", 320, "Learning curves", (drawing, width, height) => {
    const box = { left: 62, right: width - 14, top: 30, bottom: height - 48 };
    const shown = drawn.filter((trial) => on[stateOf(trial)] ?? true);
    const pool = shown.length ? shown : drawn;
    const x = linearScale(...extent(pool.flatMap((t) => t.curve.map((p) => p[0]))), box.left, box.right, "whole", 0.02);
    const y = linearScale(...extent(pool.flatMap((t) => t.curve.map((p) => p[1]))), box.bottom, box.top, metric.kind);
    axes(drawing, box, x, y, data.networks ? "Epoch" : "Step", metric.label);
    const trace = (trial) => trial.curve.map(([step, value], i) => `${i ? "L" : "M"}${x(step).toFixed(1)},${y(value).toFixed(1)}`).join("");
    const points = [];
    // Many lines are drawn faintly, so that where they crowd can be seen.
    const faint = Math.min(0.6, Math.max(0.05, 40 / shown.length));
    // Front last, so that it lies on top.
    for (const state of ["complete", "failed", "pruned", "front"]) {
      for (const trial of shown) {
        const kind = STATES.includes(stateOf(trial)) ? stateOf(trial) : "complete";
        if (kind !== state) continue;
        const line = shape("path", { class: `stroke-${state}`, d: trace(trial) }, drawing);
        if (state !== "front") line.style.strokeOpacity = faint;
        const [step, value] = trial.curve[trial.curve.length - 1];
        if (state !== "complete" || trial.curve.length === 1) mark(state, x(step), y(value), drawing);
        for (const [s, v] of trial.curve) points.push({ x: x(s), y: y(v), trial });
      }
    }
    const over = shape("path", { class: "stroke-chosen" }, drawing);
    drawing.watch = (number) => {
      const trial = shown.find((t) => t.number === number);
      over.setAttribute("d", trial ? trace(trial) : "");
    };
    hoverPoints(drawing, points, 18);
  });
  watchers.push((number) => holder.firstChild?.watch?.(number));
  const place = document.getElementById("curves-legend");
  const drawLegend = () => {
    const entries = STATES.filter((state) => drawn.some((t) => stateOf(t) === state)).map((state) => {
      const toggle = () => { on[state] = !on[state]; redraw(); drawLegend(); };
      const text = { front: "on the front", complete: "dominated", pruned: "stopped early", failed: "failed" }[state];
      return [`stroke-${state}`, text, on[state], toggle];
    });
    place.replaceChildren(legend(entries));
  };
  drawLegend();
}
