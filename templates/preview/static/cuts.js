// The panel "Inbox": where mail clients cut the subject and preheader.

import { part } from "./part.js";

export function mount(page) {
  const pane = page.panel.pane("cuts");
  const load = async () => {
    const html = await part(page.address("cuts"));
    if (html !== null) pane.innerHTML = html;
  };
  page.built.add(() => !pane.hidden && load());
  page.state.listen((changed) => changed.has("panel") && !pane.hidden && load());
  if (!pane.hidden) load();
}
