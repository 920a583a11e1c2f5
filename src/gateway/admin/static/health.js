// Finds settings by a part of them, shows lines of the log from a level on, and reloads.

import { $, $$, api, toast } from "./app.js";

for (const part of $$("[data-script]")) part.hidden = false;

const LEVELS = { info: 0, warning: 1, error: 2 };

function findSettings() {
  const wanted = $("#find").value.trim().toLowerCase();
  let found = 0;
  for (const table of $$("[data-table]")) {
    const name = $("summary", table).textContent.toLowerCase();
    let here = 0;
    for (const row of $$("[data-row]", table)) {
      row.hidden = wanted !== "" && !name.includes(wanted) && !row.textContent.toLowerCase().includes(wanted);
      here += row.hidden ? 0 : 1;
    }
    table.hidden = here === 0;
    table.open = wanted !== "" && here > 0;
    found += here;
  }
  $("#found").textContent = wanted === "" ? "" : `${found} settings found.`;
}

function showLines() {
  const least = LEVELS[$("#level").value];
  for (const line of $$("[data-level]")) line.hidden = LEVELS[line.dataset.level] < least;
}

$("#find").addEventListener("input", findSettings);
$("#level").addEventListener("change", showLines);

$("#reload")?.addEventListener("click", async (event) => {
  const button = event.target;
  button.disabled = true;
  try {
    const { follows } = await api("POST", "/api/reload", {});
    const late = Object.keys(follows).filter((worker) => !follows[worker]);
    if (late.length === 0) location.reload();
    else toast(`Worker ${late.join(", ")} goes by the old configuration still; the log says why.`, "bad");
  } catch (error) {
    toast(error.message, "bad");
  } finally {
    button.disabled = false;
  }
});
