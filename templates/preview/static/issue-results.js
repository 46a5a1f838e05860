// The results of an issue: the email with a number at each link, its charts, and its figures as they change.

import { draw } from "./charts.js";
import { subscribe } from "./events.js";
import { Frame } from "./frame.js";
import { isTyping } from "./help.js";
import { refreshed } from "./renew.js";

const figures = document.getElementById("figures");
const letter = document.getElementById("letter");
const beside = document.getElementById("beside");
const device = letter?.querySelector(".device");
const overlay = letter?.querySelector(".overlay");
const calm = () => (matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth");
const back = document.querySelector(".back");

document.addEventListener("keydown", (event) => {
  if (event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target)) return;
  if (event.key === "Escape") back.click();
  if (event.key === "i") location.assign("/");
});
document.getElementById("campaign")?.addEventListener("change", (event) => event.target.form.submit());

/** The links of the table by number: how often each was followed. */
function clicks() {
  const rows = beside.querySelectorAll("#links [data-link]");
  return new Map([...rows].map((row) => [row.dataset.link, Number(row.dataset.clicks)]));
}

/** Lay the numbers over the email; the first place of a link is filled, its others are outlined. */
function mark(frame) {
  overlay.replaceChildren();
  const counted = clicks();
  const most = Math.max(1, ...counted.values());
  const seen = new Set();
  for (const link of frame.document?.querySelectorAll("a[data-nl-link]") ?? []) {
    const number = link.dataset.nlLink;
    const box = [...link.getClientRects()].find(({ width, height }) => width && height) ?? inner(link);
    if (!counted.has(number) || !box) continue;
    const badge = document.createElement("span");
    badge.className = `clicks${seen.has(number) ? " again" : ""}${counted.get(number) ? "" : " none"}`;
    badge.dataset.link = number;
    badge.textContent = counted.get(number).toLocaleString("en");
    badge.style.setProperty("--heat", `${Math.round(45 + (55 * counted.get(number)) / most)}%`);
    badge.style.top = `${Math.max(0, box.top * frame.scale - 8)}px`;
    badge.style.left = `${box.right * frame.scale + 2}px`;
    overlay.append(badge);
    // Beside the link, so that its words can be read, unless that is outside the email.
    const outside = badge.offsetLeft + badge.offsetWidth - frame.width * frame.scale + 4;
    if (outside > 0) badge.style.left = `${badge.offsetLeft - outside}px`;
    seen.add(number);
  }
}

/** The box of a picture in a link that has none of its own. */
const inner = (link) => [...link.children].map((child) => child.getBoundingClientRect()).find(({ width, height }) => width && height);

function mount() {
  const frame = new Frame(device.querySelector(".sheet"), letter, { title: "The email as it was sent", ready: () => place(), resized: () => place() });
  const place = () => {
    const room = letter.clientWidth;
    if (!room) return;
    const width = room < 480 ? 375 : 640;
    const scale = Math.min(1, room / width);
    frame.scale = scale;
    if (frame.width !== width) frame.setWidth(width);
    Object.assign(frame.sheet.style, { width: `${width}px`, transformOrigin: "0 0", transform: scale < 1 ? `scale(${scale})` : "" });
    Object.assign(device.style, { width: `${Math.round(width * scale)}px`, height: `${Math.round(frame.height * scale)}px` });
    mark(frame);
  };
  new ResizeObserver(place).observe(letter);
  const choose = (number) => {
    for (const each of document.querySelectorAll("[data-link].is-chosen")) each.classList.remove("is-chosen");
    for (const each of document.querySelectorAll(`[data-link="${number}"]`)) each.classList.add("is-chosen");
  };
  beside.addEventListener("click", (event) => {
    const button = event.target.closest("[data-show]");
    if (!button) return;
    choose(button.dataset.show);
    const badge = overlay.querySelector(`[data-link="${button.dataset.show}"]`);
    if (!badge) return;
    letter.scrollTo({ top: badge.offsetTop - letter.clientHeight / 3, behavior: calm() });
    if (matchMedia("(max-width: 1000px)").matches) letter.scrollIntoView({ block: "nearest", behavior: calm() });
  });
  overlay.addEventListener("click", (event) => {
    const number = event.target.dataset.link;
    if (!number) return;
    choose(number);
    beside.querySelector(`#links [data-link="${number}"]`)?.scrollIntoView({ block: "center", behavior: calm() });
  });
  const refresh = async () => {
    if (!await refreshed(beside)) return;
    draw();
    mark(frame);
  };
  place();
  subscribe(figures.dataset.topic, { figures: refresh, issue: refresh, back: () => location.reload() });
  frame.show(`/issues/${encodeURIComponent(figures.dataset.slug)}/results/email?campaign=${figures.dataset.campaign}`)
    .then(() => (figures.dataset.ready = "yes"));
}

if (letter) {
  draw();
  mount();
}
