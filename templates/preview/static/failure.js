// A mistake stands above the last good email, which is dimmed but stays.

const box = () => document.getElementById("failure");

export function mount() {}

export async function show(page, failed) {
  page.stage.element.classList.toggle("is-stale", failed);
  if (!failed) {
    keeping(page, () => (box().hidden = true));
    return;
  }
  const answer = await fetch(page.address("failure"));
  if (answer.status !== 200) return;
  const html = await answer.text();
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
  page.stage.element.classList.add("is-stale");
  page.pulse("failed");
  box().replaceChildren(document.getElementById("gone").content.cloneNode(true));
  box().hidden = false;
}
