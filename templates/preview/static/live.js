// The email beside the text: built from the typed text, saved or not.

import { Frame } from "./frame.js";
import { subscribe } from "./events.js";
import { ask, post } from "./post.js";
import * as state from "./state.js";

// Milliseconds after the last key until the text is built, then until it is checked, and until a failure is shown.
const PAUSE = 90;
const LATER = 250;
const PATIENCE = 400;

export class Live {
  constructor(slug, editor) {
    Object.assign(this, { slug, editor });
    this.tab = crypto.randomUUID();
    this.stage = document.getElementById("stage");
    this.device = this.stage.querySelector(".device");
    this.frame = new Frame(this.device.querySelector(".sheet"), this.stage, {
      ready: (inside) => this.ready(inside), resized: () => this.place(),
    });
    this.problems = new Set();
    this.keys = new Set();
    editor.changed.add(() => this.soon());
    state.listen((changed) => {
      if (changed.has("width")) this.place();
      if (changed.has("view") || changed.has("reader")) this.show();
    });
    new ResizeObserver(() => this.place()).observe(this.stage);
    this.switches();
    this.place();
  }

  address(part, query = {}) {
    const text = new URLSearchParams(query).toString();
    return `/issues/${encodeURIComponent(this.slug)}/${part}${text ? `?${text}` : ""}`;
  }

  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.build(), PAUSE);
  }

  /** Send the typed text and show its email; of several calls meanwhile, the last counts. */
  async build() {
    if (this.busy) {
      this.again = true;
      return;
    }
    this.busy = true;
    const text = this.editor.text;
    try {
      const made = await post(this.address(`typed/${this.tab}`), text);
      if (made.subject) this.onSubject?.(made.subject);
      if (made.digest !== this.digest || !this.frame.document) {
        this.digest = made.digest;
        await this.show();
        this.onShown?.();
      }
      this.stage.dataset.shown = made.digest;
      this.judge(text, made.failed);
    } catch (error) {
      this.onError?.(error);
    } finally {
      this.busy = false;
    }
    if (this.again) {
      this.again = false;
      await this.build();
    }
  }

  async show() {
    const view = document.querySelector("#looks input:checked")?.value ?? "html";
    await this.frame.show(this.address(`typed/${this.tab}/view/${view}`, { reader: state.get("reader"), of: this.digest ?? "" }));
    this.place();
  }

  /** Show problems only when they have stayed for a moment: half a typed word is no mistake. */
  judge(text, failed) {
    clearTimeout(this.later);
    if (!failed) this.stage.classList.remove("is-stale");
    this.later = setTimeout(() => {
      this.stage.classList.toggle("is-stale", failed);
      this.check(text);
    }, failed ? PATIENCE : LATER);
  }

  /** Whether the shown email is older than the text, because that does not build. */
  get isStale() {
    return this.stage.classList.contains("is-stale");
  }

  async check(text) {
    const problems = await ask(this.address(`typed/${this.tab}/problems`)).catch(() => null);
    if (!problems || text !== this.editor.text) return;
    for (const listener of this.problems) listener(problems);
  }

  /** Scale an email that is wider than its room; it is not laid out narrower. */
  place() {
    const gap = this.stage.clientWidth < 600 ? 0 : 24;
    const room = this.stage.clientWidth - 2 * gap;
    if (room <= 0) return;
    const width = state.get("width") === "375" || room < 480 ? 375 : Math.max(640, room);
    const scale = Math.min(1, room / width);
    this.frame.scale = scale;
    if (this.frame.width !== width) this.frame.setWidth(width);
    Object.assign(this.frame.sheet.style, { width: `${width}px`, transformOrigin: "0 0", transform: scale < 1 ? `scale(${scale})` : "" });
    Object.assign(this.device.style, { width: `${Math.round(width * scale)}px`, height: `${Math.round(this.frame.height * scale)}px` });
  }

  /** Let a click in the email move the caret to its line. */
  ready(inside) {
    inside.addEventListener("click", (event) => {
      event.preventDefault();
      const line = event.target.closest?.("[data-nl-line]")?.dataset.nlLine;
      if (line) this.onClick?.(Number(line));
    });
    inside.addEventListener("keydown", (event) => this.keys.forEach((press) => press(event)));
  }

  /** Scroll to the part of the email that a line makes. */
  reveal(line) {
    const inside = this.frame.document;
    if (!inside) return;
    let best = null;
    for (const element of inside.querySelectorAll("[data-nl-line]")) if (Number(element.dataset.nlLine) <= line) best = element;
    if (!best) return;
    const scale = this.frame.scale ?? 1;
    const { top, bottom } = best.getBoundingClientRect();
    const [from, to] = [this.device.offsetTop + top * scale, this.device.offsetTop + bottom * scale];
    const { scrollTop, clientHeight } = this.stage;
    if (from >= scrollTop && to <= scrollTop + clientHeight) return;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.stage.scrollTo({ top: from - clientHeight / 3, behavior: calm ? "auto" : "smooth" });
  }

  switches() {
    for (const [id, name, otherwise] of [["looks", "view", "html"], ["widths", "width", "0"]]) {
      const group = document.getElementById(id);
      const show = () => {
        for (const input of group.querySelectorAll("input")) input.checked = input.value === state.get(name, otherwise);
      };
      group.addEventListener("change", (event) => state.set({ [name]: event.target.value === otherwise ? "" : event.target.value }));
      state.listen(show);
      show();
    }
  }

  /** Subscribe to changes of the file and of templates. */
  subscribe(handlers) {
    subscribe(this.slug, handlers);
  }
}
