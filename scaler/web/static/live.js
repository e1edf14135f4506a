// Keeps the page current: asks for the parts that have changed, lets times run, and says when the scaler does not answer.
"use strict";

const watcher = (() => {
  const POLL = 2000, HIDDEN_POLL = 30000, SLOWEST_POLL = 15000, GIVE_UP = 8000, STALE_AFTER = 10000;
  const body = document.body, live = document.getElementById("live");
  let offset = Number(body.dataset.time) * 1000 - Date.now(); // the scaler's clock minus ours, in ms
  let snapshotAt = Number(body.dataset.snapshot) * 1000 || null;
  let answered = Date.now(), run = body.dataset.run, failures = 0, timer = 0;

  const now = () => Date.now() + offset;

  function duration(seconds) {
    const s = Math.max(0, Math.round(seconds));
    if (s < 100) return `${s} s`;
    if (s < 6000) return `${Math.round(s / 60)} min`;
    return s < 172800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86400)} d`;
  }

  function tick() {
    for (const time of document.querySelectorAll("time[data-at]")) {
      const at = Number(time.dataset.at) * 1000;
      const text = new Date(at).toLocaleTimeString();
      if (time.textContent !== text) {
        time.textContent = text;
        time.title = new Date(at).toLocaleString();
      }
    }
    for (const time of document.querySelectorAll("time[data-since]")) {
      const text = `for ${duration((now() - Number(time.dataset.since) * 1000) / 1000)}`;
      if (time.textContent !== text) time.textContent = text;
    }
    for (const time of document.querySelectorAll("time[data-until]")) {
      const left = (Number(time.dataset.until) * 1000 - now()) / 1000;
      const text = left > 0 ? duration(Math.ceil(left)) : "now";
      if (time.textContent !== text) time.textContent = text;
    }
    const silent = Date.now() - answered;
    live.classList.toggle("stale", silent > STALE_AFTER);
    const text = silent > STALE_AFTER
      ? `Stale: no answer from the scaler for ${duration(silent / 1000)}; trying again`
      : snapshotAt ? `live, snapshot ${duration((now() - snapshotAt) / 1000)} old` : "live, no snapshot of the cluster";
    if (live.textContent !== text) live.textContent = text;
  }

  function swap(part, html, mark) {
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    const open = new Set([...part.querySelectorAll("details[open]")].map((one) => one.id));
    const key = focused && (focused.id || focused.closest("[id]").id !== part.id && focused.closest("[id]").id);
    const name = focused && (focused.name || focused.getAttribute("aria-label"));
    const template = document.createElement("template");
    template.innerHTML = html; // the scaler's own markup: text of others is escaped there
    part.replaceChildren(template.content);
    part.dataset.mark = mark;
    for (const one of part.querySelectorAll("details")) one.open = open.has(one.id);
    show(part);
    if (focused) {
      const again = (key && document.getElementById(key) && (document.getElementById(key).querySelector("summary") || document.getElementById(key)))
        || [...part.querySelectorAll("button, select, a, input")].find((one) => (one.name || one.getAttribute("aria-label")) === name);
      if (again) again.focus({ preventScroll: true });
    }
  }

  function show(root) {
    for (const one of root.querySelectorAll(".scripted")) one.hidden = false;
  }

  async function poll() {
    clearTimeout(timer);
    const parts = [...document.querySelectorAll("[data-part]")];
    const asked = new URLSearchParams(location.search);
    asked.set("have", parts.map((part) => part.dataset.mark).join(","));
    try {
      const reply = await fetch(`page/parts?${asked}`, { signal: AbortSignal.timeout(GIVE_UP), cache: "no-store" });
      if (!reply.ok) throw new Error(`HTTP ${reply.status}`);
      const found = await reply.json();
      answered = Date.now();
      failures = 0;
      offset = found.time * 1000 - Date.now();
      snapshotAt = found.snapshot_at === null ? null : found.snapshot_at * 1000;
      if (found.version !== body.dataset.version) { location.reload(); return; }
      for (const part of parts) {
        const changed = found.parts[part.dataset.part];
        if (changed) swap(part, changed.html, changed.mark);
      }
      if (found.run !== run) {
        run = found.run;
        document.dispatchEvent(new Event("watcher:restarted"));
      }
      document.dispatchEvent(new Event("watcher:polled"));
    } catch {
      failures += 1;
    }
    tick();
    const pause = document.hidden ? HIDDEN_POLL : Math.min(SLOWEST_POLL, POLL * 2 ** Math.min(failures, 3));
    timer = setTimeout(poll, failures ? Math.min(pause, 4000) : pause);
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
  document.addEventListener("change", (event) => {
    const form = event.target.closest(".filter");
    if (form) filter(form);
  });
  document.addEventListener("submit", (event) => {
    if (event.target.matches(".filter")) { event.preventDefault(); filter(event.target); }
  });

  function filter(form) {
    const chosen = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    history.replaceState(null, "", chosen.size ? `?${chosen}` : location.pathname);
    poll();
  }

  show(document);
  setInterval(tick, 1000);
  tick();
  timer = setTimeout(poll, POLL);
  return { now, duration, poll };
})();
