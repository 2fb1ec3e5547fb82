"use strict";

/**
 * The explorer without Python: stored sweeps behind sliders. What it shows, and in which colours
 * and words, stands in window.batchlabSweeps, which docs/explorer_page.py writes.
 */
(() => {
  const { DATA, CHOICES, RUNS } = window.batchlabNumbers;
  const { sentence, fillTable } = window.batchlabWords;
  const { darkMode, theme, drawCurves, drawMap } = window.batchlabFigures;
  const byId = (id) => document.getElementById(id);
  const DEFAULT = {
    batch_size: 32, learning_rate: 0.01, optimizer: "SGD momentum 0.9",
    replicates: DATA.replicates, metric: CHOICES.metric[0], x: "epoch",
  };
  /** The sliders, and the number of each one's first value. */
  const FIRST = { batch_size: 0, learning_rate: 0, replicates: 1 };
  const SLIDERS = Object.keys(FIRST);
  const CONTROLS = Object.fromEntries(
    Object.keys(CHOICES).map((name) => [name, byId(name.replace("_", "-"))]));

  let setting = { ...DEFAULT };
  let pinned = null;

  /** Return the address's part behind # for the setting that is shown. */
  function address() {
    const parameters = new URLSearchParams(setting);
    if (pinned) parameters.set("pin", RUNS.map((name) => pinned[name]).join(","));
    return `#${parameters}`;
  }

  /**
   * Return one value of a setting from its text.
   * @param {string} called what an error calls it
   * @throws {RangeError} one sentence: what was expected, what came
   */
  function parsed(name, text, called = name) {
    const found = CHOICES[name].find((one) => (
      typeof one === "number" ? text.trim() !== "" && Number(text) === one : text === one));
    if (found === undefined) {
      throw new RangeError(
        `${called}: expected one of ${CHOICES[name].join(", ")}, received ${text || "nothing"}`);
    }
    return found;
  }

  /** Return which runs are pinned from their part of the address. */
  function parsedPin(text) {
    const parts = text === "" ? [] : text.split(",");
    if (parts.length !== RUNS.length) {
      throw new RangeError(`pin: expected ${RUNS.length} parts, ${RUNS.join(", ")}, ` +
        `received ${parts.length || "nothing"}${parts.length ? `, ${text}` : ""}`);
    }
    return Object.fromEntries(RUNS.map((one, i) => [one, parsed(one, parts[i], `pin, ${one}`)]));
  }

  /**
   * Take the setting from the address. A bad one changes nothing, and is said to be bad.
   * @param {string} url
   * @param {string} kept what is shown then
   */
  function readAddress(url, kept) {
    const message = byId("message");
    message.hidden = true;
    const hash = new URL(url).hash.slice(1);
    // Without "=" it is a heading of this page.
    if (!hash.includes("=")) return;
    const read = { ...DEFAULT };
    let pin = null;
    const parameters = new URLSearchParams(hash);
    try {
      for (const [name, text] of parameters) {
        const given = parameters.getAll(name);
        if (given.length > 1) {
          throw new RangeError(`${name}: expected one value, received ${given.join(" and ")}`);
        }
        if (name === "pin") {
          pin = parsedPin(text);
        } else if (Object.hasOwn(CHOICES, name)) {
          read[name] = parsed(name, text);
        } else {
          const known = [...Object.keys(CHOICES), "pin"].join(", ");
          throw new RangeError(`the address: expected ${known}, received ${name}`);
        }
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      message.textContent = `${error.message}; ${kept}.`;
      message.hidden = false;
      return;
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
      // Two settings are compared along the same axes.
      const { metric, x } = setting;
      const view = { setting, pinned: pinned && { ...pinned, metric, x } };
      drawCurves(look, view);
      drawMap(look, view, change);
      fillTable(view);
      byId("sentence").textContent = sentence(view);
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
    window.addEventListener("hashchange", ({ newURL }) => {
      // Not window.location: an earlier change may be written there meanwhile.
      readAddress(newURL, "the setting stays as it was");
      redraw();
    });
    new MutationObserver(redraw).observe(document.body, { attributeFilter: ["data-theme"] });
    darkMode.addEventListener("change", redraw);
    window.addEventListener("resize", redraw);  // legends and margins follow the width
    byId("explorer").hidden = false;
    readAddress(window.location.href, "this is the default setting");
    redraw();
  }

  start();
})();
