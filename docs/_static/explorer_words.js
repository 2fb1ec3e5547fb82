"use strict";

/** What the explorer says of a setting, in a sentence and in a table. */
window.batchlabWords = (() => {
  const {
    DATA, METRICS, PARTS, RECORDS, RUNS, replicatesOf, updatesPerEpoch, updates, final, ceiling,
  } = window.batchlabNumbers;
  const byId = (id) => document.getElementById(id);

  const count = (number) => number.toLocaleString("en");
  /** Return a number as the tables show it. Losses are stored up to 3.4e38, whatever they were. */
  const shown = (number) => (Number.isNaN(number) ? "–" : number > 1e37 ? "> 1e+37"
    : Math.abs(number) < 1e4 ? number.toFixed(3) : number.toExponential(1));
  const named = (at) =>
    `${at.optimizer}, batch size ${at.batch_size}, learning rate ${at.learning_rate}`;
  const plural = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;

  /** Return a mean with its interval in words. */
  function inWords({ mean, low, high }) {
    const interval = Number.isNaN(low) ? "" : ` (95 % interval ${shown(low)} to ${shown(high)})`;
    return `${shown(mean)}${interval}`;
  }

  /** Return how far a number is from another, a preposition behind it: "0.012 below". */
  function apart(difference, above, below) {
    const far = shown(Math.abs(difference));
    return far === shown(0) ? "within 0.0005 of" : `${far} ${difference < 0 ? below : above}`;
  }

  /** Return the sentence that compares a setting with the pinned one. */
  function compared(setting, pinned) {
    if (RUNS.every((name) => setting[name] === pinned[name])) {
      return "This is the same setting as the pinned one.";
    }
    const [mine, other] = [setting, pinned].map((at) => final(at, `val_${setting.metric}`).mean);
    return `This ${setting.metric} is ${apart(mine - other, "higher than", "lower than")} ` +
      `that of the pinned setting (${named(pinned)}).`;
  }

  /** Return the sentence that says what one sees. */
  function sentence({ setting, pinned }) {
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
      text += ` That is ${apart(test.mean - best, "above", "below")} the Bayes ceiling ` +
        `of the ${DATA.parts.val_}, ${shown(best)}.`;
    }
    if (diverged.length) {
      const verb = diverged.length === 1 ? "is" : "are";
      text += ` ${diverged.length} of ${setting.replicates} replicates diverged and ` +
        `${verb} left out.`;
    }
    if (pinned && replicatesOf(pinned).sound.length) text += ` ${compared(setting, pinned)}`;
    return text;
  }

  /** Fill the table of numbers. */
  function fillTable({ setting, pinned }) {
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

  return { shown, named, inWords, sentence, fillTable };
})();
