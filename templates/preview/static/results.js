// The page of all results: its charts, and its figures as they change.

import { draw } from "./charts.js";
import { subscribe } from "./events.js";
import { isTyping } from "./help.js";
import { part } from "./part.js";
import { renew } from "./renew.js";

const figures = document.getElementById("figures");

async function refresh() {
  const html = await part(`${figures.dataset.part}${location.search}`);
  if (html !== null && renew(figures, html)) draw();
}

document.addEventListener("keydown", (event) => {
  if (event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target)) return;
  if (event.key === "i" || event.key === "Escape") location.assign("/");
});

draw();
subscribe(figures.dataset.topic, { figures: refresh, back: () => location.reload() });
figures.dataset.ready = "yes";
