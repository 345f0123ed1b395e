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

// What became of each layer, beside the original: its frame is what it cost, its filling what it costs.
const CHANGES = {
  keep: ["kept", "kept"], prune: ["channels pruned", "cut"], svd: ["SVD", "low-rank"], tucker: ["Tucker-2", "low-rank"],
  cp: ["CP", "low-rank"], spatial: ["spatial split", "low-rank"],
};

function changesOf(model) {
  const layers = model.layers.filter((layer) => layer.change && (layer.change.macs || layer.macs));
  if (!layers.length) return [];
  const most = Math.max(...layers.map((layer) => Math.max(layer.macs, layer.change.macs)));
  const share = (value) => `${Math.max(value / most * 100, value ? 0.4 : 0).toFixed(2)}%`;
  const rows = layers.map((layer) => {
    const change = layer.change;
    const [name, css] = CHANGES[change.method] ?? [change.method, "kept"];
    const words = [name, change.detail, change.int8 ? "int8" : ""].filter(Boolean).join(", ");
    const title = `${layer.path}: ${words}; ${format(change.macs, "count")} to ${format(layer.macs, "count")} MACs, `
      + `${format(change.parameters, "count")} to ${format(layer.parameters, "count")} parameters`;
    return element("div", { class: "change", title },
      element("span", { class: "change-name" }, layer.path),
      element("span", { class: "change-bar" },
        element("i", { class: "change-before", style: `width: ${share(change.macs)}` }),
        element("i", { class: `change-after ${css}${change.int8 ? " int8" : ""}`, style: `width: ${share(layer.macs)}` })),
      element("span", { class: "quiet" }, words));
  });
  const key = (css, text) => element("li", {}, element("i", { class: `change-key ${css}` }), text);
  const legend = element("ul", { class: "legend" }, key("change-before", "MACs of the original"), key("kept", "kept"),
    key("cut", "channels pruned"), key("low-rank", "low rank"), key("kept int8", "striped: int8"));
  return [legend, element("div", { class: "changes" }, ...rows)];
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
  return [files, ...changesOf(model), element("div", { class: "scroll" }, table)];
}
