// The rows of the live tree. They are known by their calls and patched in place: what has the focus keeps
// it, and what has not changed is not touched. A call that has ended keeps its row for a moment.

import { $, age, count } from "./app.js";

export const USUAL = 200; // connections of a worker that are asked for, and rows that it has at most
const LINGER = 3500; // milliseconds for which a row stays whose call has ended
const LINGER_CUT = 6000; // the same for one that was cut off
const MOST_LINGERING = 40;

const SHOWN = [
  ["open_calls", "calls"], ["open_connections", "connections"],
  ["open_upstream_streams", "provider streams"], ["held_leases", "leases"], ["live_tasks", "tasks"],
];
export const words = (text) => text.replaceAll("_", " ");
export const nameOf = (call) => call.model ?? `${call.method} ${call.path}`;

/** Writes milliseconds as people say them. */
export function ms(value) {
  if (value === null || value === undefined) return "–";
  if (value < 1000) return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
  return age(value / 1000);
}

export const closedAfter = (ended) => (ended.cancel_ms === null || ended.cancel_ms === undefined ? "no provider was open" : `provider closed after ${ms(ended.cancel_ms)}`);

/** An element with named places, which are written only where something changes. */
export class Slots {
  constructor(element) {
    this.element = element;
    this.places = new Map();
    this.written = new Map();
    for (const place of element.querySelectorAll("[data-f]")) if (!this.places.has(place.dataset.f)) this.places.set(place.dataset.f, place);
  }

  write(name, text) {
    if (this.written.get(name) === text) return;
    this.written.set(name, text);
    this.places.get(name).textContent = text;
  }

  mark(name, value, element = this.element) {
    const key = `data-${name}`;
    if (this.written.get(key) === value) return;
    this.written.set(key, value);
    if (value === null) element.removeAttribute(key);
    else element.setAttribute(key, value);
  }
}

export function clone(name, selector) {
  return $(`#${name}-template`).content.querySelector(selector).cloneNode(true);
}

/** The row of a call, with a line for each attempt. */
class Row extends Slots {
  constructor(call, began) {
    super(clone("call", "tr"));
    this.call = call.id;
    this.began = began;
    this.attempts = [];
    this.endedAt = null;
    this.mark("call", call.id);
    this.write("id", call.id);
    this.write("whose", [call.key, call.team].filter(Boolean).join(" · "));
    $("[data-cancel]", this.element)?.setAttribute("aria-label", `Cancel ${call.id}`);
  }

  show(connection, call) {
    this.last = call;
    this.write("peer", connection.peer);
    this.write("connected", connection.age === null ? "" : `connected ${age(connection.age)}`);
    this.write("name", nameOf(call));
    this.write("phase", call.phase);
    this.mark("phase", call.phase, this.places.get("phase"));
    this.write("waits", call.cause ? `ending: ${words(call.cause)}` : `waits for ${call.waits_for}`);
    this.mark("ending", call.cause ?? null);
    this.write("tokens", count(call.tokens ?? 0));
    this.write("rate", call.tokens_per_second === null || call.tokens_per_second === undefined ? "" : `${count(Math.round(call.tokens_per_second))}/s`);
    this.write("age", age(call.age));
    this.write("ttft", call.ttft === null || call.ttft === undefined ? "" : `first ${ms(call.ttft * 1000)}`);
    this.showAttempts(call);
  }

  showAttempts(call) {
    while (this.attempts.length < call.attempts.length) {
      const line = new Slots(clone("attempt", "li"));
      this.places.get("attempts").append(line.element);
      this.attempts.push(line);
    }
    while (this.attempts.length > call.attempts.length) this.attempts.pop().element.remove();
    call.attempts.forEach((attempt, index) => {
      const line = this.attempts[index];
      const upstream = attempt.upstream;
      line.mark("outcome", attempt.outcome);
      line.write("target", attempt.target);
      line.write("state", `${words(attempt.outcome)} ${age(attempt.age)}`);
      line.write("upstream", upstream ? `${upstream.peer} · ${age(upstream.age)} · request ${count(upstream.requests)}` : "");
    });
  }

  /** Marks how it has ended. Its provider is closed by now. */
  end(ended, now) {
    this.endedAt = now;
    this.lingers = ended.cut ? LINGER_CUT : LINGER;
    this.mark("ending", null);
    this.mark("ended", ended.outcome);
    this.write("phase", words(ended.outcome));
    this.mark("phase", "ended", this.places.get("phase"));
    this.write("waits", ended.cut ? closedAfter(ended) : ended.cause && ended.cause !== ended.outcome ? words(ended.cause) : "");
    this.write("tokens", count(ended.tokens));
    this.write("rate", "");
    this.write("age", age(ended.duration));
    for (const line of this.attempts) {
      line.write("upstream", "");
      if (line.written.get("data-outcome") !== "open") continue;
      line.mark("outcome", "closed");
      line.write("state", "closed");
    }
    $("[data-cancel]", this.element)?.setAttribute("aria-disabled", "true");
  }

  /** Takes it away; whoever stood on it goes to the filter: on another's button a key too many would cancel. */
  remove() {
    if (this.element.contains(document.activeElement)) $("#filter").focus({ preventScroll: true });
    this.element.remove();
  }
}

/** The part of the page that is of one worker. */
export class Worker extends Slots {
  constructor(pid) {
    super(clone("worker", "section"));
    this.pid = pid;
    this.rows = new Map();
    this.seen = 0;
    this.body = $("tbody", this.element);
    this.table = $("table", this.element);
    this.more = $("[data-more]", this.element);
    this.mark("pid", String(pid));
    $("h2", this.element).id = `worker-${pid}`;
    for (const each of [this.element, this.table]) each.setAttribute("aria-labelledby", `worker-${pid}`);
  }

  show(told, needle, now) {
    this.mark("worker", String(told.worker));
    this.write("number", String(told.worker));
    const facts = SHOWN.filter(([name]) => name in told.gauges).map(([name, said]) => `${said} ${count(Math.round(told.gauges[name]))}`);
    this.write("facts", [`pid ${told.pid}`, `up ${age(told.uptime)}`, ...facts].join(" · "));
    this.places.get("draining").hidden = !told.draining;
    const { open, wanted } = this.sort(told, needle);
    this.end(told, open, now);
    for (const [key, { connection, call }] of wanted) this.row(key, call, told.uptime).show(connection, call);
    for (const [key, row] of this.rows) if (row.endedAt === null && !wanted.has(key)) this.drop(key);
    const calls = told.gauges.open_calls ?? open.size;
    const more = needle ? 0 : Math.max(calls - wanted.size, 0);
    this.table.hidden = this.rows.size === 0;
    this.places.get("empty").hidden = this.rows.size > 0 || more > 0;
    this.write("empty", needle && calls ? `None of ${count(calls)} open calls has that.` : "No call is open.");
    this.more.hidden = more === 0 && !needle;
    this.write("more", needle ? `${count(wanted.size)} of ${count(calls)} calls are shown` : `and ${count(more)} more call${more === 1 ? "" : "s"}`);
    return wanted.size;
  }

  /** Finds which calls are open, and which of them are shown. */
  sort(told, needle) {
    const open = new Set();
    const wanted = new Map();
    const times = new Map();
    for (const connection of told.connections) {
      const call = connection.call;
      if (!call) continue;
      const time = times.get(call.id) ?? 0; // an id that clients choose may be that of several
      times.set(call.id, time + 1);
      const key = time ? `${call.id} ${time}` : call.id;
      open.add(key);
      if (wanted.size < USUAL && (!needle || matches(connection, call, needle))) wanted.set(key, { connection, call });
    }
    return { open, wanted };
  }

  /** Marks the rows whose calls have ended, and takes away those that have stayed long enough. */
  end(told, open, now) {
    const ended = new Map((told.ended ?? []).map((each) => [each.id, each]));
    let lingering = 0;
    for (const [key, row] of [...this.rows].reverse()) {
      if (row.endedAt === null && !open.has(key)) {
        const how = ended.get(row.call);
        if (how) row.end(how, now);
      }
      if (row.endedAt === null) continue;
      lingering += 1;
      if (open.has(key) || now - row.endedAt >= row.lingers || lingering > MOST_LINGERING) this.drop(key);
    }
  }

  row(key, call, uptime) {
    let row = this.rows.get(key);
    if (row) return row;
    row = new Row(call, uptime - call.age);
    this.rows.set(key, row);
    // Where a row has stood it stays: to move one would take its focus away.
    let next = null;
    for (let other = this.body.lastElementChild; other && other.began > row.began; other = other.previousElementSibling) next = other;
    row.element.began = row.began;
    this.body.insertBefore(row.element, next);
    return row;
  }

  drop(key) {
    const row = this.rows.get(key);
    this.rows.delete(key);
    row.remove();
  }
}

function matches(connection, call, needle) {
  const found = (text) => text !== null && text !== undefined && text.toLowerCase().includes(needle);
  return found(call.id) || found(call.model) || found(call.key) || found(call.team) || found(call.path) || found(connection.peer) || found(call.phase) || call.attempts.some((each) => found(each.target) || found(each.upstream?.peer));
}
