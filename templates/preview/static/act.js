// The panel that acts: a test, a schedule, campaigns as they go, the email to take along.

import { confirmed } from "./confirm.js";
import { part } from "./part.js";
import { ask, post } from "./post.js";
import { spoken } from "./words.js";

const WHILE_SENDING = 1000;
const OTHERWISE = 10_000;

export function mount(page) {
  const { state } = page;
  const pane = page.panel.pane("act");
  const isShown = () => page.panel.shown === "act";

  const load = async () => {
    const html = await part(page.address("act", { reader: state.get("reader") }));
    if (html !== null) pane.innerHTML = html;
    keep();
    follow();
  };
  const look = () => {
    if (!isShown()) return;
    if (pane.firstElementChild) follow();
    else load();
  };

  /** Links that lead to the same reader's email. */
  const keep = () => {
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

  /** Ask what it would do, let a person decide, do it with what was asked about. */
  const decide = async (part, query, place) => {
    try {
      const asked = await ask(page.address(part, query));
      const about = { ...query, digest: asked.digest, waiting: asked.waiting === undefined ? "" : String(asked.waiting) };
      return await confirmed(asked, () => post(addressed(page, part, about)));
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
      const asked = await ask(`/campaigns/${id}/pause`);
      await confirmed(asked, () => post(`/campaigns/${id}/pause`));
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
    if (changed.has("reader")) keep();
    if (changed.has("panel")) look();
  });
  keep();
  look();
}

/** Empty values go along here: the server holds them against what it asked about. */
const addressed = (page, part, query) => `${page.address(part)}?${new URLSearchParams(query)}`;

/** Only what changed is replaced, so that a button being pressed stays. */
function renew(place, html) {
  if (place.dataset.said === html) return;
  const focused = place.contains(document.activeElement) ? document.activeElement.dataset.pause : null;
  place.innerHTML = html;
  place.dataset.said = html;
  if (focused) place.querySelector(`[data-pause="${focused}"]`)?.focus();
}

function outcome({ email, outcome, reason }) {
  const item = document.createElement("li");
  item.className = outcome;
  item.textContent = reason ? `${email}: ${outcome}, ${reason}` : `${email}: ${outcome}`;
  return item;
}
