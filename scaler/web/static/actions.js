// Pause, resume, add and remove: POST with the token, which is asked for once and kept in this tab.
"use strict";

(() => {
  const notice = document.getElementById("notice"), TOKEN = "ray-watcher-token", NAME = "ray-watcher-name";

  function say(text, bad) {
    notice.textContent = text;
    notice.classList.toggle("bad", Boolean(bad));
  }

  function fill(dialog, texts) {
    for (const [name, text] of Object.entries(texts)) dialog.querySelector(`[data-fill="${name}"]`).textContent = text;
  }

  // The form's values, or null if it was cancelled.
  function ask(id, texts = {}) {
    const dialog = document.getElementById(id), form = dialog.querySelector("form");
    form.reset();
    fill(dialog, texts);
    if (form.elements.by) form.elements.by.value = sessionStorage.getItem(NAME) || "";
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => {
        if (dialog.returnValue !== "yes") { resolve(null); return; }
        const values = Object.fromEntries(new FormData(form));
        if (values.by) sessionStorage.setItem(NAME, values.by);
        resolve(values);
      }, { once: true });
    });
  }

  async function post(verb, asked) {
    const token = sessionStorage.getItem(TOKEN);
    const headers = { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) };
    const reply = await fetch(`api/v1/${verb}`, { method: "POST", headers, body: JSON.stringify(asked) });
    const answer = await reply.json();
    if (reply.status !== 401) return { ok: reply.ok, answer };
    sessionStorage.removeItem(TOKEN);
    const given = await ask("dialog-token", { said: token ? "The scaler refused this token: it is not the right one." : "" });
    if (!given) return { ok: false, answer: { detail: "nothing was done: the scaler wants its token" } };
    sessionStorage.setItem(TOKEN, given.token.trim());
    return post(verb, asked);
  }

  async function carryOut(verb, asked, done) {
    say("…");
    try {
      const { ok, answer } = await post(verb, asked);
      say(ok ? done(answer) : `Not done: ${answer.detail}`, !ok);
    } catch (error) {
      say(`Not done: the scaler does not answer (${error.message})`, true);
    }
    watcher.poll();
    setTimeout(watcher.poll, 1200); // by then the loop has finished a round, and the parts are rendered again
  }

  const stated = (values) => ({ reason: values.reason, ...(values.by ? { by: values.by } : {}) });

  const deeds = {
    async pause(button) {
      const way = button.dataset.way, values = await ask("dialog-pause", { way });
      if (!values) return;
      const asked = { direction: way, ...stated(values), ...(values.seconds ? { seconds: Number(values.seconds) } : {}) };
      await carryOut("pause", asked, () => `Scaling ${way} is paused.`);
    },
    async resume(button) {
      const way = button.dataset.way;
      await carryOut("resume", { direction: way }, () => `Scaling ${way} is resumed.`);
    },
    async add() {
      const values = await ask("dialog-add");
      if (values) await carryOut("add-worker", { worker_type: values.worker_type, ...stated(values) }, (a) => `Launching ${a.worker_id}.`);
    },
    async remove(button) {
      const { worker, busy } = button.dataset;
      const cost = busy
        ? `It is busy: ${busy}. Without the box below it stays; with it, its work is lost. Ray retries tasks that have retries left.`
        : "Nothing runs on it. Ray is asked again before it is drained; its place in the pool is free afterwards.";
      const values = await ask("dialog-remove", { worker, cost });
      if (!values) return;
      const asked = { worker_id: worker, force: values.force === "on", ...stated(values) };
      await carryOut("remove-worker", asked, (a) => `${a.action === "drain" ? "Draining" : "Removing"} ${a.worker_id}.`);
    },
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.close !== undefined) button.closest("dialog").close("");
    if (deeds[button.dataset.do]) deeds[button.dataset.do](button);
  });

  // Which of pause and resume is offered follows from the figures.
  function offer() {
    const paused = JSON.parse(document.querySelector("[data-paused]").dataset.paused);
    for (const button of document.querySelectorAll("[data-way]")) {
      button.hidden = (button.dataset.do === "resume") !== paused[button.dataset.way];
    }
  }
  document.addEventListener("watcher:polled", offer);
  offer();
})();
