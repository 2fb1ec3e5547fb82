"use strict";

/**
 * The explorer without Python: stored sweeps behind sliders. What it shows, and in which colours
 * and words, stands in window.batchlabSweeps, which docs/explorer_page.py writes. Plotly draws.
 */
(() => {
  const DATA = window.batchlabSweeps;
  const byId = (id) => document.getElementById(id);
  const METRICS = ["val_accuracy", "train_accuracy", "val_loss", "train_loss"];
  const PARTS = Object.keys(DATA.parts);
  const RECORDS = DATA.epoch.length;
  const KINDS = Object.keys(DATA.metric_labels);
  const DEFAULT = {
    batch_size: 32, learning_rate: 0.01, optimizer: "SGD momentum 0.9",
    replicates: DATA.replicates, metric: KINDS[0], x: "epoch",
  };
  /** What each setting may be, in the order of its control. */
  const CHOICES = {
    batch_size: DATA.batch_size,
    learning_rate: DATA.learning_rate,
    optimizer: DATA.optimizer,
    replicates: Array.from({ length: DATA.replicates }, (_, i) => i + 1),
    metric: KINDS,
    x: Object.keys(DATA.x_labels),
  };
  /** The sliders, and the number of each one's first value. */
  const FIRST = { batch_size: 0, learning_rate: 0, replicates: 1 };
  const SLIDERS = Object.keys(FIRST);
  const PIN = ["batch_size", "learning_rate", "optimizer", "replicates"];
  /** Lower accuracies have one colour in the map, so that the differences above can be seen. */
  const MAP_FLOOR = 0.6;
  const CONTROLS = Object.fromEntries(
    Object.keys(CHOICES).map((name) => [name, byId(name.replace("_", "-"))]));

  let setting = { ...DEFAULT };
  let pinned = null;

  // --- The stored numbers -------------------------------------------------------------------

  /**
   * Return the values of a packed array.
   * @param {{type: string, data: string}} packed
   * @returns {Uint8Array|Uint16Array|Float32Array}
   */
  function unpacked(packed) {
    const bytes = Uint8Array.from(atob(packed.data), (letter) => letter.charCodeAt(0));
    const kinds = { uint8: Uint8Array, uint16: Uint16Array, float32: Float32Array };
    return new kinds[packed.type](bytes.buffer);
  }

  const values = Object.fromEntries(METRICS.map((name) => [name, unpacked(DATA.metrics[name])]));
  const lost = unpacked(DATA.diverged);
  const resamples = {};

  /** Return where the replicates of a setting begin, counted in replicates. */
  function place(at) {
    const [b, l, o] = ["batch_size", "learning_rate", "optimizer"].map(
      (name) => CHOICES[name].indexOf(at[name]));
    return ((b * DATA.learning_rate.length + l) * DATA.optimizer.length + o) * DATA.replicates;
  }

  /** Return a metric of one replicate at one record. */
  function value(metric, replicate, record) {
    // A share is counted / samples: to multiply by 1 / samples is what the library does.
    return values[metric][replicate * RECORDS + record] * DATA.metrics[metric].scale;
  }

  /** Return the replicates of a setting, those that are sound and those that diverged. */
  function replicatesOf(at) {
    const first = place(at);
    const all = Array.from({ length: at.replicates }, (_, i) => first + i);
    return { sound: all.filter((r) => !lost[r]), diverged: all.filter((r) => lost[r]) };
  }

  // --- The interval of a mean: batchlab.intervals.mean_interval, with the same resamples ----

  const meanOf = (numbers) => numbers.reduce((sum, one) => sum + one, 0) / numbers.length;
  const rounded = (number) => Math.round(number * 1e14) / 1e14;

  /** Return the share of a standard normal distribution below z (Marsaglia 2004). */
  function normalBelow(z) {
    if (!(Math.abs(z) < 8)) return Number.isNaN(z) ? NaN : Number(z > 0);
    let sum = z, term = z;
    for (let i = 3, before = NaN; sum !== before; i += 2) {
      before = sum;
      term *= (z * z) / i;
      sum += term;
    }
    return 0.5 + sum * Math.exp(-0.5 * z * z - 0.5 * Math.log(2 * Math.PI));
  }

  /** Return the z that this share of a standard normal distribution is below, by bisection. */
  function normalAt(share) {
    if (share <= 0 || share >= 1) return share <= 0 ? -Infinity : Infinity;
    let low = -8, high = 8;
    for (let i = 0; i < 56; i += 1) {
      const middle = (low + high) / 2;
      if (normalBelow(middle) < share) low = middle; else high = middle;
    }
    return (low + high) / 2;
  }

  const Z = normalAt((1 - DATA.confidence) / 2);

  /** Return the quantile of sorted numbers, interpolated. */
  function quantile(sorted, share) {
    const at = share * (sorted.length - 1);
    const below = Math.floor(at);
    if (Number.isNaN(at)) return NaN;
    const part = at - below;
    // As SciPy adds it up: an interval may end on half a thousandth, to be rounded like there.
    return (1 - part) * sorted[below] + part * (sorted[below + 1] ?? sorted[below]);
  }

  /**
   * Return the mean and its interval, bias-corrected and accelerated bootstrap.
   * @param {number[]} numbers one of each replicate
   * @returns {{mean: number, low: number, high: number}} NaN where there is no such number
   */
  function meanInterval(numbers) {
    const n = numbers.length;
    const mean = n ? meanOf(numbers) : NaN;
    if (n < 2) return { mean, low: NaN, high: NaN };
    const largest = Math.max(...numbers.map(Math.abs));
    const scale = 2 ** Math.ceil(Math.log2(largest > 0 ? largest : 1));
    const scaled = numbers.map((one) => one / scale);
    const centre = rounded(meanOf(scaled));
    const drawn = (resamples[n] ??= unpacked(DATA.resamples[n]));
    const means = new Float64Array(drawn.length / n);
    let below = 0;
    for (let b = 0; b < means.length; b += 1) {
      let sum = 0;
      for (let i = 0; i < n; i += 1) sum += scaled[drawn[b * n + i]];
      means[b] = rounded(sum / n);
      below += (means[b] < centre) + (means[b] <= centre);
    }
    const bias = normalAt(below / (2 * means.length));
    const without = scaled.map((_, left) => rounded(meanOf(scaled.filter((_, i) => i !== left))));
    const off = without.map((one) => (n - 1) * (meanOf(without) - one));
    const power = (k) => off.reduce((sum, one) => sum + one ** k, 0) / n ** k;
    const acceleration = power(3) / power(2) ** 1.5 / 6;
    means.sort();
    const [low, high] = [Z, -Z].map((z) => quantile(
      means, normalBelow(bias + (bias + z) / (1 - acceleration * (bias + z)))) * scale);
    const equal = numbers.every((one) => one === numbers[0]) || Number.isNaN(low + high);
    return equal ? { mean, low: mean, high: mean } : { mean, low, high };
  }

  const bands = new Map();
  const keyOf = (at, metric) => PIN.map((name) => at[name]).concat(metric).join();

  /** Return the mean of a metric and its interval at each record; remembered. */
  function band(at, metric) {
    const key = keyOf(at, metric);
    if (!bands.has(key)) {
      const { sound } = replicatesOf(at);
      bands.set(key, DATA.epoch.map(
        (_, record) => meanInterval(sound.map((r) => value(metric, r, record)))));
    }
    return bands.get(key);
  }

  const finals = new Map();

  /** Return the last record's mean of a metric and its interval; remembered. */
  function final(at, metric) {
    const key = keyOf(at, metric);
    if (!finals.has(key)) {
      const { sound } = replicatesOf(at);
      finals.set(key, meanInterval(sound.map((r) => value(metric, r, RECORDS - 1))));
    }
    return finals.get(key);
  }

  // --- Words --------------------------------------------------------------------------------

  const count = (number) => number.toLocaleString("en");
  /** Return a number as the tables show it. Losses are stored up to 3.4e38, whatever they were. */
  const shown = (number) => (Number.isNaN(number) ? "–" : number > 1e37 ? "> 1e+37"
    : Math.abs(number) < 1e4 ? number.toFixed(3) : number.toExponential(1));
  const named = (at) =>
    `${at.optimizer}, batch size ${at.batch_size}, learning rate ${at.learning_rate}`;
  const updatesPerEpoch = (at) => DATA.updates_per_epoch[CHOICES.batch_size.indexOf(at.batch_size)];
  const updates = (at) => DATA.update[CHOICES.batch_size.indexOf(at.batch_size)][RECORDS - 1];
  const plural = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;

  /** Return the accuracy of the Bayes rule on a part, undefined where it is not known. */
  const ceiling = (part) => DATA.ceilings.find((one) => one.part === part)?.accuracy;

  /** Return a mean with its interval in words. */
  function inWords({ mean, low, high }) {
    const interval = Number.isNaN(low) ? "" : ` (95 % interval ${shown(low)} to ${shown(high)})`;
    return `${shown(mean)}${interval}`;
  }

  /** Return the sentence that says what one sees. */
  function sentence() {
    const { sound, diverged } = replicatesOf(setting);
    const epochs = DATA.epoch[RECORDS - 1];
    const spent = `${named(setting)}: ${plural(updatesPerEpoch(setting), "update")} an epoch, ` +
      `${plural(updates(setting), "update")} in ${epochs} epochs.`;
    if (!sound.length) {
      const who = diverged.length > 1 ? `All ${diverged.length} replicates` : "The replicate";
      return `${spent} ${who} diverged: the learning rate is too high here.`;
    }
    const kind = setting.metric;
    const test = final(setting, `val_${kind}`);
    const train = final(setting, `train_${kind}`);
    const whose = sound.length > 1
      ? `mean ${kind} of ${sound.length} replicates` : `${kind} of one replicate`;
    let text = `${spent} After the last, the ${whose} is ${inWords(test)} ` +
      `on the ${DATA.parts.val_} and ${shown(train.mean)} on the ${DATA.parts.train_}.`;
    const best = ceiling("val_");
    if (kind === "accuracy" && best !== undefined) {
      const gap = best - test.mean;
      const far = gap >= 0 ? "below" : "above";
      text += ` That is ${shown(Math.abs(gap))} ${far} the Bayes ceiling ` +
        `of the ${DATA.parts.val_}, ${shown(best)}.`;
    }
    if (diverged.length) {
      text += ` ${diverged.length} of ${setting.replicates} replicates diverged and are left out.`;
    }
    if (pinned && replicatesOf(pinned).sound.length) {
      const more = test.mean - final(pinned, `val_${kind}`).mean;
      text += ` Compared with the pinned setting (${named(pinned)}) this ${kind} is ` +
        `${shown(Math.abs(more))} ${more < 0 ? "lower" : "higher"}.`;
    }
    return text;
  }

  /** Fill the table of numbers. */
  function fillTable() {
    const cell = (name, text, head = false) => {
      const made = document.createElement(head ? "th" : "td");
      if (name) made.dataset.name = name;
      made.textContent = text;
      return made;
    };
    const row = (...cells) => {
      const made = document.createElement("tr");
      made.append(...cells);
      cells[0].scope = "row";
      return made;
    };
    const wide = (made) => Object.assign(made, { colSpan: 3 });
    const group = (at, title, prefix) => {
      const body = document.createElement("tbody");
      const head = Object.assign(cell("", `${title}: ${named(at)}`, true), { colSpan: 4 });
      body.append(row(head));
      head.scope = "rowgroup";
      for (const metric of METRICS) {
        const part = PARTS.find((one) => metric.startsWith(one));
        const found = final(at, metric);
        const numbers = ["mean", "low", "high"].map((name) => {
          const made = cell(`${prefix}${metric}_${name}`, shown(found[name]));
          made.dataset.value = found[name];  // not rounded
          return made;
        });
        const label = `${metric.slice(part.length)}, ${DATA.parts[part]}`;
        body.append(row(cell("", label, true), ...numbers));
      }
      const { diverged } = replicatesOf(at);
      body.append(
        row(cell("", "updates per epoch", true),
          wide(cell(`${prefix}updates_per_epoch`, count(updatesPerEpoch(at))))),
        row(cell("", "updates", true), wide(cell(`${prefix}updates`, count(updates(at))))),
        row(cell("", "replicates", true), wide(cell(`${prefix}replicates`, at.replicates))),
        row(cell("", "of these diverged", true), wide(cell(`${prefix}diverged`, diverged.length))));
      return body;
    };
    const caption = document.createElement("caption");
    caption.textContent = `After epoch ${DATA.epoch[RECORDS - 1]}: means with their 95 % intervals`;
    const head = document.createElement("thead");
    const columns = ["", "mean", "low", "high"].map((text) => cell("", text, text !== ""));
    head.append(row(...columns));
    columns[0].removeAttribute("scope");
    byId("numbers").replaceChildren(caption, head, group(setting, "shown", ""),
      ...(pinned ? [group(pinned, "pinned", "pinned_")] : []));
  }

  // --- Figures ------------------------------------------------------------------------------

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
   */
  function curve(at, part, n, prefix, single) {
    const metric = part + setting.metric;
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
      broken.y.push(...x.slice(0, until).map((_, record) => value(metric, r, record)), null);
      // Lost before the first record: nothing to stand on but the axis.
      crosses.x.push(x[Math.max(until - 1, 0)]);
      crosses.y.push(until ? value(metric, r, until - 1) : null);
    }
    const found = sound.length ? band(at, metric) : [];
    const label = prefix + DATA.parts[part] +
      (diverged.length ? ` (${diverged.length} of ${at.replicates} diverged)` : "");
    const traces = [
      { ...quiet, ...runs, line: { color: faint(color, 0.3), width: 0.6 } },
      { ...quiet, ...broken, line: { color: faint(color, 0.5), width: 0.8 } },
      { ...quiet, ...crosses, mode: "markers", marker: { symbol: "x-thin", size: 8,
        line: { color, width: 1.5 } } },
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

  /** Return what a setting has spent by each record, of the budget along the horizontal axis. */
  function along(at) {
    const size = CHOICES.batch_size.indexOf(at.batch_size);
    return setting.x === "epoch" ? DATA.epoch : DATA[setting.x][size];
  }

  /** Return the vertical axis, in steps of a tenth for accuracies, so that it seldom jumps. */
  function vertical(look) {
    const title = DATA.metric_labels[setting.metric];
    const shownBands = [setting, ...(pinned ? [pinned] : [])].filter(
      (at) => replicatesOf(at).sound.length).flatMap(
      (at) => PARTS.flatMap((part) => band(at, part + setting.metric)));
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
  function drawCurves(look) {
    const curves = PARTS.slice().reverse().flatMap(
      (part) => curve(setting, part, PARTS.indexOf(part), "", true));
    const others = pinned ? PARTS.slice().reverse().flatMap(
      (part) => curve(pinned, part, 2 + PARTS.indexOf(part), "pinned: ", false)) : [];
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
      yaxis: vertical(look),
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

  /** Draw the map of final test accuracies. */
  function drawMap(look) {
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
      byId("explorer-map").on("plotly_click", ({ points: [point] }) => change({
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

  // --- The state, its controls and its address ----------------------------------------------

  /** Return the address's part behind # for the setting that is shown. */
  function address() {
    const parameters = new URLSearchParams(setting);
    if (pinned) parameters.set("pin", PIN.map((name) => pinned[name]).join(","));
    return `#${parameters}`;
  }

  /**
   * Return one value of a setting from its text.
   * @throws {RangeError} one sentence: what was expected, what came
   */
  function parsed(name, text) {
    const found = CHOICES[name].find((one) => (
      typeof one === "number" ? text.trim() !== "" && Number(text) === one : text === one));
    if (found === undefined) {
      throw new RangeError(
        `${name}: expected one of ${CHOICES[name].join(", ")}, received ${text || "nothing"}`);
    }
    return found;
  }

  /** Take the setting from the address; a bad one is the default, and said to be bad. */
  function readAddress() {
    const message = byId("message");
    message.hidden = true;
    const hash = window.location.hash.slice(1);
    // Without "=" it is a heading of this page.
    if (!hash.includes("=")) return;
    const read = { ...DEFAULT };
    let pin = null;
    try {
      for (const [name, text] of new URLSearchParams(hash)) {
        if (name === "pin") {
          const parts = text.split(",");
          pin = Object.fromEntries(PIN.map((one, i) => [one, parsed(one, parts[i] ?? "")]));
        } else if (Object.hasOwn(CHOICES, name)) {
          read[name] = parsed(name, text);
        } else {
          const known = [...Object.keys(CHOICES), "pin"].join(", ");
          throw new RangeError(`the address: expected ${known}, received ${name}`);
        }
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      message.textContent = `${error.message}; this is the default setting.`;
      message.hidden = false;
      Object.assign(read, DEFAULT);
      pin = null;
    }
    setting = read;
    pinned = pin;
  }

  /** Show the setting in the controls. */
  function showControls() {
    for (const name of Object.keys(CHOICES)) {
      if (SLIDERS.includes(name)) {
        const text = String(setting[name]);
        CONTROLS[name].value = FIRST[name] + CHOICES[name].indexOf(setting[name]);
        CONTROLS[name].setAttribute("aria-valuetext", text);
        byId(`${CONTROLS[name].id}-value`).textContent = text;
      } else {
        CONTROLS[name].value = setting[name];
      }
    }
    byId("unpin").disabled = !pinned;
  }

  let pending = 0;

  /** Draw all anew before the next frame; a newer change replaces a pending one. */
  function redraw() {
    showControls();
    cancelAnimationFrame(pending);
    pending = requestAnimationFrame(() => {
      const look = theme();
      drawCurves(look);
      drawMap(look);
      fillTable();
      byId("sentence").textContent = sentence();
    });
  }

  let saving = 0;

  /** Change the setting, and the address a moment later: browsers refuse too many changes. */
  function change(more) {
    setting = { ...setting, ...more };
    byId("message").hidden = true;
    clearTimeout(saving);
    saving = setTimeout(() => window.history.replaceState(null, "", address()), 150);
    redraw();
  }

  function start() {
    for (const [name, control] of Object.entries(CONTROLS)) {
      if (SLIDERS.includes(name)) {
        control.min = FIRST[name];
        control.max = FIRST[name] + CHOICES[name].length - 1;
        control.addEventListener(
          "input", () => change({ [name]: CHOICES[name][control.value - FIRST[name]] }));
      } else {
        const labels = { x: DATA.x_labels, metric: DATA.metric_labels }[name] ?? {};
        control.append(...CHOICES[name].map((one) => new Option(labels[one] ?? one, one)));
        control.addEventListener("change", () => change({ [name]: control.value }));
      }
    }
    byId("pin").addEventListener("click", () => { pinned = { ...setting }; change({}); });
    byId("unpin").addEventListener("click", () => { pinned = null; change({}); });
    const form = byId("explorer").querySelector("form");
    form.addEventListener("submit", (event) => event.preventDefault());
    window.addEventListener("hashchange", () => { readAddress(); redraw(); });
    new MutationObserver(redraw).observe(document.body, { attributeFilter: ["data-theme"] });
    darkMode.addEventListener("change", redraw);
    window.addEventListener("resize", redraw);  // legends and margins follow the width
    byId("explorer").hidden = false;
    readAddress();
    redraw();
  }

  start();
})();
