// A conversation with one model or two. What a model says is text, and never anything else.

import { $, make, ownHeaders, age, count } from "./app.js";
import { asCurl, asPython, asked } from "./playground_code.js";
import { eventsOf } from "./events.js";

const form = $("#ask");
const number = (selector) => ($(selector).value === "" ? undefined : Number($(selector).value));

/** What all conversations have in common. */
function settings() {
  return {
    system: $("#system").value.trim(),
    temperature: number("#temperature"),
    max_tokens: number("#max-tokens"),
  };
}

class Pane {
  constructor(id) {
    this.id = id;
    this.element = $(`#pane-${id}`);
    this.history = [];
    this.leaving = null;
    $(".stop", this.element).addEventListener("click", () => this.stop());
    $(".model", this.element).addEventListener("input", () => this.code());
  }

  get model() { return $(".model", this.element).value.trim(); }
  get runs() { return this.leaving !== null; }

  part(name) { return $(`.${name}`, this.element); }
  state(text) { this.part("state").textContent = text; }
  stop() { this.leaving?.abort(); }

  line(role, text = "") {
    const body = make("p", { class: "text" }, text);
    this.part("said").append(make("div", { class: `turn ${role}` }, make("strong", {}, role), body));
    return body;
  }

  notice(text) {
    this.part("said").append(make("p", { class: "notice bad" }, text));
    this.follow();
  }

  follow() {
    const said = this.part("said");
    said.scrollTop = said.scrollHeight;
  }

  anew() {
    this.stop();
    this.history = [];
    this.part("said").replaceChildren();
    for (const name of ["first", "rate", "in", "out"]) this.part(name).textContent = "–";
    this.state("Ready.");
    this.code();
  }

  question(message) {
    return asked(this.model, this.history, message, settings());
  }

  /** Writes what is asked as programs would ask it. */
  code() {
    const next = $("#message").value || "Say hello";
    const question = this.question(next);
    $(`#curl-${this.id}`).textContent = asCurl(question, form.dataset.address);
    $(`#python-${this.id}`).textContent = asPython(question, form.dataset.address);
  }

  async send(message) {
    const question = this.question(message);
    const key = $("#key")?.value.trim();
    this.leaving = new AbortController();
    this.line("user", message);
    const answer = new Answer(this, this.line("assistant"));
    busy();
    this.state("Asked; waiting for the first token.");
    try {
      const response = await fetch("/api/playground", {
        method: "POST",
        headers: ownHeaders(),
        body: JSON.stringify(key ? { ...question, key } : question),
        credentials: "same-origin",
        redirect: "error",
        signal: this.leaving.signal,
      });
      if (response.ok) {
        for await (const event of eventsOf(response.body)) answer.take(event);
      } else {
        answer.fail(response.status, await response.text());
      }
      answer.end();
    } catch (error) {
      if (this.leaving.signal.aborted) this.state("Stopped: the call is cancelled, up to the provider.");
      else answer.fail(0, String(error.message ?? error));
    } finally {
      this.leaving = null;
      if (!answer.failed) this.history.push({ role: "user", content: message });
      if (answer.text && !answer.failed) this.history.push({ role: "assistant", content: answer.text });
      this.code();
      busy();
    }
  }
}

/** One answer as it comes. */
class Answer {
  constructor(pane, body) {
    this.pane = pane;
    this.body = body;
    this.began = performance.now();
    this.first = null;
    this.text = "";
    this.pieces = 0;
    this.usage = null;
    this.failed = false;
    this.request = "";
  }

  take({ name, data }) {
    if (data === "[DONE]") return;
    let said;
    try {
      said = JSON.parse(data);
    } catch {
      return;
    }
    if (name === "answer") this.request = said.request_id;
    else if (name === "failure") this.fail(said.status, said.body ?? said.message, said.request_id);
    else if (said.error) this.fail(200, data);
    else this.chunk(said);
  }

  chunk(said) {
    if (said.usage) this.usage = said.usage;
    const delta = said.choices?.[0]?.delta ?? {};
    const thought = delta.reasoning_content ?? delta.reasoning;
    const content = typeof delta.content === "string" ? delta.content : "";
    if (!content && !thought) return;
    this.pieces += 1;
    if (this.first === null) {
      this.first = performance.now();
      this.pane.part("first").textContent = age((this.first - this.began) / 1000);
      this.pane.state("Answering.");
    }
    if (typeof thought === "string") this.think(thought);
    if (content) this.body.append(content);
    this.text += content;
    this.pane.follow();
    this.count();
  }

  think(text) {
    this.thought ??= make("p", { class: "thought muted" });
    if (!this.thought.isConnected) this.body.before(this.thought);
    this.thought.append(text);
  }

  count() {
    const seconds = (performance.now() - this.first) / 1000;
    const tokens = this.usage?.completion_tokens ?? this.pieces;
    const sign = this.usage ? "" : "≈ ";
    this.pane.part("out").textContent = `${sign}${count(tokens)}`;
    if (seconds > 0.2) this.pane.part("rate").textContent = `${sign}${(tokens / seconds).toFixed(1)}`;
  }

  fail(status, text, request = this.request) {
    this.failed = true;
    const where = [status ? `status ${status}` : "", request ? `request ${request}` : ""].filter(Boolean).join(", ");
    this.pane.notice(where ? `${where}: ${text}` : text);
    this.pane.state("It failed.");
  }

  end() {
    if (this.usage) {
      this.pane.part("in").textContent = count(this.usage.prompt_tokens);
      if (this.first !== null) this.count();
    }
    if (this.failed) return;
    const took = age((performance.now() - this.began) / 1000);
    this.pane.part("state").replaceChildren(`Done in ${took}. `);
    if (this.request && "ledger" in form.dataset) {
      const target = `/calls/${encodeURIComponent(this.request)}`;
      this.pane.part("state").append(make("a", { href: target }, "The call and what it cost"));
    }
  }
}

const panes = [new Pane("a"), new Pane("b")];
const shown = () => panes.filter((pane) => !pane.element.hidden);

function busy() {
  const runs = panes.some((pane) => pane.runs);
  $("#send").disabled = runs;
  $("#stop").disabled = !runs;
  for (const pane of panes) pane.part("stop").disabled = !pane.runs;
}

function sideBySide(both) {
  panes[1].element.hidden = !both;
  panes[1].stop();
  $("#two").setAttribute("aria-pressed", String(both));
  $(".panes").classList.toggle("both", both);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const message = $("#message").value.trim();
  if (!message || panes.some((pane) => pane.runs)) return;
  const without = shown().find((pane) => !pane.model);
  if (without) {
    without.state("Choose a model first.");
    $(".model", without.element).focus();
    return;
  }
  $("#message").value = "";
  for (const pane of shown()) pane.send(message);
});
$("#message").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") panes.forEach((pane) => pane.stop());
});
form.addEventListener("input", () => panes.forEach((pane) => pane.code()));
$("#stop").addEventListener("click", () => panes.forEach((pane) => pane.stop()));
$("#anew").addEventListener("click", () => panes.forEach((pane) => pane.anew()));
$("#two").addEventListener("click", () => sideBySide(panes[1].element.hidden));
sideBySide(false);
panes.forEach((pane) => pane.code());
