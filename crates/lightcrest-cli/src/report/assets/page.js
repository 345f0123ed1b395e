// Starts everything. A chart that fails says so in its place and leaves the others alone.

for (const [id, draw] of [
  ["front-chart", drawFront], ["history-chart", drawHistory], ["curves-chart", drawCurves], ["importance-chart", drawImportance],
  ["parallel-chart", drawParallel], ["trials-table", drawTable], ["models-list", drawModels],
]) {
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
