// The panels beside the email: at most one is shown at a time.

export function mount(page) {
  const { state } = page;
  const panel = document.getElementById("panel");
  const button = document.getElementById("panel-switch");
  const tabs = [...document.querySelectorAll("#tabs [data-panel]")];
  const names = tabs.map((tab) => tab.dataset.panel);
  const narrow = matchMedia("(max-width: 860px)");
  const chosen = () => state.get("panel", narrow.matches ? "none" : names[0]);

  page.panel = {
    get shown() { return chosen(); },
    open: (name) => state.set({ panel: name }),
    toggle: (name = names[0]) => state.set({ panel: chosen() === "none" ? name : "none" }),
    pane: (name) => document.getElementById(`panel-${name}`),
  };
  const show = () => {
    const name = chosen();
    const open = names.includes(name);
    panel.hidden = !open;
    document.body.classList.toggle("has-panel", open);
    button.setAttribute("aria-expanded", String(open));
    for (const tab of tabs) {
      const is = tab.dataset.panel === name;
      tab.setAttribute("aria-selected", String(is));
      tab.tabIndex = is ? 0 : -1;
      page.panel.pane(tab.dataset.panel).hidden = !is;
    }
  };
  button.addEventListener("click", () => page.panel.toggle());
  document.getElementById("panel-close").addEventListener("click", () => {
    state.set({ panel: "none" });
    button.focus();
  });
  for (const tab of tabs) {
    tab.addEventListener("click", () => page.panel.open(tab.dataset.panel));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
      page.panel.open(next.dataset.panel);
      next.focus();
    });
  }
  narrow.addEventListener("change", show);
  state.listen(show);
  show();
}
