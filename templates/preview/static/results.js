// The page of all results: its charts, and its figures as they change.

import { draw } from "./charts.js";
import { subscribe } from "./events.js";
import { isTyping } from "./help.js";
import { refreshed } from "./renew.js";

const figures = document.getElementById("figures");

async function refresh() {
  if (await refreshed(figures)) draw();
}

document.addEventListener("keydown", (event) => {
  if (event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target)) return;
  if (event.key === "i" || event.key === "Escape") location.assign("/");
});

draw();
subscribe(figures.dataset.topic, { figures: refresh, back: () => location.reload() });
figures.dataset.ready = "yes";
