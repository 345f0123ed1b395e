// The table of all trials. Only the rows in sight exist, so that thousands stay quick.

const ROW = 30;

function columnsOfTable() {
  return [
    { name: "Trial", left: false, of: (t) => t.number, text: (t) => String(t.number), keys: ["trial", "number"] },
    { name: "State", left: true, of: (t) => stateOf(t), text: (t) => STATE_TEXT[stateOf(t)] ?? t.state, keys: ["state"], css: (t) => `state-${stateOf(t)}` },
    ...data.metrics.map((metric, i) => ({ name: metric.label, of: (t) => t.metrics[i], text: (t) => format(t.metrics[i], metric.kind), keys: [metric.name] })),
    { name: "Time", of: (t) => t.seconds, text: (t) => format(t.seconds, "seconds"), keys: ["time", "seconds"] },
    ...data.parameters.map((parameter, i) => ({
      name: parameter.name, left: parameter.scale === "categorical", of: (t) => t.parameters[i], text: (t) => parameterText(t.parameters[i]), keys: [parameter.name],
    })),
    { name: "Reason", left: true, of: (t) => t.reason, text: (t) => t.reason ?? "–", keys: ["reason"] },
  ];
}

function drawTable() {
  const holder = document.getElementById("trials-table");
  if (!data.trials.length) return nothing(holder, "There is no trial yet.");
  const columns = columnsOfTable().filter((column, i) => i < 2 || data.trials.some((t) => column.of(t) !== null && column.of(t) !== undefined));
  let sorted = 0, descending = false, rows = data.trials;
  const headings = columns.map((column, i) => element("th", { scope: "col", class: column.left ? "left" : "" },
    element("button", { type: "button", title: column.name, onclick: () => sortBy(i) }, column.name)));
  const widths = columns.map((column) => {
    let longest = "";
    for (const trial of data.trials) { const text = column.text(trial); if (text.length > longest.length) longest = text; }
    return Math.min(Math.max(textWidth(longest, 13.5), textWidth(`${column.name} ▲`, 13.5) * 1.1), 260) + 24;
  });
  const body = element("tbody");
  const total = widths.reduce((sum, width) => sum + width, 0);
  const table = element("table", { style: `width: ${total}px` },
    element("colgroup", {}, ...widths.map((width) => element("col", { style: `width: ${width}px` }))),
    element("thead", {}, element("tr", {}, ...headings)), body);
  const view = element("div", { class: "window", tabindex: "0", role: "region", "aria-label": "All trials" }, table);
  const count = element("span", { class: "quiet", "aria-live": "polite" });
  let first = -1, drawn = 0;

  function paint(force) {
    const height = view.clientHeight || 560;
    const start = Math.max(0, Math.floor(view.scrollTop / ROW) - 8);
    const end = Math.min(rows.length, start + Math.ceil(height / ROW) + 16);
    if (!force && start === first && end - start === drawn) return;
    first = start; drawn = end - start;
    const space = (height) => element("tr", {}, element("td", { class: "space", colspan: columns.length, style: `height: ${height}px` }));
    body.replaceChildren(space(start * ROW), ...rows.slice(start, end).map(row), space((rows.length - end) * ROW));
  }

  function row(trial) {
    const cells = columns.map((column) => {
      const text = column.text(trial);
      const css = [column.left ? "left" : "", text === "–" ? "none" : column.css?.(trial) ?? ""].join(" ").trim();
      const value = column.of(trial);
      return element("td", { class: css || null, title: text !== "–" && String(value) !== text ? String(value) : null }, text);
    });
    const node = element("tr", { class: `row${trial.number === chosen ? " chosen" : ""}`, "data-trial": trial.number }, ...cells);
    node.addEventListener("pointerenter", () => choose(trial.number));
    return node;
  }

  function order() {
    const { of } = columns[sorted];
    const sign = descending ? -1 : 1;
    rows.sort((a, b) => {
      const x = of(a), y = of(b);
      const noX = x === null || x === undefined, noY = y === null || y === undefined;
      if (noX || noY) return noX - noY || a.number - b.number; // what is absent comes last in both directions
      if (typeof x === "number" && typeof y === "number") return sign * (x - y) || a.number - b.number;
      return sign * String(x).localeCompare(String(y)) || a.number - b.number;
    });
    headings.forEach((heading, i) => {
      if (i === sorted) heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else heading.removeAttribute("aria-sort");
    });
  }

  function sortBy(i) {
    descending = i === sorted ? !descending : false;
    sorted = i;
    order();
    paint(true);
  }

  function filter() {
    const terms = search.value.toLowerCase().split(/\s+/).filter(Boolean).map((term) => termOf(term, columns));
    rows = data.trials.filter((trial) => terms.every((term) => term(trial)));
    order();
    view.scrollTop = 0;
    count.textContent = rows.length === data.trials.length ? `${rows.length} trials` : `${rows.length} of ${data.trials.length} trials`;
    paint(true);
  }

  const search = element("input", { type: "search", placeholder: "front  macs<2e6  adamw", "aria-label": "Filter trials", size: 26, oninput: filter });
  document.getElementById("trials-controls").append(count, search);
  holder.append(view);
  view.addEventListener("scroll", () => paint(false), { passive: true });
  view.addEventListener("pointerleave", () => choose(null));
  watchers.push((number) => body.querySelectorAll("tr.row").forEach((r) => r.classList.toggle("chosen", r.dataset.trial === String(number))));
  filter();
}

// `name<number`, `name>=number`, `name=text` compare a column; any other word must occur in the row.
function termOf(term, columns) {
  const [, name, operator, text] = term.match(/^([\w.]+)(<=|>=|<|>|=)(.+)$/) ?? [];
  const column = name && columns.find((c) => c.keys.some((key) => key.toLowerCase() === name));
  if (!column) return (trial) => columns.some((c) => c.text(trial).toLowerCase().includes(term));
  const bound = Number(text.endsWith("%") ? text.slice(0, -1) / 100 : text);
  return (trial) => {
    const value = column.of(trial);
    if (value === null || value === undefined) return false;
    if (operator === "=") return String(value).toLowerCase() === text || value === bound || column.text(trial).toLowerCase() === text;
    if (operator === "<") return value < bound;
    if (operator === ">") return value > bound;
    return operator === "<=" ? value <= bound : value >= bound;
  };
}
