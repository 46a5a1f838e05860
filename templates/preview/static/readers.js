// The panel of readers: choose the reader the email is shown for, and see which readers get which variant.

import { part } from "./part.js";

const PAUSE = 120;

export function mount(page) {
  const { state } = page;
  const pane = page.panel.pane("readers");
  const tab = document.getElementById("tab-readers");
  const isShown = () => page.panel.shown === "readers";
  let stale = true;
  let requests = 0;

  const fill = async (target, name, query) => {
    const html = await part(page.address(name, query));
    if (html !== null && target.isConnected) target.innerHTML = html;
  };
  const load = async () => {
    stale = false;
    const request = (requests += 1);
    const html = await part(page.address("readers", { reader: state.get("reader") }));
    if (html === null || request !== requests) return;
    pane.innerHTML = html;
    await fill(pane.querySelector("#variants"), "variants");
    mark();
  };
  const mark = () => {
    const chosen = state.get("reader") || "sample";
    for (const choice of pane.querySelectorAll(".choice")) {
      if (choice.dataset.reader === chosen) choice.setAttribute("aria-current", "true");
      else choice.removeAttribute("aria-current");
    }
  };
  const look = () => {
    if (stale && isShown()) load();
  };
  const dot = () => tab.classList.toggle("is-set", Boolean(state.get("reader")));

  pane.addEventListener("click", (event) => {
    const choice = event.target.closest(".choice");
    if (choice) state.set({ reader: choice.dataset.reader === "sample" ? "" : choice.dataset.reader });
  });
  pane.addEventListener("submit", (event) => {
    event.preventDefault();
    const typed = [...new FormData(event.target)].filter(([, value]) => value !== "");
    state.set({ reader: `fields:${new URLSearchParams(typed)}` });
  });
  let timer = 0;
  pane.addEventListener("input", (event) => {
    if (event.target.id !== "reader-search") return;
    clearTimeout(timer);
    timer = setTimeout(() => fill(pane.querySelector("#reader-found"), "readers/found", { q: event.target.value }).then(mark), PAUSE);
  });
  state.listen((changed) => {
    if (changed.has("reader")) {
      dot();
      updateChosen();
      mark();
    }
    if (changed.has("panel")) look();
  });
  /** Update the sentence at the top: the chosen reader, or why there is no such reader. */
  const updateChosen = async () => {
    if (!pane.firstElementChild) return;
    const html = await part(page.address("readers", { reader: state.get("reader") }));
    if (html === null) return;
    const fresh = new DOMParser().parseFromString(html, "text/html");
    pane.querySelector(".refusal")?.remove();
    const refusal = fresh.querySelector(".refusal");
    if (refusal) pane.querySelector(".readers").prepend(refusal);
    pane.querySelector(".now").replaceWith(fresh.querySelector(".now"));
  };
  page.built.add(() => {
    const target = pane.querySelector("#variants");
    if (target && isShown()) fill(target, "variants").then(mark);
    else stale = true;
  });
  dot();
  look();
}
