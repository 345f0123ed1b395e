// What the parameters did: importance and parallel coordinates.

function drawImportance() {
  const holder = document.getElementById("importance-chart");
  if (!data.importance.length) return nothing(holder, "Too few complete trials to tell the parameters apart.");
  let which = 0;
  const rows = () => data.importance[which].shares
    .map((share, i) => ({ share, name: data.parameters[i].name }))
    .filter((row) => known(row.share)).sort((a, b) => b.share - a.share).slice(0, 20);
  const redraw = chart("importance-chart", () => rows().length * 24 + 6, "Importance of the parameters", (drawing, width) => {
    const shown = rows();
    const longest = Math.max(...shown.map((row) => textWidth(row.name)));
    const left = Math.min(longest + 12, width * 0.48), right = width - 50;
    const high = Math.max(...shown.map((row) => row.share), 1e-9);
    shown.forEach((row, i) => {
      const y = i * 24 + 4, length = (row.share / high) * (right - left);
      const text = label(clip(row.name, left - 10), left - 8, y + 13, "end", drawing, { class: "title" });
      shape("title", {}, text).textContent = row.name;
      shape("rect", { class: "bar-ground", x: left, y, width: right - left, height: 17, rx: 2 }, drawing);
      shape("rect", { class: "bar", x: left, y, width: Math.max(length, 1), height: 17, rx: 2 }, drawing);
      label(format(row.share, "share", 0.01), right + 6, y + 13, "start", drawing);
    });
  });
  const options = data.importance.map((entry, i) => [i, entry.label]);
  const pick = picker("For", options, which, (i) => { which = i; redraw(); });
  if (pick) document.getElementById("importance-controls").append(pick);
}

function drawParallel() {
  const holder = document.getElementById("parallel-chart");
  const complete = data.trials.filter((trial) => trial.state === "complete");
  if (!complete.length) return nothing(holder, "No trial is complete yet.");
  const objectives = data.metrics.map((_, i) => i).filter((i) => data.metrics[i].objective);
  const varied = data.parameters.map((_, i) => i)
    .filter((i) => new Set(complete.map((t) => JSON.stringify(t.parameters[i]))).size > 1);
  const rank = (i) => Math.max(0, ...data.importance.map((entry) => entry.shares[i] ?? 0));
  const important = [...varied].sort((a, b) => rank(b) - rank(a)).slice(0, 8).sort((a, b) => a - b);
  let some = varied.length > 8;

  const redraw = chart("parallel-chart", 380, "Parallel coordinates", (_, outer, height) => {
    const shown = some ? important : varied;
    const count = shown.length + objectives.length;
    const width = Math.max(outer, count * 104);
    const drawing = shape("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": "Parallel coordinates" });
    drawing.style.width = `${width}px`;
    holder.replaceChildren(drawing);
    const top = 46, bottom = height - 16, left = 48, right = width - 62;
    const at = (k) => (count === 1 ? (left + right) / 2 : left + (k * (right - left)) / (count - 1));
    const columns = [
      ...shown.map((i) => parameterAxis(data.parameters[i], complete.map((t) => t.parameters[i]), bottom, top, (t) => t.parameters[i])),
      ...objectives.map((i) => metricAxis(data.metrics[i], complete.map((t) => t.metrics[i]), bottom, top, (t) => t.metrics[i])),
    ];
    const trace = (trial) => {
      let path = "", before = false;
      columns.forEach((column, k) => {
        const value = column.of(trial);
        const alone = value === null || value === undefined;
        if (!alone) path += before ? `L${at(k)},${column.scale(value)}` : `M${at(k) - 5},${column.scale(value)}h5`;
        before = !alone;
      });
      return path;
    };
    const back = shape("g", {}, drawing);
    const faint = Math.min(0.5, Math.max(0.03, 25 / complete.length));
    const paths = complete.map((trial) => ({ trial, d: trace(trial) }));
    for (const { trial, d } of paths) if (!trial.front) shape("path", { class: "stroke-complete", d, style: `stroke-opacity: ${faint}` }, back);
    for (const { trial, d } of paths) if (trial.front) shape("path", { class: "stroke-front", "stroke-opacity": 0.75, d }, drawing);
    columns.forEach((column, k) => {
      shape("line", { class: "axis", x1: at(k), x2: at(k), y1: top, y2: bottom, "stroke-width": 1.5, style: "stroke: var(--quiet)" }, drawing);
      // Titles take turns in two rows, so each has the room of two.
      const room = Math.min((2 * (right - left)) / Math.max(count - 1, 1) - 10, 2 * Math.min(at(k), width - at(k)));
      const name = label(clip(column.name, room), at(k), k % 2 ? 14 : 30, "middle", drawing, { class: "title" });
      shape("title", {}, name).textContent = column.name;
      for (const [value, text] of column.ticks) {
        const node = label(clip(text, (right - left) / Math.max(count - 1, 1) - 10), at(k) + 5, column.scale(value) + 4, "start", drawing);
        node.setAttribute("style", "paint-order: stroke; stroke: var(--card); stroke-width: 3px");
      }
    });
    const over = shape("path", { class: "stroke-chosen" }, drawing);
    drawing.watch = (number) => over.setAttribute("d", paths.find((p) => p.trial.number === number)?.d ?? "");
    const points = paths.flatMap(({ trial }) => columns.flatMap((column, k) => {
      const value = column.of(trial);
      return value === null || value === undefined ? [] : [{ x: at(k), y: column.scale(value), trial }];
    }));
    hoverPoints(drawing, points, 40);
  });
  watchers.push((number) => holder.firstChild?.watch?.(number));
  if (varied.length > 8) {
    document.getElementById("parallel-controls").append(choice("Parameters",
      [[true, "8 most important"], [false, `all ${varied.length}`]], some, (value) => { some = value; redraw(); }));
  }
  document.getElementById("parallel-legend").append(legend([["stroke-front", "on the front"], ["stroke-complete", "dominated"]]));
}

function metricAxis(metric, values, bottom, top, of) {
  const [low, high] = extent(values) ?? [0, 1];
  const log = ["count", "bytes", "milliseconds", "microseconds"].includes(metric.kind) && low > 0;
  const scale = log ? logScale(low, high, bottom, top, metric.kind) : linearScale(low, high, bottom, top, metric.kind);
  return { name: metric.label, of: (t) => { const v = of(t); return known(v) && (!log || v > 0) ? v : null; }, scale, ticks: scale.ticks(5) };
}
