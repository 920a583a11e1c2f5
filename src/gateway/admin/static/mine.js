// Mine: the lines for each client as tabs. Without JavaScript they stand one below the other.

import { $, $$, make } from "./app.js";

const clients = $("#clients");
const parts = $$("[data-client]", clients);
const KEPT = "gateway-client";

const tabs = parts.map((part) =>
  make("button", { type: "button", role: "tab", id: `tab-${part.dataset.client}`, "aria-controls": `panel-${part.dataset.client}` }, part.dataset.title),
);

function choose(index, focus = false) {
  tabs.forEach((tab, place) => {
    tab.setAttribute("aria-selected", String(place === index));
    tab.tabIndex = place === index ? 0 : -1;
    parts[place].hidden = place !== index;
  });
  if (focus) tabs[index].focus();
  try {
    localStorage.setItem(KEPT, parts[index].dataset.client);
  } catch {
    // A browser that keeps nothing begins with the first one.
  }
}

function kept() {
  try {
    return Math.max(0, parts.findIndex((part) => part.dataset.client === localStorage.getItem(KEPT)));
  } catch {
    return 0;
  }
}

parts.forEach((part, index) => {
  part.id = `panel-${part.dataset.client}`;
  part.setAttribute("role", "tabpanel");
  part.setAttribute("aria-labelledby", tabs[index].id);
  tabs[index].addEventListener("click", () => choose(index));
});

const bar = make("div", { class: "tabs", role: "tablist", "aria-label": "Clients" }, ...tabs);
bar.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const index = tabs.findIndex((tab) => tab.tabIndex === 0);
  choose((index + step + tabs.length) % tabs.length, true);
});
clients.prepend(bar);
choose(kept());

$("#model").addEventListener("change", () => $("#model-form").submit());
$("button", $("#model-form")).hidden = true;
