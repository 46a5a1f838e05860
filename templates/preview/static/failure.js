// A mistake stands above the last good email, which is dimmed but stays.

import { part } from "./part.js";

const box = () => document.getElementById("failure");

let asked = 0;

export function mount() {}

export async function show(page, failed) {
  const mine = (asked += 1);
  page.stage.element.classList.toggle("is-stale", failed);
  if (!failed) {
    keeping(page, () => (box().hidden = true));
    return;
  }
  const html = await part(page.address("failure"));
  if (!html || mine !== asked) return;
  keeping(page, () => {
    box().innerHTML = html;
    box().hidden = false;
  });
}

/** Change the box while the email stays where it is on the screen: the box lies over it. */
function keeping(page, change) {
  const { element } = page.stage;
  const before = box().offsetHeight;
  change();
  element.scrollTop += box().offsetHeight - before;
}

/** The file went away, and none came in its place. */
export function gone(page) {
  asked += 1;
  page.stage.element.classList.add("is-stale");
  page.pulse("failed");
  box().replaceChildren(document.getElementById("gone").content.cloneNode(true));
  box().hidden = false;
}
