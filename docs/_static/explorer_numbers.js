"use strict";

/**
 * What is stored, and the means and intervals that the explorer shows of it. docs/explorer_page.py
 * writes window.batchlabSweeps.
 */
window.batchlabNumbers = (() => {
  const DATA = window.batchlabSweeps;
  const METRICS = ["val_accuracy", "train_accuracy", "val_loss", "train_loss"];
  const PARTS = Object.keys(DATA.parts);
  const RECORDS = DATA.epoch.length;
  /** What each setting may be, in the order of its control. */
  const CHOICES = {
    batch_size: DATA.batch_size,
    learning_rate: DATA.learning_rate,
    optimizer: DATA.optimizer,
    replicates: Array.from({ length: DATA.replicates }, (_, i) => i + 1),
    metric: Object.keys(DATA.metric_labels),
    x: Object.keys(DATA.x_labels),
  };
  /** What of a setting says which runs are shown. */
  const RUNS = ["batch_size", "learning_rate", "optimizer", "replicates"];

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

  /** Return what a setting has spent by each record, of the budget along the horizontal axis. */
  function along(at) {
    const size = CHOICES.batch_size.indexOf(at.batch_size);
    return at.x === "epoch" ? DATA.epoch : DATA[at.x][size];
  }

  const updatesPerEpoch = (at) => DATA.updates_per_epoch[CHOICES.batch_size.indexOf(at.batch_size)];
  const updates = (at) => DATA.update[CHOICES.batch_size.indexOf(at.batch_size)][RECORDS - 1];

  /** Return the accuracy of the Bayes rule on a part, undefined where it is not known. */
  const ceiling = (part) => DATA.ceilings.find((one) => one.part === part)?.accuracy;

  /** Return the replicates of a setting, those that are sound and those that diverged. */
  function replicatesOf(at) {
    const first = place(at);
    const all = Array.from({ length: at.replicates }, (_, i) => first + i);
    return { sound: all.filter((r) => !lost[r]), diverged: all.filter((r) => lost[r]) };
  }

  // --- The interval of a mean: batchlab.analysis.intervals.mean_interval, with the same resamples ----

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
  const keyOf = (at, metric) => RUNS.map((name) => at[name]).concat(metric).join();

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

  return {
    DATA, METRICS, PARTS, RECORDS, CHOICES, RUNS, replicatesOf, value, along, updatesPerEpoch,
    updates, meanOf, band, final, ceiling,
  };
})();
