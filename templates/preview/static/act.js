// The panel "Send": a test, a schedule, the campaigns' progress, and the message to copy or download.

import { confirmed } from "./confirm.js";
import { part } from "./part.js";
import { ask, post } from "./post.js";
import { spoken } from "./words.js";

// Milliseconds between two looks at the progress.
const WHILE_SENDING = 1000;
const OTHERWISE = 10_000;

export function mount(page) {
  const { state } = page;
  const pane = page.panel.pane("act");
  const isShown = () => page.panel.shown === "act";

  const load = async () => {
    const html = await part(page.address("act", { reader: state.get("reader") }));
    if (html !== null) pane.innerHTML = html;
    keepReader();
    follow();
  };
  const look = () => {
    if (!isShown()) return;
    if (pane.firstElementChild) follow();
    else load();
  };

  /** Let links lead to the email of the chosen reader. */
  const keepReader = () => {
    const reader = state.get("reader");
    for (const link of document.querySelectorAll("a[data-keep]")) {
      link.search = reader ? `?${new URLSearchParams({ reader })}` : "";
    }
  };

  let timer = 0;
  const follow = async () => {
    clearTimeout(timer);
    const place = pane.querySelector("#progress");
    if (!place || !isShown()) return;
    if (!document.hidden) {
      const html = await part(page.address("progress"));
      if (html !== null) renew(place, html);
    }
    clearTimeout(timer);
    timer = setTimeout(follow, place.querySelector('[data-state="sending"]') ? WHILE_SENDING : OTHERWISE);
  };

  const say = (id, words, refused = false) => {
    const place = pane.querySelector(id);
    place.replaceChildren(...spoken(words));
    place.classList.toggle("refused", refused);
  };

  /** Ask the server what would happen, let the author decide, then send what was asked about along. */
  const decide = async (part, query, place) => {
    try {
      const question = await ask(page.address(part, query));
      const waiting = question.waiting === undefined ? "" : String(question.waiting);
      const confirmation = { ...query, digest: question.digest, waiting };
      return await confirmed(question, () => post(fullAddress(page, part, confirmation)));
    } catch (error) {
      say(place, error.words ?? String(error), true);
      return null;
    }
  };

  const test = async (form) => {
    const values = new FormData(form);
    const query = { to: values.getAll("to").filter(Boolean).join(","), as: values.get("as") ?? "", reader: state.get("reader") };
    const tested = await decide("test", query, "#tested");
    if (tested) {
      say("#tested", "");
      pane.querySelector("#tested").replaceChildren(...tested.map(outcome));
    }
  };
  const schedule = async (form) => {
    const values = new FormData(form);
    const done = await decide("schedule", { at: values.get("at"), clock: values.get("clock") ?? "" }, "#scheduled");
    if (done) {
      say("#scheduled", done.message);
      follow();
    }
  };
  const pause = async (id) => {
    try {
      const question = await ask(`/campaigns/${id}/pause`);
      await confirmed(question, () => post(`/campaigns/${id}/pause`));
    } finally {
      follow();
    }
  };

  pane.addEventListener("submit", (event) => {
    event.preventDefault();
    if (event.target.id === "test") test(event.target);
    if (event.target.id === "schedule") schedule(event.target);
  });
  pane.addEventListener("click", async (event) => {
    const target = event.target.closest("button");
    if (target?.dataset.pause) pause(target.dataset.pause);
    if (target?.id === "copy-html") {
      const answer = await fetch(page.address("message.html", { reader: state.get("reader") }));
      if (!answer.ok) return say("#taken", "The issue does not build yet.", true);
      const html = await answer.text();
      await navigator.clipboard.writeText(html);
      say("#taken", `Copied: ${html.length.toLocaleString("en")} characters.`);
    }
  });
  for (const button of document.querySelectorAll("[data-open-panel]")) {
    button.addEventListener("click", () => {
      const name = button.dataset.openPanel;
      page.panel.open(name);
      document.getElementById(`tab-${name}`).focus();
    });
  }
  document.addEventListener("visibilitychange", () => document.hidden || follow());
  state.listen((changed) => {
    if (changed.has("reader")) keepReader();
    if (changed.has("panel")) look();
  });
  keepReader();
  look();
}

/** The address with empty values, too: the server compares them with its question. */
const fullAddress = (page, part, query) => `${page.address(part)}?${new URLSearchParams(query)}`;

/** Replace the part only if it changed, so that a button being pressed stays. */
function renew(place, html) {
  if (place.dataset.html === html) return;
  const focused = place.contains(document.activeElement) ? document.activeElement.dataset.pause : null;
  place.innerHTML = html;
  place.dataset.html = html;
  if (focused) place.querySelector(`[data-pause="${focused}"]`)?.focus();
}

function outcome({ email, outcome, reason }) {
  const item = document.createElement("li");
  item.className = outcome;
  item.textContent = reason ? `${email}: ${outcome}, ${reason}` : `${email}: ${outcome}`;
  return item;
}
