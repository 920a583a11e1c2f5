// The figures beside the live tree: totals, sparklines, what was cut off lately, what rests, who is down.

import { $, age, count, draw } from "./app.js";
import { Slots, clone, closedAfter, ms, nameOf, words } from "./live_rows.js";

const SAMPLES = 60; // looks that a sparkline has
const CANCELS = 48; // cancels that a sparkline has
const MOST_CUTS = 5;
const WHEN = { body: "in its body", waiting: "while waiting", streaming: "while streaming", finishing: "while finishing" };

const root = $("#live");
const expected = root.dataset.workers.split(" ").filter(Boolean).map(Number);
const calls = [];
const speeds = [];
const cancels = [];
const heard = new Map();

export const figures = new Slots(root);
for (const id of ["open-calls", "speed", "connections", "streams", "cancel-last", "cancel-worst", "state"]) figures.places.set(id, $(`#${id}`));

function showFigures(told) {
  const total = (gauge) => told.workers.reduce((sum, each) => sum + (each.gauges[gauge] ?? 0), 0);
  let speed = 0;
  for (const worker of told.workers) for (const { call } of worker.connections) if (call?.phase === "streaming") speed += call.tokens_per_second ?? 0;
  figures.write("open-calls", count(total("open_calls")));
  figures.write("connections", count(total("open_connections")));
  figures.write("streams", count(total("open_upstream_streams")));
  figures.write("speed", count(Math.round(speed)));
  remember(calls, total("open_calls"), SAMPLES);
  remember(speeds, speed, SAMPLES);
  line($("#open-spark"), calls);
  line($("#speed-spark"), speeds);
}

function remember(series, value, most) {
  series.push(value);
  if (series.length > most) series.shift();
}

/** Draws a sparkline; the newest stands at the right. */
function line(svg, series) {
  const top = Math.max(...series, 1);
  const step = 120 / (SAMPLES - 1);
  const points = series.map((value, index) => `${(120 - (series.length - 1 - index) * step).toFixed(1)},${(28 - (value / top) * 25).toFixed(1)}`);
  const first = points[0].split(",")[0];
  let [area, path] = svg.children;
  if (!path) {
    area = draw("polygon", { class: "area" });
    path = draw("polyline", { class: "spark", "vector-effect": "non-scaling-stroke" });
    svg.replaceChildren(area, path);
  }
  area.setAttribute("points", `${first},30 ${points.join(" ")} 120,30`);
  path.setAttribute("points", points.join(" "));
}

/** Draws a bar for each cancel. */
function bars(svg, series) {
  const top = Math.max(...series, 1);
  const width = 120 / CANCELS;
  svg.replaceChildren(
    ...series.map((value, index) => {
      const height = Math.max((value / top) * 27, 2);
      return draw("rect", { class: "bar", x: (120 - (series.length - index) * width).toFixed(2), y: (30 - height).toFixed(1), width: (width * 0.7).toFixed(2), height: height.toFixed(1) });
    }),
  );
}

/** Notes the cancels that were not known yet, and shows those that came last. */
function showCuts(told, tell) {
  const cuts = [];
  let news = false;
  for (const worker of told.workers) {
    const seen = heard.get(worker.pid) ?? 0;
    for (const each of worker.ended ?? []) {
      if (!each.cut) continue;
      cuts.push({ ...each, worker: worker.pid, isNew: each.number > seen });
    }
    heard.set(worker.pid, Math.max(seen, ...(worker.ended ?? []).map((each) => each.number)));
  }
  cuts.sort((a, b) => b.ago - a.ago);
  for (const each of cuts) {
    if (each.isNew && each.cancel_ms !== null) {
      remember(cancels, each.cancel_ms, CANCELS);
      news = true;
    }
    if (each.isNew) tell(each);
  }
  if (news) {
    bars($("#cancel-spark"), cancels);
    figures.write("cancel-last", ms(cancels.at(-1)));
    figures.write("cancel-worst", `slowest of ${cancels.length}: ${ms(Math.max(...cancels))}`);
  }
  listed($("#cuts"), "cut", cuts.slice(-MOST_CUTS).reverse(), (each) => `${each.worker}/${each.number}`, (slots, each) => {
    slots.mark("cut", each.id);
    slots.write("outcome", words(each.outcome));
    slots.places.get("outcome").className = `badge ${each.outcome === "client_gone" ? "quiet" : "warn"}`;
    slots.write("name", nameOf(each));
    slots.write("closed", closedAfter(each));
    slots.places.get("name").href = `/calls/${encodeURIComponent(each.id)}`;
    slots.places.get("name").setAttribute("aria-label", `${nameOf(each)}, ${each.id}`);
    slots.write("rest", [WHEN[each.phase], each.key, `${age(each.ago)} ago`].filter(Boolean).join(" · "));
  });
  $("#no-cuts").hidden = cuts.length > 0;
}

/** Patches a list so that it holds one line for each value, in their order. */
function listed(list, template, values, keyOf, write) {
  list.lines ??= new Map();
  const lines = new Map();
  let before = null;
  for (const value of values) {
    const key = keyOf(value);
    const slots = list.lines.get(key) ?? new Slots(clone(template, "li"));
    write(slots, value);
    lines.set(key, slots);
    const next = before ? before.nextElementSibling : list.firstElementChild;
    if (slots.element !== next) list.insertBefore(slots.element, next);
    before = slots.element;
  }
  list.lines = lines;
  while (list.lastElementChild && list.lastElementChild !== before) list.lastElementChild.remove();
}

function showRests(told) {
  const rests = new Map();
  for (const worker of told.workers) {
    for (const home of worker.resting ?? []) {
      for (const [what, seconds] of parts(home)) {
        const key = `${home.name} ${what}`;
        const rest = rests.get(key) ?? { key, home: home.name, what, seconds: 0, failures: 0, workers: new Set() };
        rest.seconds = Math.max(rest.seconds, seconds);
        rest.failures = Math.max(rest.failures, home.failures);
        rest.workers.add(worker.worker);
        rests.set(key, rest);
      }
    }
  }
  $("#rests-card").hidden = rests.size === 0;
  const sorted = [...rests.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  listed($("#rests"), "rest", sorted, (each) => each.key, (slots, each) => {
    slots.mark("rest", each.home);
    slots.write("name", each.home);
    const failures = each.failures ? `${count(each.failures)} failure${each.failures === 1 ? "" : "s"}` : "";
    slots.write("rest", [each.what, each.seconds ? `for ${age(each.seconds)} more` : "", failures, `worker ${[...each.workers].sort((a, b) => a - b).join(", ")}`].filter(Boolean).join(" · "));
  });
}

function parts(home) {
  const found = (home.resting_keys ?? []).map((key) => [key.number ? `key ${key.number}` : "key", key.rests_for]);
  if (home.state === "open") found.push(["home", home.rests_for]);
  if (home.state === "half_open") found.push(["home, one call tries it", 0]);
  return found;
}

function showDown(told) {
  const present = new Set(told.workers.map((each) => each.worker));
  const down = expected.filter((number) => !present.has(number)).join(" ");
  if (figures.written.get("down") === down) return;
  figures.written.set("down", down);
  const notices = down.split(" ").filter(Boolean).map((number) => {
    const notice = document.createElement("p");
    notice.className = "notice bad";
    notice.dataset.down = number;
    notice.textContent = `Worker ${number} does not answer.`;
    return notice;
  });
  $("#down").replaceChildren(...notices);
}

/** Shows all of it; `tell` hears of each call that was cut off and was not known yet. */
export function showAround(told, tell) {
  showFigures(told);
  showCuts(told, tell);
  showRests(told);
  showDown(told);
}
