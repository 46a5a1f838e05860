// The panel of problems: filled again after every build, once the email is on the screen.

import { part } from "./part.js";

const PAUSE = 60;
const KINDS = ["[data-problem]", "summary", "button"];

export function mount(page) {
  const pane = page.panel.pane("problems");
  let requests = 0;
  let timer = 0;

  const load = async () => {
    const request = (requests += 1);
    const html = await part(page.address("problems", { reader: page.state.get("reader") }));
    if (html === null || request !== requests) return;
    const open = new Set([...pane.querySelectorAll("details[open]")].map((details) => details.dataset.key));
    const focus = focused(pane);
    pane.innerHTML = html;
    for (const details of pane.querySelectorAll("details")) details.open = open.has(details.dataset.key);
    focus();
    updatePage(page, pane.firstElementChild);
  };
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(load, PAUSE);
  };
  page.built.add(soon);
  soon();

  pane.addEventListener("click", (event) => {
    const target = event.target.closest("[data-problem], [data-piece]");
    if (target?.dataset.piece) page.blocks?.reveal(Number(target.dataset.piece));
  });
  for (const kind of ["mouseover", "focusin"]) {
    pane.addEventListener(kind, (event) => {
      const target = event.target.closest("[data-piece]");
      page.blocks?.mark(target ? Number(target.dataset.piece) : null);
    });
  }
  pane.addEventListener("mouseleave", () => page.blocks?.mark(null));
}

/** Returns a function that restores the focus by position after the panel is filled: the next problem, if one is gone. */
function focused(pane) {
  const kind = KINDS.find((each) => pane.querySelector(`${each}:focus`));
  if (!kind) return () => {};
  const all = () => [...pane.querySelectorAll(kind)];
  const at = all().indexOf(document.activeElement);
  return () => (all()[at] ?? all().at(-1))?.focus({ preventScroll: true });
}

/** Show the count in the header, and give the overlay the blocks' sizes and the clipping line. */
function updatePage(page, panel) {
  const { subject, count, errors, summary, clipPiece, clipShare } = panel.dataset;
  if (subject) document.getElementById("subject").textContent = document.title = subject;
  const tally = document.getElementById("tally");
  tally.textContent = summary || "No problems";
  tally.parentElement.dataset.level = Number(errors) ? "error" : Number(count) ? "warning" : "fine";
  page.weights = new Map([...panel.querySelectorAll(".blocks [data-piece]")].map((block) => [Number(block.dataset.piece), block.dataset]));
  page.clip = clipPiece === undefined ? null : { piece: Number(clipPiece), share: Number(clipShare) };
  page.blocks?.draw();
}
