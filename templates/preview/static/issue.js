// The page of an issue: puts its parts together. Each part is a module with `mount(page)`.

import * as state from "./state.js";
import { subscribe } from "./events.js";
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
import * as results from "./results-panel.js";

const element = document.getElementById("stage");

/** The object that every part gets: the issue, the stage that shows it, and listeners for a newer build. */
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
for (const part of [bar, panels, problems, cuts, failure, blocksOverlay, readers, act, results, keys]) part.mount(page);
page.stage.show();
failure.show(page, element.dataset.failed === "yes");

let hasFirstState = false;

/** Show the issue's current state, which the server sends first on every connection and after each change. */
async function update({ digest, trace, failed }) {
  page.pulse(failed ? "failed" : "fine");
  failure.show(page, failed);
  const isKnown = digest === page.digest && trace === page.trace;
  const isFirst = !hasFirstState;
  hasFirstState = true;
  if (digest !== page.digest) {
    Object.assign(page, { digest, trace });
    await page.stage.refresh();
  } else if (trace !== page.trace) {
    page.trace = trace;
    page.stage.relabel();
  }
  if (isKnown && isFirst) return;
  for (const listener of page.built) listener();
}

subscribe(page.slug, {
  issue: (state) => {
    page.figures();
    return update(state);
  },
  figures: () => page.figures(),
  trouble: () => location.reload(),
  gone: ({ successor }) => {
    if (successor) location.replace(`/issues/${encodeURIComponent(successor)}${location.search}`);
    else failure.gone(page);
  },
  lost: () => page.pulse("lost"),
  back: () => location.reload(),
});
