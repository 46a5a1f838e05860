// A page that could not be shown comes back when it is mended, also when that was before it listened.

import { hear } from "./events.js";

const again = () => location.reload();

/** Only if it would be another page: each connection begins with news, and loading anew makes a connection. */
async function look() {
  const html = await fetch(location).then((answer) => answer.text()).catch(() => null);
  if (html === null) return;
  const fresh = new DOMParser().parseFromString(html, "text/html");
  if (fresh.querySelector("main")?.innerHTML !== document.querySelector("main").innerHTML) again();
}

hear("", { inbox: look, back: again });
