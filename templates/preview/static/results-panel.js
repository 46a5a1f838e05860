// The panel "Results": the funnel of the latest campaign.

import { part } from "./part.js";
import { renew } from "./renew.js";

export function mount(page) {
  const pane = page.panel.pane("results");
  const isShown = () => page.panel.shown === "results";
  const load = async () => {
    const html = await part(page.address("results/panel"));
    if (html !== null) renew(pane, html);
  };
  page.figures = () => isShown() && load();
  page.state.listen((changed) => changed.has("panel") && page.figures());
  page.figures();
}
