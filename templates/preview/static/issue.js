// The page of an issue: puts its parts together. A part is a module with `mount(page)`.

import * as state from "./state.js";
import { hear } from "./events.js";
import { Stage } from "./stage.js";
import * as act from "./act.js";
import * as bar from "./bar.js";
import * as blocksOverlay from "./blocks.js";
import * as cuts from "./cuts.js";
import * as failure from "./failure.js";
import * as keys from "./keys.js";
import * as panels from "./panels.js";
import * as problems from "./problems.js";
import * as readers from "./readers.js";

const element = document.getElementById("stage");

/** What every part gets: the issue, what shows it, and who wants to know when there is a newer one. */
export const page = {
  slug: element.dataset.slug,
  digest: element.dataset.digest,
  trace: element.dataset.trace,
  state,
  built: new Set(),
  address: (part, query = {}) => {
    const values = Object.entries(query).filter(([, value]) => value);
    const text = new URLSearchParams(values).toString();
    return `/issues/${encodeURIComponent(page.slug)}/${part}${text ? `?${text}` : ""}`;
  },
  pulse: (word) => (document.getElementById("pulse").dataset.state = word),
};

if (element.dataset.failed) page.pulse("failed");
page.stage = new Stage(element, page);
for (const part of [bar, panels, problems, cuts, failure, blocksOverlay, readers, act, keys]) part.mount(page);
page.stage.show();
failure.show(page, element.dataset.failed === "yes");

let greeted = false;

/** What the server says is now: first of all on every connection. */
async function newer({ digest, trace, failed }) {
  page.pulse(failed ? "failed" : "fine");
  failure.show(page, failed);
  const isKnown = digest === page.digest && trace === page.trace;
  const isGreeting = !greeted;
  greeted = true;
  if (digest !== page.digest) {
    Object.assign(page, { digest, trace });
    await page.stage.refresh();
  } else if (trace !== page.trace) {
    page.trace = trace;
    page.stage.relabel();
  }
  if (isKnown && isGreeting) return;
  for (const listener of page.built) listener();
}

hear(page.slug, {
  issue: newer,
  trouble: () => location.reload(),
  gone: ({ successor }) => {
    if (successor) location.replace(`/issues/${encodeURIComponent(successor)}${location.search}`);
    else failure.gone(page);
  },
  lost: () => page.pulse("lost"),
  back: () => location.reload(),
});
