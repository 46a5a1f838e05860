// Keyboard shortcuts, in the page and in its frames.

import { help, isTyping } from "./help.js";

export function mount(page) {
  const { state, stage } = page;
  const views = [...document.querySelectorAll("#views [data-view]")].map((link) => link.dataset.view);
  const look = (view) => state.set({ view: view === "html" ? "" : view });
  const toggle = (view) => look(stage.view === view ? "html" : view);
  const widths = [375, 768, 1024];
  const beside = (name) => (page.panel.shown === name ? page.panel.toggle() : page.panel.open(name));
  const dialog = help();

  const problems = () => [...document.querySelectorAll("#panel-problems [data-problem]")];
  const step = (by) => {
    if (page.panel.shown !== "problems") page.panel.open("problems");
    const all = problems();
    if (!all.length) return;
    const at = all.indexOf(document.activeElement);
    const next = all[Math.min(all.length - 1, Math.max(0, at + by))] ?? all[0];
    next.focus();
    if (next.dataset.piece) page.blocks?.reveal(Number(next.dataset.piece));
  };
  const keys = {
    "?": () => dialog.showModal(),
    g: () => toggle("grid"),
    d: () => toggle("dark"),
    p: () => page.panel.toggle("problems"),
    i: () => location.assign("/"),
    r: () => beside("readers"),
    s: () => beside("act"),
    e: () => document.querySelector('.actions [href*="/edit"]').click(),
    c: () => document.querySelector('.actions [href*="/compare"]').click(),
    f: () => document.querySelector('.actions [href$="/results"]').click(),
    w: () => state.set({ width: widths[(widths.indexOf(stage.width) + 1) % widths.length] }),
    "[": () => state.set({ width: Math.max(240, stage.width - 16) }),
    "]": () => state.set({ width: Math.min(1600, stage.width + 16) }),
    j: () => step(1),
    k: () => step(-1),
  };
  const press = (event) => {
    if (event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target) || dialog.open) return;
    const index = /^\d$/.test(event.key) ? (Number(event.key) + 9) % 10 : -1;
    const act = index >= 0 && views[index] ? () => look(views[index]) : keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };
  document.addEventListener("keydown", press);
  stage.opened.add((inside) => inside.addEventListener("keydown", press));
}
