// Show a failed build's errors over the last good email, which is dimmed but stays.

import { part } from "./part.js";

const box = () => document.getElementById("failure");

let requests = 0;

export function mount() {}

export async function show(page, failed) {
  const request = (requests += 1);
  page.stage.element.classList.toggle("is-stale", failed);
  if (!failed) {
    withEmailInPlace(page, () => (box().hidden = true));
    return;
  }
  const html = await part(page.address("failure"));
  if (!html || request !== requests) return;
  withEmailInPlace(page, () => {
    box().innerHTML = html;
    box().hidden = false;
  });
}

/** Change the box, which lies over the email, while the email stays where it is on the screen. */
function withEmailInPlace(page, change) {
  const { element } = page.stage;
  const before = box().offsetHeight;
  change();
  element.scrollTop += box().offsetHeight - before;
}

/** Say that the file was deleted, and not renamed. */
export function gone(page) {
  requests += 1;
  page.stage.element.classList.add("is-stale");
  page.pulse("failed");
  box().replaceChildren(document.getElementById("gone").content.cloneNode(true));
  box().hidden = false;
}
