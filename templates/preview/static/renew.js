// Replace the sections of a page that changed, and leave the others alone: what is open stays open.

const sections = (root) => [...root.querySelectorAll("[data-live]")];
/** What the server sent of each section: what scripts add to it later does not count as a change. */
const shown = new WeakMap();
for (const section of sections(document)) shown.set(section, section.outerHTML);

const busy = new WeakMap();

/**
 * Fetch the part that belongs into `place`, if it is another than the shown one; resolves to whether anything changed.
 * One at a time, so that no older answer comes last.
 */
export function refreshed(place) {
  const next = (busy.get(place) ?? Promise.resolve()).then(() => fetched(place));
  busy.set(place, next);
  return next;
}

async function fetched(place) {
  const url = place.dataset.part.includes("?") ? place.dataset.part : `${place.dataset.part}${location.search}`;
  const answer = await fetch(url, { headers: { "If-None-Match": place.dataset.mark } }).catch(() => null);
  if (!answer?.ok) return false; // 304, or the server is gone: what is shown stays
  place.dataset.mark = answer.headers.get("ETag");
  return renew(place, await answer.text());
}

/** Put a part of the page, as the server renders it, into `place`; returns whether anything changed. */
export function renew(place, html) {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  const names = (list) => list.map((section) => section.dataset.live).join(" ");
  const [before, after] = [sections(place), sections(fresh.content)];
  if (names(before) !== names(after)) {
    const text = fresh.innerHTML;
    if (place.dataset.text === text) return false;
    place.dataset.text = text;
    keep(place, () => place.replaceChildren(fresh.content));
    return true;
  }
  let changed = false;
  before.forEach((section, index) => {
    const text = after[index].outerHTML;
    if (shown.get(section) === text) return;
    shown.set(after[index], text);
    keep(section, () => section.replaceWith(after[index]), after[index]);
    changed = true;
  });
  return changed;
}

/** Let what was opened, and what has the focus, be so again after a change. */
function keep(old, change, fresh = old) {
  const open = [...old.querySelectorAll("details[open][data-key]")].map((details) => details.dataset.key);
  const focused = old.contains(document.activeElement) ? path(document.activeElement, old) : null;
  change();
  for (const key of open) fresh.querySelector(`details[data-key="${CSS.escape(key)}"]`)?.setAttribute("open", "");
  if (focused) at(fresh, focused)?.focus({ preventScroll: true });
}

function path(element, root) {
  const steps = [];
  for (let node = element; node !== root; node = node.parentElement) steps.unshift([...node.parentElement.children].indexOf(node));
  return steps;
}

const at = (root, steps) => steps.reduce((node, step) => node?.children[step], root);
