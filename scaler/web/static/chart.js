// Demand and workers over time, and the decisions as marks. The drawing is uPlot's; stacking and marks are ours.
"use strict";

(() => {
  const SPANS = { "15m": 900, "1h": 3600, "6h": 21600, "24h": 86400 }, HEIGHT = 170;
  // The signs of decisions, the most important first: marks that would overlap are one, with the sign of the first.
  const SIGNS = { launch: "▲", remove: "▼", drain: "▽", prepare: "△", impossible: "!", hold: "‖" };
  const MARK_WIDTH = 24, MARK_LINES = 5;
  const STATES = { RUNNING: "--c0", ALLOCATED: "--c7", REQUESTED: "--c7", WARM: "--c3", DRAINING: "--c1", TERMINATING: "--c1" };
  const places = { demand: document.getElementById("plot-demand"), workers: document.getElementById("plot-workers") };
  const marks = document.getElementById("marks"), markText = document.getElementById("mark-text"), text = document.getElementById("chart-text");
  const still = markText.textContent;
  let span = "1h", plots = {}, shown = "", data = null, timer = 0, chosen = "";

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // Values on top of each other, from the bottom; the last row has the sums.
  function stacked(series) {
    const sums = [];
    return series.map(({ values }) => values.map((value, i) => (sums[i] = value === null ? null : (sums[i] || 0) + value)));
  }

  function options(title, series, colours, width, line) {
    const clock = (_plot, moments) => moments.map((at) => new Date(at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
    const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
    const fills = series.map((one, i) => ({
      label: one.name,
      stroke: colour(colours(one.name, i)),
      fill: colour(colours(one.name, i)),
      width: 1,
      points: { show: false },
      paths: uPlot.paths.stepped({ align: 1 }),
      value: (_plot, _value, row, at) => String(one.values[at ?? one.values.length - 1] ?? "–"),
    }));
    const limit = line ? [{ label: line, value: (plot, _value, row, at) => String(plot.data[row][at ?? plot.data[row].length - 1] ?? "–"), stroke: colour("--act"), dash: [6, 4], width: 2, points: { show: false }, paths: uPlot.paths.stepped({ align: 1 }) }] : [];
    return {
      title, width, height: HEIGHT, cursor: { sync: { key: "watcher" }, drag: { x: false, y: false } },
      scales: { x: { range: () => [data.since, data.until] }, y: { range: (_plot, _min, max) => [0, Math.max(1, max || 0) * 1.08] } },
      axes: [{ ...axis, values: clock, space: 70 }, { ...axis, size: 54, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 1e4, 1e5, 1e6] }],
      series: [{ label: "time", value: (_plot, at) => (at === null ? "now" : new Date(at * 1000).toLocaleTimeString()) }, ...limit, ...[...fills].reverse()],
    };
  }

  // A new drawing if names, width or colours have changed; else the same one gets the new values.
  function draw(name, title, series, colours, line, limits) {
    const width = places[name].clientWidth, key = JSON.stringify([series.map((one) => one.name), width, colour("--page")]);
    const rows = [data.times, ...(line ? [limits] : []), ...stacked(series).reverse()];
    if (plots[name]?.key === key) {
      plots[name].read.forEach((one, i) => { one.values = series[i].values; });
      plots[name].plot.setData(rows);
      return;
    }
    plots[name]?.plot.destroy();
    const read = series.map((one) => ({ ...one }));
    plots[name] = { key, read, plot: new uPlot(options(title, read, colours, width, line), rows, places[name]) };
  }

  function explain(group) {
    const lines = group.slice(-MARK_LINES).map((mark) => `${new Date(mark.at * 1000).toLocaleTimeString()} ${mark.action} ${mark.count}: ${mark.cause}. ${mark.reason}`);
    const more = group.length - lines.length;
    return [...(more ? [`${more} earlier, in the list of decisions below`] : []), ...lines].join("\n");
  }

  // Marks that would overlap, together; `pixels` is where a mark belongs.
  function grouped(pixels) {
    const groups = [];
    for (const mark of data.marks) {
      const last = groups[groups.length - 1];
      if (last && pixels(mark) - pixels(last[0]) < MARK_WIDTH) last.push(mark);
      else groups.push([mark]);
    }
    return groups;
  }

  const sign = (group) => Object.entries(SIGNS).find(([action]) => group.some((mark) => mark.action === action))?.[1] || "•";

  function drawMarks() {
    const key = JSON.stringify([data.marks, Math.round(data.since), marks.clientWidth]);
    if (key === shown) return;
    shown = key;
    const focused = document.activeElement?.parentElement === marks ? document.activeElement.dataset.key : null;
    const plot = plots.workers.plot, left = plot.bbox.left / devicePixelRatio, width = plot.bbox.width / devicePixelRatio;
    const pixels = (mark) => left + width * Math.max(0, (mark.at - data.since) / (data.until - data.since));
    marks.replaceChildren(...grouped(pixels).map((group) => {
      const [mark] = group, said = explain(group), button = document.createElement("button");
      button.type = "button";
      button.textContent = sign(group);
      button.dataset.key = `${mark.at} ${mark.action} ${mark.cause}`;
      button.dataset.text = said;
      button.setAttribute("aria-label", said);
      button.setAttribute("aria-expanded", String(button.dataset.key === chosen));
      button.style.left = `${pixels(mark)}px`;
      return button;
    }));
    if (focused) [...marks.children].find((one) => one.dataset.key === focused)?.focus({ preventScroll: true });
  }

  function choose(button) {
    chosen = button.dataset.key;
    for (const one of marks.children) one.setAttribute("aria-expanded", String(one === button));
    markText.textContent = button.dataset.text;
  }

  function sum(series, at) {
    return series.reduce((total, one) => total + (one.values[at] || 0), 0);
  }

  // Running workers are at the bottom.
  const place = ({ name }) => (Object.keys(STATES).indexOf(name) + 1 || Infinity);

  function summary() {
    const last = data.times.length - 1, all = data.times.map((_at, i) => i);
    if (last < 0) return "Nothing is recorded of this time yet.";
    const peak = (series) => Math.max(...all.map((i) => sum(series, i)));
    return `Pending requests: ${sum(data.demand, last)} now, at most ${peak(data.demand)}. `
      + `Workers: ${sum(data.workers, last)} now, at most ${peak(data.workers)}, limit ${data.max_workers[last]}. Decisions: ${data.marks.length}.`;
  }

  function redraw() {
    if (!data) return;
    text.textContent = summary();
    if (!data.times.length) return;
    draw("demand", "Pending requests by shape", data.demand, (_name, i) => `--c${i % 8}`);
    draw("workers", "Workers by state", data.workers, (name, i) => STATES[name] || `--c${(i + 4) % 8}`, "max_workers", data.max_workers);
    drawMarks();
  }

  async function load() {
    clearTimeout(timer);
    const asked = span;
    try {
      const reply = await fetch(`api/v1/chart?seconds=${SPANS[asked]}`, { signal: AbortSignal.timeout(8000), cache: "no-store" });
      if (!reply.ok) throw new Error(`HTTP ${reply.status}`);
      const found = await reply.json();
      if (asked !== span) return;
      data = { ...found, workers: found.workers.sort((one, other) => place(one) - place(other)) };
      redraw();
    } catch { /* the line at the top says that the scaler does not answer */ }
    timer = setTimeout(load, document.hidden ? 60000 : Math.max(5000, SPANS[span] * 1000 / 180));
  }

  document.querySelector(".spans").addEventListener("click", (event) => {
    const button = event.target.closest("[data-span]");
    if (!button) return;
    span = button.dataset.span;
    for (const one of document.querySelectorAll("[data-span]")) one.setAttribute("aria-pressed", String(one === button));
    load();
  });
  marks.addEventListener("click", (event) => { const button = event.target.closest("button"); if (button) choose(button); });
  marks.addEventListener("mouseover", (event) => { const button = event.target.closest("button"); if (button) markText.textContent = button.dataset.text; });
  marks.addEventListener("mouseout", () => { markText.textContent = [...marks.children].find((one) => one.dataset.key === chosen)?.dataset.text || still; });
  marks.addEventListener("focusin", (event) => { markText.textContent = event.target.dataset.text; });
  document.addEventListener("watcher:restarted", load);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) load(); });
  let resizing = 0;
  addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(redraw, 150); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  load();
})();
