// Keys: makes, changes, rotates and revokes them. A secret is shown once and is gone with its dialog.

import { $, $$, api, make, toast } from "./app.js";

const dialog = $("#key-dialog");
const form = $("#key-form");
const secretDialog = $("#secret-dialog");
const confirmDialog = $("#confirm-dialog");

const words = (text) => text.split(",").map((word) => word.trim()).filter(Boolean);
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** What the form says, as the API takes it. */
function said() {
  const value = (name) => form.elements[name].value.trim();
  const most = (name) => (value(name) === "" ? null : Number(value(name)));
  const lines = value("metadata").split("\n").filter((line) => line.trim());
  const odd = lines.find((line) => !line.includes("="));
  if (odd !== undefined) throw new Error(`metadata: "${odd.trim()}" has no = in it, as ticket=17 has.`);
  return {
    name: value("name"),
    team: value("team") || null,
    user: value("user") || null,
    models: words(value("models")),
    limits: {
      requests_per_minute: most("requests_per_minute"),
      tokens_per_minute: most("tokens_per_minute"),
      concurrency: most("concurrency"),
    },
    budgets: $$(".budget", form).map(budgetOf),
    expires: value("expires") || null,
    metadata: Object.fromEntries(
      lines.map((line) => [line.split("=")[0].trim(), line.slice(line.indexOf("=") + 1).trim()]),
    ),
    passthrough: words(value("passthrough")),
  };
}

function budgetOf(row) {
  const value = (name) => $(`[data-f="${name}"]`, row).value.trim();
  return {
    usd: Number(value("usd")),
    per: value("per"),
    models: words(value("models")),
    reserve: row.dataset.reserve || "typical",
    then: value("then") || null,
    alert: words(value("alert")).map((part) => Math.round(Number(part.replace("%", "")) * 100) / 10000),
  };
}

function addBudget(budget) {
  const row = $("#budget-row").content.firstElementChild.cloneNode(true);
  if (budget) {
    row.dataset.reserve = budget.reserve;
    $('[data-f="usd"]', row).value = budget.usd;
    $('[data-f="per"]', row).value = budget.per;
    $('[data-f="models"]', row).value = budget.models.join(", ");
    $('[data-f="then"]', row).value = budget.then ?? "";
    $('[data-f="alert"]', row).value = budget.alert.map((part) => Math.round(part * 10000) / 100).join(", ");
  }
  $("#budgets").append(row);
  return row;
}

let before = null;

/** Opens the form, empty or with what a key may now. */
function open(key) {
  form.reset();
  $("#budgets").replaceChildren();
  tellMistake("");
  $("#key-title").textContent = key ? `Change ${key.name}` : "New key";
  $("#key-save").textContent = key ? "Change the key" : "Make the key";
  for (const name of ["name", "team", "user"]) form.elements[name].disabled = Boolean(key);
  if (key) fill(key);
  before = key ? said() : null;
  dialog.showModal();
  (key ? form.elements.models : form.elements.name).focus();
}

function fill(key) {
  const { elements } = form;
  elements.name.value = key.name;
  if (key.team && ![...elements.team.options].some((option) => option.value === key.team)) {
    elements.team.append(make("option", { value: key.team }, key.team));
  }
  elements.team.value = key.team ?? "";
  elements.user.value = key.user ?? "";
  elements.expires.value = key.expires ?? "";
  elements.models.value = key.models.join(", ");
  for (const [name, most] of Object.entries(key.limits)) elements[name].value = most ?? "";
  key.budgets.forEach(addBudget);
  elements.metadata.value = Object.entries(key.metadata).map(([name, text]) => `${name}=${text}`).join("\n");
  elements.passthrough.value = key.passthrough.join(", ");
}

/** Says what is wrong with the form. */
function tellMistake(text) {
  const line = $("#key-mistake");
  line.textContent = text;
  line.hidden = !text;
  if (text) line.scrollIntoView({ block: "nearest" });
}

async function save(event) {
  event.preventDefault();
  // What is no number reads as empty, and an empty limit is none: the browser says what is wrong.
  const garbled = $$("input", form).find((input) => input.validity.badInput);
  if (garbled) return void garbled.reportValidity();
  const button = $("#key-save");
  button.disabled = true;
  try {
    const wanted = said();
    if (before) await change(wanted);
    else showSecret(await api("POST", "/api/keys", wanted), `The key ${wanted.name} is made`);
    dialog.close();
  } catch (error) {
    tellMistake(error.message);
  } finally {
    button.disabled = false;
  }
}

const changes = (wanted, old) => Object.fromEntries(Object.entries(wanted).filter(([name, value]) => !same(value, old[name])));

/** Asks for what has been changed alone: all else stays as it is by then. */
async function change(wanted) {
  const changed = changes(wanted, before);
  if (changed.limits) changed.limits = changes(wanted.limits, before.limits);
  if (Object.keys(changed).length === 0) return;
  await api("POST", "/api/keys/change", { ...changed, name: wanted.name });
  location.reload();
}

function showSecret(made, title) {
  $("#secret-title").textContent = title;
  $("#secret").value = made.secret;
  $("#secret-shell").value = `export GATEWAY_KEY='${made.secret}'`;
  const warnings = $("#secret-warnings");
  warnings.replaceChildren(...made.warnings.map((text) => make("li", {}, text)));
  warnings.hidden = made.warnings.length === 0;
  secretDialog.showModal();
  $("#secret").select();
}

/** Asks before something that cannot be undone; resolves to whether it is wanted. */
function confirm(title, text, yes) {
  $("#confirm-title").textContent = title;
  $("#confirm-text").textContent = text;
  $("#confirm-yes").textContent = yes;
  confirmDialog.returnValue = "";
  confirmDialog.showModal();
  $("#confirm-no").focus();
  return new Promise((resolve) => {
    confirmDialog.addEventListener("close", () => resolve(confirmDialog.returnValue === "yes"), { once: true });
  });
}

async function rotate(name) {
  const text = "The old secret stops at once, in every gateway with this database. All else about the key stays.";
  if (!(await confirm(`Give ${name} another secret?`, text, "Rotate"))) return;
  showSecret(await api("POST", "/api/keys/rotate", { name }), `The key ${name} has another secret`);
}

async function revoke(name) {
  const text = "It opens nothing any more, for ever, and its name is not used again. Calls that are open go on to their end.";
  if (!(await confirm(`Revoke ${name}?`, text, "Revoke"))) return;
  await api("POST", "/api/keys/revoke", { name });
  location.reload();
}

async function edit(name) {
  const { keys } = await api("GET", "/api/keys");
  const key = keys.find((each) => each.source === "database" && each.name === name);
  if (key) open(key);
  else location.reload();
}

if (dialog) {
  $("#new-key").addEventListener("click", () => open(null));
  $("#add-budget").addEventListener("click", () => $("input", addBudget()).focus());
  $("#budgets").addEventListener("click", (event) => {
    if (event.target.closest("[data-remove]")) event.target.closest(".budget").remove();
  });
  $("[data-close]", dialog).addEventListener("click", () => dialog.close());
  form.addEventListener("submit", save);
  $("#confirm-no").addEventListener("click", () => confirmDialog.close(""));
  $("#confirm-yes").addEventListener("click", () => confirmDialog.close("yes"));
  $("#secret-done").addEventListener("click", () => secretDialog.close());
  const forget = () => { $("#secret").value = $("#secret-shell").value = ""; };
  // Escape is pressed too soon; and a page that is gone back to has nothing to show any more.
  secretDialog.addEventListener("cancel", (event) => event.preventDefault());
  addEventListener("pagehide", forget);
  secretDialog.addEventListener("close", () => {
    forget();
    location.reload();
  });
  document.addEventListener("click", async (event) => {
    const row = event.target.closest?.("tr[data-key]");
    if (!row) return;
    const act = event.target.closest("[data-change]") ? edit : event.target.closest("[data-rotate]") ? rotate : event.target.closest("[data-revoke]") ? revoke : null;
    if (!act) return;
    try {
      await act(row.dataset.key);
    } catch (error) {
      toast(error.message, "bad");
    }
  });
}
