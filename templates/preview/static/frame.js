// A frame that shows the email. A newer email is loaded behind the old one, replaces it without a blank, and stays at
// the place that was being read.

import { anchors, follow } from "./anchors.js";

const SANDBOX = "allow-same-origin allow-popups allow-popups-to-escape-sandbox";

export class Frame {
  /** `sheet` holds the frame, `scroller` scrolls it; `ready(document)` is called for each shown document. */
  constructor(sheet, scroller, { ready = () => {}, title = "The email", resized = () => {} } = {}) {
    Object.assign(this, { sheet, scroller, ready, title, resized });
    this.current = null;
    this.width = 0;
    this.scale = 1;
    this.height = 0;
    this.observer = new ResizeObserver(() => this.fit());
  }

  get document() {
    return this.current?.contentDocument ?? null;
  }

  /** Show an address; resolves when it is on the screen. Of several calls meanwhile, the last counts. */
  show(url) {
    this.wanted = url;
    this.loading ??= this.load().finally(() => (this.loading = null));
    return this.loading;
  }

  async load() {
    for (let url = ""; url !== this.wanted; ) {
      url = this.wanted;
      const next = await this.loaded(url);
      if (next.contentDocument) this.swap(next);
      else next.remove(); // the server is gone: the last email stays
    }
  }

  async loaded(url) {
    const next = document.createElement("iframe");
    next.setAttribute("sandbox", SANDBOX);
    next.title = this.title;
    next.className = "incoming";
    next.style.width = `${this.width}px`;
    next.src = url;
    await new Promise((resolve) => {
      next.addEventListener("load", resolve, { once: true });
      this.sheet.append(next);
    });
    return next;
  }

  swap(next) {
    const last = this.current;
    const before = last && anchors(last.contentDocument);
    const top = this.scroller.scrollTop;
    const offset = this.offset;
    this.current = next;
    next.classList.remove("incoming");
    next.style.width = `${this.width}px`; // it may have changed while the email was loading
    this.fit();
    last?.remove();
    if (before) this.scroller.scrollTop = top + follow(before, anchors(next.contentDocument), offset) * this.scale;
    this.observer.disconnect();
    this.observer.observe(next.contentDocument.documentElement);
    this.ready(next.contentDocument);
  }

  /** The part of the email above the visible part, in the email's own pixels. */
  get offset() {
    return (this.scroller.getBoundingClientRect().top - this.sheet.getBoundingClientRect().top) / this.scale;
  }

  setWidth(width) {
    this.width = width;
    if (this.current) this.current.style.width = `${width}px`;
    this.fit();
  }

  /** Make the frame as high as the email: the page scrolls, and no scroll bar takes from the width. */
  fit() {
    const page = this.document?.documentElement;
    if (!page) return;
    const height = Math.ceil(Math.max(page.getBoundingClientRect().height, this.document.body?.scrollHeight ?? 0));
    if (height !== this.height || this.current.style.height !== `${height}px`) {
      this.height = height;
      this.current.style.height = `${height}px`;
      this.resized(height);
    }
  }
}
