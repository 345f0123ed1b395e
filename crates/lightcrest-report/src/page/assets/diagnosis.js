// How the models of a table predict rows that they did not learn from.

function drawDiagnosis() {
  const models = data.models.filter((model) => model.diagnosis);
  let which = 0;
  const now = () => models[which].diagnosis;
  const place = (name) => document.getElementById(`diagnosis-${name}`);
  const redraws = [chart("diagnosis-outcome", 320, "Predictions against what was true", outcome),
    chart("diagnosis-importance", () => 6 + 24 * Math.max(1, shown().length), "What the model loses without a column", importance),
    chart("diagnosis-learning", 240, "Score against rows that were learnt from", learning)];

  function outcome(drawing, width, height) {
    const box = { left: 58, right: width - 12, top: 24, bottom: height - 44 };
    const { reliability = [], predicted = [], reliability_of: of } = now();
    const points = reliability.length ? reliability.map((bin) => [bin.predicted, bin.observed, Math.sqrt(bin.observed * (1 - bin.observed) / bin.rows)])
      : predicted.map(([guess, truth]) => [truth, guess, 0]);
    place("outcome-title").textContent = reliability.length ? "Are probabilities kept?" : "Are numbers met?";
    if (!points.length) return;
    const [low, high] = reliability.length ? [0, 1] : extent(points.flatMap(([a, b]) => [a, b])) ?? [0, 1];
    const kind = reliability.length ? "share" : "number";
    const x = linearScale(low, high, box.left, box.right, kind), y = linearScale(low, high, box.bottom, box.top, kind);
    const titles = !reliability.length ? ["True", "Predicted"] : of ? [`Predicted probability of ${of}`, `Share that was ${of}`]
      : ["Probability of the predicted class", "Share that was right"];
    axes(drawing, box, x, y, ...titles);
    shape("path", { class: "stroke-complete", d: `M${x(low)},${y(low)}L${x(high)},${y(high)}` }, drawing);
    if (reliability.length) shape("path", { class: "stroke-front", d: `M${points.map(([a, b]) => `${x(a)},${y(b)}`).join("L")}` }, drawing);
    for (const [a, b, error] of points) {
      if (error) shape("path", { class: "stroke-front", d: `M${x(a)},${y(Math.max(b - error, low))}V${y(Math.min(b + error, high))}` }, drawing);
      shape("circle", { class: reliability.length ? "mark-front" : "mark-complete", cx: x(a), cy: y(b), r: reliability.length ? 4.5 : 3 }, drawing);
    }
  }

  function shown() { return now().importance.slice(0, 20); }

  function importance(drawing, width) {
    const rows = shown();
    const more = now().importance.length - rows.length;
    place("importance-note").textContent = rows.length
      ? `What ${now().metric.toLowerCase()} loses when a column is dealt out to other rows${more ? `; ${more} columns that matter less are not shown` : ""}.`
      : "This model reads no column, or there was no time to try it without some.";
    if (!rows.length) return;
    const longest = Math.max(...rows.map((row) => textWidth(row.column)));
    const left = Math.min(longest + 12, width * 0.48), right = width - 62;
    const high = Math.max(...rows.map((row) => row.loss), 1e-12);
    rows.forEach((row, i) => {
      const y = i * 24 + 4, length = (Math.max(row.loss, 0) / high) * (right - left);
      const text = label(clip(row.column, left - 10), left - 8, y + 13, "end", drawing, { class: "title" });
      shape("title", {}, text).textContent = `${row.column}: ${significant(row.loss)} ± ${significant(row.deviation)}`;
      shape("rect", { class: "bar-ground", x: left, y, width: right - left, height: 17, rx: 2 }, drawing);
      shape("rect", { class: "bar", x: left, y, width: Math.max(length, 1), height: 17, rx: 2 }, drawing);
      label(significant(row.loss, 2), right + 6, y + 13, "start", drawing);
    });
  }

  function learning(drawing, width, height) {
    const curve = now().learning;
    place("learning-part").hidden = !curve;
    if (!curve) return;
    const box = { left: 58, right: width - 12, top: 14, bottom: height - 44 };
    const points = [...curve.measured, curve.continued], [rows, scores] = [0, 1].map((i) => points.map((point) => point[i]));
    const x = linearScale(0, Math.max(...rows), box.left, box.right, "whole"), y = linearScale(...(extent(scores) ?? [0, 1]), box.bottom, box.top, "number");
    axes(drawing, box, x, y, "Rows learnt from", now().metric);
    const line = (some) => `M${some.map(([a, b]) => `${x(a)},${y(b)}`).join("L")}`;
    shape("path", { class: "stroke-front", d: line(curve.measured) }, drawing);
    shape("path", { class: "stroke-next", d: line(points.slice(-2)) }, drawing);
    points.forEach(([a, b], i) => {
      const circle = shape("circle", { class: i < curve.measured.length ? "mark-front" : "mark-complete", cx: x(a), cy: y(b), r: 4.5 }, drawing);
      shape("title", {}, circle).textContent = `${a} rows: ${significant(b)}${i < curve.measured.length ? "" : ", expected"}`;
    });
  }

  function confusion() {
    const holder = place("confusion"), found = now().confusion;
    if (!found) return holder.replaceChildren();
    const cell = (count, total, right) => {
      const share = total ? count / total : 0;
      const attributes = { style: `background: color-mix(in srgb, var(--${right ? "front" : "failed"}) ${(share * 60).toFixed(0)}%, transparent)`, title: `${(share * 100).toFixed(1)}% of the row` };
      return element("td", count ? attributes : { class: "none" }, String(count));
    };
    const rows = found.counts.map((counts, i) => {
      const total = counts.reduce((sum, count) => sum + count, 0);
      return element("tr", {}, element("td", { class: "left" }, found.classes[i]), ...counts.map((count, j) => cell(count, total, i === j)), element("td", {}, String(total)));
    });
    const heading = (text, css) => element("th", { scope: "col", class: css ?? null }, text);
    holder.replaceChildren(element("table", {},
      element("thead", {}, element("tr", {}, heading("Was \\ taken for", "left"), ...found.classes.map((name) => heading(name)), heading("Rows"))),
      element("tbody", {}, ...rows)));
  }

  confusion();
  const pick = picker("Model of trial", models.map((model, i) => [i, String(model.trial)]), which, (i) => {
    which = i;
    redraws.forEach((redraw) => redraw());
    confusion();
  });
  if (pick) place("controls").append(pick);
}
