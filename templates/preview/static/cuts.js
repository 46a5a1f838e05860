// The panel "Inbox": how mail clients cut this subject and preheader.

export function mount(page) {
  const pane = page.panel.pane("cuts");
  const load = async () => {
    const answer = await fetch(page.address("cuts"));
    if (answer.ok) pane.innerHTML = await answer.text();
  };
  page.built.add(() => !pane.hidden && load());
  page.state.listen((changed) => changed.has("panel") && !pane.hidden && load());
  if (!pane.hidden) load();
}
