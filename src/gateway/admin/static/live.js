// The live tree, looked at once a second while somebody looks at the page.

import { $, api, toast } from "./app.js";
import { figures, showAround } from "./live_figures.js";
import { USUAL, Worker, closedAfter, nameOf } from "./live_rows.js";

const EVERY = 1000; // milliseconds from one look to the next
const AT_LEAST = 250; // milliseconds of rest between two, however long one took
const MOST_WAIT = 8000; // milliseconds to the next look after failures
const PATIENCE = 15000; // milliseconds for an answer: what hangs must not look alive
const MOST = 2000; // connections of a worker that are asked for where a filter looks among them
const SETTLES = 80; // milliseconds in which a cancelled call has ended, as a rule

const root = $("#live");
const mayCancel = root.dataset.mayCancel === "yes";

/** The tree as a whole. */
const page = {
  workers: new Map(),
  told: null,
  paused: false,
  asking: false,
  hurries: false,
  failures: 0,
  timer: 0,
  cancelling: new Map(),
};

const ask = (limit) => api("GET", `/api/tree?limit=${limit}`, undefined, AbortSignal.timeout(PATIENCE));

const needle = () => $("#filter").value.trim().toLowerCase();

function show(told, fresh) {
  const now = performance.now();
  const alive = new Set();
  for (const each of told.workers) {
    alive.add(each.pid);
    let worker = page.workers.get(each.pid);
    if (!worker) {
      worker = new Worker(each.pid);
      page.workers.set(each.pid, worker);
      place(worker, each.worker);
    }
    worker.show(each, needle(), now);
  }
  for (const [pid, worker] of page.workers) {
    if (alive.has(pid)) continue;
    worker.element.remove();
    page.workers.delete(pid);
  }
  if (fresh) showAround(told, tellCancelled);
}

function place(worker, number) {
  worker.element.number = number;
  const next = [...$("#workers").children].find((other) => other.number > number) ?? null;
  $("#workers").insertBefore(worker.element, next);
}

/** Says how the cancel went that somebody here has asked for. */
function tellCancelled(ended) {
  if (!page.cancelling.delete(ended.id)) return;
  toast(`Cancelled ${nameOf(ended)}: ${closedAfter(ended)}.`, "ok");
}

/** Says how the page is doing; nothing of it is read aloud. */
function state(name, text, kind) {
  root.dataset.state = name;
  figures.write("state", text);
  $("#state").className = `badge ${kind}`;
}

function tellAway(error) {
  const why = error.name === "TimeoutError" ? "the admin does not answer." : error.message;
  $("#away").textContent = `This is how it was: ${why}`;
  $("#away").hidden = false;
}

async function look() {
  clearTimeout(page.timer);
  page.hurries = page.asking; // what is being answered is too old for whoever asks now
  if (page.asking) return;
  page.asking = true;
  const began = performance.now();
  try {
    const told = await ask(needle() ? MOST : USUAL);
    const arrived = performance.now();
    page.told = told;
    page.failures = 0;
    show(told, true);
    // How long an update takes stands where a test, or a curious person, finds it.
    performance.clearMeasures("live update");
    performance.measure("live update", { start: arrived });
    $("#away").hidden = true;
    if (!page.paused) state("live", "live", "ok");
  } catch (error) {
    page.failures += 1;
    tellAway(error);
    state("away", "not answering", "bad");
  } finally {
    page.asking = false;
    const wait = page.hurries ? SETTLES : page.failures ? Math.min(EVERY * 2 ** page.failures, MOST_WAIT) : Math.max(EVERY - (performance.now() - began), AT_LEAST);
    again(wait);
  }
}

function again(wait) {
  clearTimeout(page.timer);
  if (!page.paused && !document.hidden) page.timer = setTimeout(look, wait);
}

async function cancel(button) {
  const row = button.closest("tr");
  const call = row.dataset.call;
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  page.cancelling.set(call, true);
  try {
    const { cancelled } = await api("POST", "/api/cancel", { id: call });
    if (!cancelled) {
      page.cancelling.delete(call);
      toast("It had ended already.");
    }
    setTimeout(look, SETTLES);
  } catch (error) {
    page.cancelling.delete(call);
    button.removeAttribute("aria-disabled");
    toast(error.message, "bad");
  }
}

/** Takes over from the server, once. */
function begin() {
  if (root.classList.contains("on")) return;
  root.classList.add("on");
  $("#workers").replaceChildren();
  for (const list of ["#cuts", "#rests"]) $(list).replaceChildren();
  $("#workers").addEventListener("click", (event) => {
    const button = event.target.closest("[data-cancel]");
    if (button && mayCancel) cancel(button);
  });
  $("#filter").addEventListener("input", () => {
    if (page.told) show(page.told, false);
    again(AT_LEAST);
  });
  $("#pause").addEventListener("click", (event) => {
    page.paused = !page.paused;
    event.currentTarget.setAttribute("aria-pressed", String(page.paused));
    event.currentTarget.textContent = page.paused ? "Go on" : "Pause";
    if (page.paused) {
      clearTimeout(page.timer);
      state("paused", "paused", "warn");
    } else look();
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(page.timer) : again(0)));
}

/** What the server has made stays until the first look has come. */
async function first() {
  const made = [...$("#workers").children];
  try {
    const told = await ask(USUAL);
    begin();
    page.told = told;
    show(told, true);
    $("#away").hidden = true;
    if (!page.paused) state("live", "live", "ok");
    again(EVERY);
  } catch (error) {
    if (made.length === 0) begin();
    tellAway(error);
    setTimeout(first, MOST_WAIT);
  }
}

first();
