"use strict";

/** The explorer's figures: learning curves with their bands, and the map. Plotly draws. */
window.batchlabFigures = (() => {
  const {
    DATA, PARTS, RECORDS, CHOICES, replicatesOf, value, along, meanOf, band, ceiling,
  } = window.batchlabNumbers;
  const { shown, named, inWords } = window.batchlabWords;
  const byId = (id) => document.getElementById(id);
  /** Lower accuracies have one colour in the map, so that the differences above can be seen. */
  const MAP_FLOOR = 0.6;
  /** How many heights of the panel a curve that leaves it is drawn. */
  const BEYOND = 10;

  const darkMode = window.matchMedia("(prefers-color-scheme: dark)");

  /** Return the colours of the theme that is on. */
  function theme() {
    const chosen = document.body.dataset.theme;
    const style = getComputedStyle(document.body);
    const color = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
    const dark = chosen === "dark" || (chosen !== "light" && darkMode.matches);
    return {
      dark,
      text: color("--color-foreground-primary", dark ? "#eee" : "#111"),
      paper: color("--color-background-primary", dark ? "#131416" : "#fff"),
      grid: color("--color-background-border", dark ? "#303335" : "#eee"),
    };
  }

  /** Return what all axes share. */
  function axis(title, look, more) {
    return {
      title: { text: title, standoff: 8 }, gridcolor: look.grid, linecolor: look.text,
      tickcolor: look.text, showline: true, zeroline: false, ticks: "outside",
      exponentformat: "power", automargin: true, ...more,
    };
  }

  /** Return what all figures share. */
  function layout(look, more) {
    return {
      paper_bgcolor: look.paper, plot_bgcolor: look.paper,
      font: { color: look.text, size: 12 }, hoverlabel: { font: { size: 12 } }, ...more,
    };
  }

  const LEGEND = { orientation: "h", traceorder: "normal", x: 0, y: -0.2, yanchor: "top" };
  const config = { responsive: true, displayModeBar: false };

  /** Return a colour, #rrggbb, with an opacity. */
  function faint(color, opacity) {
    const parts = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
    return `rgba(${parts.join()}, ${opacity})`;
  }

  /** Return the colour and dashes of the n-th curve. */
  const styleOf = (n) => ({ color: DATA.colors[n], dash: DATA.dashes[n] });

  /**
   * Return what draws one curve of a setting: single runs, those that diverged, band and mean.
   * @param {object} at a setting
   * @param {string} part a key of DATA.parts
   * @param {number} n which colour and dashes
   * @param {string} prefix of the label in the legend
   * @param {boolean} single whether sound replicates are drawn one by one
   * @param {number[]} range of the vertical axis
   */
  function curve(at, part, n, prefix, single, [bottom, top]) {
    const metric = part + at.metric;
    const x = along(at);
    const { color, dash } = styleOf(n);
    const { sound, diverged } = replicatesOf(at);
    const quiet = { mode: "lines", hoverinfo: "skip", showlegend: false };
    const runs = { x: [], y: [] };
    for (const r of single ? sound : []) {
      runs.x.push(...x, null);
      runs.y.push(...x.map((_, record) => value(metric, r, record)), null);
    }
    const broken = { x: [], y: [] };
    const crosses = { x: [], y: [] };
    for (const r of diverged) {
      const end = x.findIndex((_, record) => !Number.isFinite(value(`${part}loss`, r, record)));
      const until = end < 0 ? RECORDS : end;
      broken.x.push(...x.slice(0, until), null);
      // A loss on its way to infinity leaves the panel; what lies far beyond it cannot be drawn.
      broken.y.push(...x.slice(0, until).map(
        (_, record) => Math.min(value(metric, r, record), BEYOND * top)), null);
      // Lost before the first record: nothing to stand on but the axis.
      crosses.x.push(x[Math.max(until - 1, 0)]);
      crosses.y.push(until ? Math.min(Math.max(value(metric, r, until - 1), bottom), top) : null);
    }
    const found = sound.length ? band(at, metric) : [];
    const label = prefix + DATA.parts[part] +
      (diverged.length ? ` (${diverged.length} of ${at.replicates} diverged)` : "");
    const traces = [
      { ...quiet, ...runs, line: { color: faint(color, 0.3), width: 0.6 } },
      { ...quiet, ...broken, line: { color: faint(color, 0.5), width: 0.8 } },
      { ...quiet, ...crosses, mode: "markers", cliponaxis: false,
        marker: { symbol: "x-thin", size: 8, line: { color, width: 1.5 } } },
    ];
    if (sound.length > 1) {
      traces.push(
        { ...quiet, x, y: found.map((one) => one.low), line: { width: 0 } },
        { ...quiet, x, y: found.map((one) => one.high), line: { width: 0 }, fill: "tonexty",
          fillcolor: faint(color, 0.3) });
    }
    traces.push({
      x: sound.length ? x : [null], y: sound.length ? found.map((one) => one.mean) : [null],
      name: label, mode: "lines", line: { color, dash, width: 2.2 }, legendrank: n + 1,
      customdata: found.map(inWords), hovertemplate: `%{customdata}<extra>${label}</extra>`,
    });
    return traces;
  }

  /** Return the vertical axis, in steps of a tenth for accuracies, so that it seldom jumps. */
  function vertical(look, { setting, pinned }) {
    const title = DATA.metric_labels[setting.metric];
    const shownBands = [setting, ...(pinned ? [pinned] : [])].filter(
      (at) => replicatesOf(at).sound.length).flatMap(
      (at) => PARTS.flatMap((part) => band(at, part + at.metric)));
    const means = shownBands.map((one) => one.mean);
    if (setting.metric === "accuracy") {
      const low = means.length ? Math.min(0.2, ...means) : 0;
      return axis(title, look, { range: [Math.max(0, Math.floor(low * 10) / 10), 0.9] });
    }
    const [low, high] = [Math.min(...means), Math.max(...means)];
    if (!means.length || high > 30 * low) return axis(title, look, { type: "log" });
    const top = Math.max(...shownBands.map((one) => (one.high > one.mean ? one.high : one.mean)));
    return axis(title, look, { range: [0, top * 1.05] });
  }

  /** Draw the learning curves. */
  function drawCurves(look, view) {
    const { setting, pinned } = view;
    const yaxis = vertical(look, view);
    // A logarithmic one reaches as far as the curves.
    const range = yaxis.range ?? [-Infinity, Infinity];
    const curves = PARTS.slice().reverse().flatMap(
      (part) => curve(setting, part, PARTS.indexOf(part), "", true, range));
    const others = pinned ? PARTS.slice().reverse().flatMap(
      (part) => curve(pinned, part, 2 + PARTS.indexOf(part), "pinned: ", false, range)) : [];
    const lines = setting.metric === "accuracy" ? DATA.ceilings : [];
    const ceilings = lines.map((line) => ({
      x: [0, 1], y: [line.accuracy, line.accuracy], xaxis: "x2", mode: "lines", name: line.label,
      hoverinfo: "skip",
      line: { color: look.dark ? "#b0b0b0" : line.color, dash: line.dash, width: 1 } }));
    const all = [setting, ...(pinned ? [pinned] : [])].flatMap(along);
    const ends = [Math.min(...all), Math.max(...all)];
    const horizontal = setting.x === "epoch" ? { range: [0, ends[1]] }
      : { type: "log", dtick: 1, range: ends.map(Math.log10) };
    const caption = DATA.captions[setting.replicates - 1];
    byId("explorer-curves-title").textContent = `${DATA.problem}, ${named(setting)}`;
    Plotly.react("explorer-curves", [...ceilings, ...others, ...curves], layout(look, {
      xaxis: axis(DATA.x_labels[setting.x], look, horizontal),
      // Ceilings reach from side to side, whatever the scale.
      xaxis2: { range: [0, 1], overlaying: "x", visible: false, fixedrange: true },
      yaxis,
      legend: { ...LEGEND, title: { text: caption, side: "top", font: { size: 12 } } },
      margin: { t: 12, r: 12, b: 40, l: 52 }, hovermode: "x",
      dragmode: window.matchMedia("(pointer: coarse)").matches ? false : "zoom",
    }), config);
    const { diverged } = replicatesOf(setting);
    byId("explorer-curves").setAttribute("aria-label",
      `Learning curves: ${DATA.metric_labels[setting.metric]} against ` +
      `${DATA.x_labels[setting.x]}, ${Object.values(DATA.parts).join(" and ")}; ` +
      `${named(setting)}; ${caption}; ` +
      `${diverged.length} diverged` + (pinned ? `; pinned: ${named(pinned)}.` : "."));
  }

  let clickable = false;

  /** Draw the map of final test accuracies. A click on a cell chooses its setting. */
  function drawMap(look, { setting, pinned }, choose) {
    const cellOf = (batch_size, learning_rate) => {
      const at = { ...setting, batch_size, learning_rate };
      const { sound, diverged } = replicatesOf(at);
      const ends = sound.map((r) => value("val_accuracy", r, RECORDS - 1));
      const mean = sound.length ? meanOf(ends) : null;
      return { at, diverged: diverged.length, sound: sound.length, mean };
    };
    const rows = CHOICES.learning_rate.map(
      (rate) => CHOICES.batch_size.map((size) => cellOf(size, rate)));
    const cells = rows.flatMap((row, y) => row.map((cell, x) => ({ ...cell, x, y })));
    const some = cells.filter((cell) => cell.diverged && cell.sound);
    const all = cells.filter((cell) => !cell.sound);
    const marks = (chosen, symbol, name, size) => ({ x: chosen.map((cell) => cell.x),
      y: chosen.map((cell) => cell.y), mode: "markers", type: "scatter", name, hoverinfo: "skip",
      showlegend: chosen.length > 0,
      marker: { symbol, size, color: look.paper, line: { color: look.text, width: 1.5 } } });
    const inCell = ({ at, sound, diverged, mean }) =>
      `batch size ${at.batch_size}, learning rate ${at.learning_rate}<br>` +
      (sound ? `accuracy ${shown(mean)}` : "no accuracy") +
      (diverged ? `<br>${diverged} of ${setting.replicates} diverged` : "");
    const box = (at, color, dash) => {
      const x = CHOICES.batch_size.indexOf(at.batch_size);
      const y = CHOICES.learning_rate.indexOf(at.learning_rate);
      const lines = [{ color: look.paper, width: 6 }, { color, width: 3, dash }];
      return lines.map((line) => (
        { type: "rect", x0: x - 0.5, x1: x + 0.5, y0: y - 0.5, y1: y + 0.5, line }));
    };
    const ticks = (name) => ({
      tickvals: CHOICES[name].map((_, i) => i), ticktext: CHOICES[name].map(String),
      fixedrange: true, range: [-0.5, CHOICES[name].length - 0.5], showgrid: false, tickangle: 0 });
    const narrow = byId("explorer-map").clientWidth < 380;
    byId("explorer-map-title").textContent = `${DATA.problem}, ${setting.optimizer}: ` +
      `mean accuracy, ${DATA.parts.val_}, epoch ${DATA.epoch[RECORDS - 1]}`;
    Plotly.react("explorer-map", [
      { type: "heatmap", z: rows.map((row) => row.map((cell) => cell.mean)),
        text: rows.map((row) => row.map(inCell)),
        hovertemplate: "%{text}<extra></extra>", hoverongaps: true, colorscale: "Cividis",
        xgap: 1, ygap: 1, zmin: MAP_FLOOR, zmax: ceiling("val_") ?? 1,
        colorbar: { orientation: "h", thickness: 12, y: 1, yanchor: "bottom", outlinewidth: 0,
          tickvals: [MAP_FLOOR, 0.7, 0.8], ticktext: [`≤ ${MAP_FLOOR}`, "0.7", "0.8"] } },
      marks(some, "circle", "some diverged", 8), marks(all, "x-thin", "all diverged", 8),
    ], layout(look, {
      xaxis: axis(DATA.setting_labels.batch_size, look,
        { ...ticks("batch_size"), tickfont: { size: narrow ? 9 : 11 } }),
      yaxis: axis(DATA.setting_labels.learning_rate, look, ticks("learning_rate")),
      shapes: [
        ...(pinned && pinned.optimizer === setting.optimizer
          ? box(pinned, DATA.colors[2], "dot") : []),
        ...box(setting, DATA.colors[1], "solid")],
      legend: LEGEND,
      margin: { t: 48, r: 12, b: 40, l: 60 }, dragmode: false, clickmode: "event",
    }), config);
    if (!clickable) {
      byId("explorer-map").on("plotly_click", ({ points: [point] }) => choose({
        batch_size: CHOICES.batch_size[point.x], learning_rate: CHOICES.learning_rate[point.y] }));
      clickable = true;
    }
    const best = cells.filter((cell) => cell.sound).sort((a, b) => b.mean - a.mean)[0];
    byId("explorer-map").setAttribute("aria-label",
      `Map: mean accuracy on the ${DATA.parts.val_} by batch size and learning rate, ` +
      `${setting.optimizer}; ` + (best ? `best ${shown(best.mean)} at batch size ` +
      `${best.at.batch_size}, learning rate ${best.at.learning_rate}; ` : "") +
      `in ${all.length} of ${cells.length} cells all replicates diverged; ` +
      `chosen: batch size ${setting.batch_size}, learning rate ${setting.learning_rate}.`);
  }

  return { darkMode, theme, drawCurves, drawMap };
})();
