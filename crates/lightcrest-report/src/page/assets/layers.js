// The models of the front, layer by layer.

function drawModels() {
  const holder = document.getElementById("models-list");
  if (!data.models.length) return nothing(holder, "No model has been written yet.");
  const trials = new Map(data.trials.map((trial) => [trial.number, trial]));
  for (const model of data.models) {
    const trial = trials.get(model.trial);
    const short = data.metrics.flatMap((metric, i) => (trial && known(trial.metrics[i]) && (metric.objective || ["macs", "parameters", "latency_ms", "test_accuracy"].includes(metric.name))
      ? [element("span", {}, element("span", { class: "quiet" }, `${metric.label} `), format(trial.metrics[i], metric.kind))] : []));
    const details = element("details", { class: "model", id: `model-${model.trial}` }, element("summary", {}, element("b", {}, `Trial ${model.trial}`), ...short));
    details.addEventListener("toggle", () => { if (details.open && details.children.length === 1) details.append(...layersOf(model)); });
    holder.append(details);
  }
}

function layersOf(model) {
  const sum = (key) => model.layers.reduce((total, layer) => total + layer[key], 0);
  const macs = sum("macs"), parameters = sum("parameters");
  const part = (value, total) => {
    const bar = element("i", { style: `width: ${total ? ((value / total) * 100).toFixed(1) : 0}%` });
    return element("span", { class: "share", "aria-hidden": "true" }, bar);
  };
  const cell = (value, total) => (value
    ? element("td", { title: value.toLocaleString("en") }, format(value, "count"), part(value, total))
    : element("td", { class: "none" }, "–", part(0, 1)));
  const rows = model.layers.map((layer) => element("tr", {},
    element("td", { class: "left" }, layer.path), element("td", { class: "left" }, layer.operator), element("td", {}, layer.shape),
    cell(layer.parameters, parameters), cell(layer.macs, macs)));
  const heading = (text, css) => element("th", { scope: "col", class: css ?? null }, text);
  const table = element("table", {},
    element("thead", {}, element("tr", {}, heading("Layer", "left"), heading("Operator", "left"), heading("Output c×h×w"), heading("Parameters"), heading("MACs"))),
    element("tbody", {}, ...rows, element("tr", { class: "total" }, element("td", { class: "left" }, "Total"), element("td"), element("td"),
      element("td", { title: parameters.toLocaleString("en") }, format(parameters, "count"), part(1, 1)),
      element("td", { title: macs.toLocaleString("en") }, format(macs, "count"), part(1, 1)))));
  const files = element("div", { class: "files" }, ...model.files.map((file) => element("a", { href: file }, file)));
  return [files, element("div", { class: "scroll" }, table)];
}
