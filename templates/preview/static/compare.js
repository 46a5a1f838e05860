// The page that compares two versions: their words, or both emails scrolling together.

import { Frame } from "./frame.js";
import { isTyping } from "./help.js";
import * as state from "./state.js";
import { together } from "./together.js";

const main = document.getElementById("compared");
const shapes = document.getElementById("shapes");
const emails = document.getElementById("emails");
const choice = document.getElementById("with");
const cells = [...document.querySelectorAll(".emails .cell")];
const WIDTH = 640;
const back = document.querySelector(".back");

const shape = () => state.get("shape", "text");

const frames = cells.map((cell) => {
  const scroll = cell.querySelector(".scroll");
  const device = cell.querySelector(".device");
  const frame = new Frame(device, scroll, { title: cell.querySelector("figcaption").textContent, resized: () => place() });
  return { frame, scroll, device, shown: false };
});
together(frames.map(({ scroll }) => scroll));

function place() {
  for (const { frame, scroll, device } of frames) {
    const room = scroll.clientWidth;
    if (!room) continue;
    const width = room < 480 ? 375 : Math.max(WIDTH, room);
    const scale = Math.min(1, room / width);
    frame.scale = scale;
    if (frame.width !== width) frame.setWidth(width);
    device.style.width = `${width}px`;
    device.style.transformOrigin = "0 0";
    device.style.transform = scale < 1 ? `scale(${scale})` : "";
    device.style.marginBottom = `${frame.height * (scale - 1)}px`;
  }
}

function show() {
  if (!emails) return;
  const isEmails = shape() === "html";
  document.getElementById("words").hidden = isEmails;
  emails.hidden = !isEmails;
  for (const input of shapes.querySelectorAll("input")) input.checked = input.value === shape();
  if (!isEmails) return;
  place();
  for (const cell of frames.filter(({ shown }) => !shown)) {
    cell.shown = true;
    const query = new URLSearchParams({ version: cell.device.dataset.version, reader: state.get("reader") });
    cell.frame.show(`/issues/${encodeURIComponent(main.dataset.slug)}/compare/frame?${query}`);
  }
}

shapes.addEventListener("change", (event) => state.set({ shape: event.target.value === "text" ? "" : event.target.value }));
choice.addEventListener("change", () => {
  state.set({ with: choice.value });
  location.reload();
});
document.addEventListener("keydown", (event) => {
  if (event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target)) return;
  const keys = { t: () => state.set({ shape: "" }), e: () => state.set({ shape: "html" }), Escape: () => back.click() };
  keys[event.key]?.();
});
if (state.get("reader")) back.search = `?${new URLSearchParams({ reader: state.get("reader") })}`;
state.listen(show);
addEventListener("resize", place);
show();
main.dataset.ready = "yes";
