// Which charts the report has; the trials of a command leave no models.

begin([
  ["front-chart", drawFront], ["history-chart", drawHistory], ["curves-chart", drawCurves], ["importance-chart", drawImportance],
  ["surrogate-chart", drawSurrogate], ["parallel-chart", drawParallel], ["trials-table", drawTable], ["models-list", drawModels],
  ["diagnosis", drawDiagnosis],
].filter(([id]) => document.getElementById(id)));
