// A mistake stands above the last good email, which is dimmed but stays.

const box = () => document.getElementById("failure");

export function mount() {}

export async function show(page, failed) {
  page.stage.element.classList.toggle("is-stale", failed);
  if (!failed) {
    box().hidden = true;
    return;
  }
  const answer = await fetch(page.address("failure"));
  if (answer.status !== 200) return;
  box().innerHTML = await answer.text();
  box().hidden = false;
}

/** The file went away, and none came in its place. */
export function gone(page) {
  page.stage.element.classList.add("is-stale");
  page.pulse("failed");
  box().replaceChildren(document.getElementById("gone").content.cloneNode(true));
  box().hidden = false;
}
