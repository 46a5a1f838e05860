// The head of the start page: what is on today. It is drawn again when figures or files change, and every minute.

import { part } from "./part.js";
import { renew } from "./renew.js";

const MINUTE = 60_000;
const place = document.getElementById("home");

export async function home() {
  const html = await part("/home");
  if (html !== null) renew(place, html);
  count();
}

/** Show how many problems today's issue has. */
async function count() {
  for (const mark of place.querySelectorAll("[data-tally-of]")) {
    const answer = await fetch(`/issues/${encodeURIComponent(mark.dataset.tallyOf)}/tally`).catch(() => null);
    if (!answer?.ok) continue;
    const { errors, warnings } = await answer.json();
    const [number, word] = errors ? [errors, "error"] : [warnings, "warning"];
    mark.textContent = number ? `${number} ${word}${number === 1 ? "" : "s"}` : "";
    mark.dataset.level = word;
  }
}

setInterval(() => document.hidden || home(), MINUTE);
count();
