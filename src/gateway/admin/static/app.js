// What all pages have in common: asking the API, short messages, copying, writing values.

export const $ = (selector, within = document) => within.querySelector(selector);
export const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

const csrf = () => $('meta[name="csrf"]')?.content ?? "";

/** Asks the API and returns its JSON; throws an Error with what it said in place of an answer. */
export async function api(method, path, body, signal) {
  const headers = { "x-csrf-token": csrf() };
  if (body !== undefined) headers["content-type"] = "application/json";
  const response = await fetch(path, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    credentials: "same-origin",
    redirect: "error",
    signal,
  });
  const said = await response.json().catch(() => ({}));
  if (response.ok) return said;
  if (response.status === 401) location.assign("/sign-in");
  const error = new Error(said?.error?.message ?? `The admin answered ${response.status}.`);
  error.status = response.status;
  throw error;
}

/** The headers of a request that is made without `api`, as for a stream. */
export const ownHeaders = () => ({ "x-csrf-token": csrf(), "content-type": "application/json" });

/** Says a short word for a while; a screen reader speaks it. */
export function toast(text, kind = "") {
  const line = document.createElement("p");
  line.className = `toast ${kind}`.trim();
  line.textContent = text;
  $("#toasts").append(line);
  setTimeout(() => line.remove(), 6000);
}

/** Makes an element: `make("td", { class: "num" }, "text", child)`. Text is text, never markup. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** Makes an element of SVG. */
export function draw(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Writes seconds as people say them. */
export function age(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

export const count = (number) => (number === null || number === undefined ? "–" : number.toLocaleString("en"));

/** Buttons that copy the text of what `data-copy` selects. */
document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  const source = $(button.dataset.copy);
  const text = source.value ?? source.textContent;
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied.");
  } catch {
    const range = document.createRange();
    range.selectNodeContents(source);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    toast("Marked: press Ctrl-C to copy.");
  }
});

/** On a narrow screen the names of the pages are scrolled to the one that is shown. */
const here = $(".top nav [aria-current]");
if (here) here.parentElement.scrollLeft = Math.max(0, here.offsetLeft - here.parentElement.clientWidth / 2);
