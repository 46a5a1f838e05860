// Reload a refused page when its mistake is mended, also when that was before the page listened.

import { subscribe } from "./events.js";

const reload = () => location.reload();

/** Reload only if the page would differ: each connection begins with an event, and a reload makes a connection. */
async function reloadIfChanged() {
  const html = await fetch(location).then((answer) => answer.text()).catch(() => null);
  if (html === null) return;
  const fresh = new DOMParser().parseFromString(html, "text/html");
  if (fresh.querySelector("main")?.innerHTML !== document.querySelector("main").innerHTML) reload();
}

subscribe("", { inbox: reloadIfChanged, back: reload });
