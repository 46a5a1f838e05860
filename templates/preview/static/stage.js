// The stage: shows the email in one frame, or in all views side by side.

import { Frame } from "./frame.js";
import { part } from "./part.js";
import { together } from "./together.js";

const WRITTEN = new Set(["text", "source", "headers", "raw"]);
const GAP = 24;
/** The smallest width of a view: Outlook for Windows is on no phone, and lays out as wide as the email says. */
const LEAST = { outlook: 640 };

export class Stage {
  constructor(element, page) {
    this.element = element;
    this.page = page;
    this.views = new Set([...document.querySelectorAll("#views [data-view]")].map((link) => link.dataset.view));
    this.drawn = new Set();
    this.opened = new Set();
    this.single = document.getElementById("single");
    this.grid = document.getElementById("grid");
    this.single.append(document.getElementById("device").content.cloneNode(true));
    this.device = this.single.firstElementChild;
    this.frame = new Frame(this.device.querySelector(".sheet"), element, {
      ready: (document) => this.draw(document),
      resized: () => this.place(),
    });
    this.cells = [];
    new ResizeObserver(() => this.place()).observe(element);
    page.state.listen((changed) => {
      if (["view", "reader", "remote"].some((name) => changed.has(name))) this.show();
      else if (changed.has("width")) this.place();
    });
  }

  /** The view that the address names, if it exists: a link may be old, or mistyped. */
  get view() {
    const name = this.page.state.get("view", "html");
    return this.views.has(name) ? name : "html";
  }

  get isWritten() {
    return WRITTEN.has(this.view);
  }

  get isGrid() {
    return this.view === "grid";
  }

  /** The width of the email in CSS pixels: the one the address names, else one that fits. */
  get width() {
    const width = Number(this.page.state.get("width"));
    if (width >= 240 && width <= 1600) return width;
    return this.element.clientWidth >= 768 + 2 * GAP && !this.isGrid ? 768 : 375;
  }

  widthOf(view) {
    return Math.max(this.width, LEAST[view] ?? 0);
  }

  get frames() {
    return this.isGrid ? this.cells.map((cell) => cell.frame) : [this.frame];
  }

  address(view) {
    const { digest, trace, state } = this.page;
    return this.page.address(`view/${view}`, {
      reader: state.get("reader"), remote: state.get("remote"), of: `${digest}${trace}`,
    });
  }

  /** Show the view that the address bar names. */
  async show() {
    this.single.hidden = this.isGrid;
    this.grid.hidden = !this.isGrid;
    this.element.classList.toggle("is-grid", this.isGrid);
    this.element.classList.toggle("is-written", this.isWritten);
    if (this.isGrid && !this.cells.length) this.fill();
    this.place();
    await this.refresh();
  }

  /** Show a newer email in the current views. */
  async refresh() {
    this.element.classList.toggle("is-empty", !this.page.digest);
    if (this.isGrid) await Promise.all(this.cells.map((cell) => cell.frame.show(this.address(cell.view))));
    else await this.frame.show(this.address(this.view));
    this.element.dataset.shown = this.page.digest;
  }

  /** Update the line numbers in an email whose looks did not change. */
  async relabel() {
    const html = await part(this.address("html"));
    if (html === null) return;
    const fresh = new DOMParser().parseFromString(html, "text/html").querySelectorAll("[data-nl-line]");
    for (const frame of this.frames) {
      const shown = frame.document?.querySelectorAll("[data-nl-line]") ?? [];
      if (shown.length === fresh.length) {
        shown.forEach((element, index) => element.setAttribute("data-nl-line", fresh[index].dataset.nlLine));
      }
    }
  }

  fill() {
    this.grid.append(document.getElementById("cells").content.cloneNode(true));
    for (const cell of this.grid.querySelectorAll(".cell")) {
      const scroll = cell.querySelector(".scroll");
      const device = cell.querySelector(".device");
      const title = cell.querySelector("figcaption a").textContent;
      const frame = new Frame(device, scroll, { title, ready: (document) => this.open(document), resized: () => this.place() });
      this.cells.push({ view: cell.dataset.view, scroll, device, frame });
    }
    together(this.cells.filter((cell) => !WRITTEN.has(cell.view)).map((cell) => cell.scroll));
  }

  /** Set widths and scales, after any of them changed. */
  place() {
    if (this.isGrid) for (const cell of this.cells) this.scaled(cell.frame, cell.device, cell.scroll.clientWidth + 1, this.widthOf(cell.view));
    else if (this.isWritten) {
      this.scaled(this.frame, this.device, Infinity, Math.max(320, this.element.clientWidth - 2 * this.gap));
    } else this.scaled(this.frame, this.device, this.element.clientWidth - 2 * this.gap, this.widthOf(this.view));
    this.onplaced?.(this.frame.width || this.width, this.frame.scale);
  }

  get gap() {
    return this.element.clientWidth < 600 ? 0 : GAP;
  }

  /** Scale an email that is wider than its room; it is not laid out narrower. */
  scaled(frame, device, room, width) {
    const scale = Math.min(1, room / width);
    frame.scale = scale;
    if (frame.width !== width) frame.setWidth(width);
    const sheet = frame.sheet;
    sheet.style.width = `${width}px`;
    sheet.style.transformOrigin = "0 0";
    sheet.style.transform = scale < 1 ? `scale(${scale})` : "";
    device.style.width = `${Math.round(width * (sheet === device ? 1 : scale))}px`;
    device.style.height = sheet === device ? "" : `${Math.round(frame.height * scale)}px`;
    if (sheet === device) device.style.marginBottom = `${frame.height * (scale - 1)}px`;
  }

  /** Call the listeners for every document that is loaded into a frame. */
  open(document) {
    for (const listener of this.opened) listener(document);
  }

  /** Call the listeners for the document of the single view. */
  draw(document) {
    this.open(document);
    for (const listener of this.drawn) listener(document);
  }
}
