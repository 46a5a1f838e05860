// The start page: keys, search, older issues, and the number of problems of the visible ones.

import * as state from "./state.js";
import { subscribe } from "./events.js";
import { part } from "./part.js";
import { begin } from "./begin.js";
import { help, isTyping } from "./help.js";
import { home } from "./home.js";

const rows = document.getElementById("rows");
const search = document.querySelector("input[name=q]");
const nothing = document.getElementById("nothing");
const clients = document.getElementById("clients");
const dialog = help();

const links = () => [...rows.querySelectorAll(".row > a")];
const at = () => links().indexOf(document.activeElement);

function step(by) {
  const all = links();
  all[Math.min(all.length - 1, Math.max(0, at() + by))]?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.metaKey || event.ctrlKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (isTyping(event.target)) {
    if (event.key === "Escape" && search.value) {
      search.value = "";
      search.blur();
      find();
    }
    else if (event.key === "Escape" || event.key === "ArrowDown" || event.key === "Enter") step(1);
    else return;
    event.preventDefault();
    return;
  }
  const act = {
    j: () => step(1), ArrowDown: () => step(1), k: () => step(-1), ArrowUp: () => step(-1),
    "/": () => search.select(), n: begin, f: () => location.assign("/results"), "?": () => dialog.showModal(),
  }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

// Counting problems is slow, so only visible issues are counted, one after the other.
const waiting = [];
let counting = false;
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    seen.unobserve(entry.target);
    if (entry.target.classList.contains("more")) older(entry.target);
    else waiting.push(entry.target);
  }
  count();
}, { rootMargin: "80px" });

async function count() {
  if (counting) return;
  counting = true;
  while (waiting.length) {
    const row = waiting.shift();
    if (!row.isConnected) continue;
    if (!isNear(row)) {  // scrolled past meanwhile: it is counted when it is visible again
      seen.observe(row);
      continue;
    }
    const answer = await fetch(`/issues/${encodeURIComponent(row.dataset.slug)}/tally`).catch(() => null);
    if (!answer?.ok) continue;
    counted.set(row.dataset.slug, await answer.json());
    showCount(row.querySelector("[data-tally]"), counted.get(row.dataset.slug));
  }
  counting = false;
}

function isNear(row) {
  const { top, bottom } = row.getBoundingClientRect();
  return bottom > -200 && top < innerHeight + 200;
}

/** The last counts by slug: shown at once when the rows are drawn again, until they are counted again. */
const counted = new Map();

function showCount(place, { errors, warnings }) {
  const number = errors + warnings;
  place.textContent = number || "";
  place.dataset.level = errors ? "error" : "warning";
  place.title = [[errors, "error"], [warnings, "warning"]]
    .filter(([count]) => count).map(([count, word]) => `${count} ${word}${count === 1 ? "" : "s"}`).join(", ");
  place.setAttribute("aria-label", place.title);
}

function observe() {
  for (const row of rows.querySelectorAll(".row:not([data-seen]), .more")) {
    row.dataset.seen = "";
    if (counted.has(row.dataset.slug)) showCount(row.querySelector("[data-tally]"), counted.get(row.dataset.slug));
    seen.observe(row);
  }
}

const fetchRows = (query) => part(`/rows?${new URLSearchParams(query)}`);

async function older(more) {
  const html = await fetchRows({ q: search.value, from: more.dataset.next });
  if (html === null || !more.isConnected) return;
  more.insertAdjacentHTML("afterend", html);
  more.remove();
  drawn = plain(drawn.replace(/<li class="more".*$/, "") + html);
  observe();
}

/** Rows as a text that can be compared with others. */
function plain(html) {
  const parsed = document.createElement("template");
  parsed.innerHTML = html;
  return parsed.innerHTML.trim().replace(/>\s+</g, "><");
}

/** Draw the rows only if they changed, so that they stay under the pointer; their problems are counted again. */
function draw(html) {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  if (plain(html) === drawn) {
    for (const row of rows.children) delete row.dataset.seen;
    return;
  }
  drawn = plain(html);
  const focused = rows.querySelector(".row > a:focus")?.parentElement.dataset.slug;
  rows.replaceChildren(fresh.content);
  if (focused) rows.querySelector(`[data-slug="${CSS.escape(focused)}"] > a`)?.focus();
}

let drawn = plain(rows.innerHTML);
let requests = 0;
async function find(many = 0) {
  const request = (requests += 1);
  const html = await fetchRows({ q: search.value, many });
  if (html === null || request !== requests) return;
  draw(html);
  nothing.hidden = rows.childElementCount > 0;
  state.set({ q: search.value });
  observe();
}

search.form.addEventListener("submit", (event) => event.preventDefault());
search.addEventListener("input", () => find());

function client(name) {
  rows.dataset.client = name;
  clients.querySelector(`[value="${name}"]`).checked = true;
}
clients.addEventListener("change", (event) => {
  state.set({ client: event.target.value === "gmail" ? "" : event.target.value });
  client(event.target.value);
});
if (clients.querySelector(`[value="${CSS.escape(state.get("client", "gmail"))}"]`)) client(state.get("client", "gmail"));

const changed = () => {
  find(links().length);
  home();
};
subscribe("", { inbox: changed, figures: changed, back: () => location.reload() });
observe();
