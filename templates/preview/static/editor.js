// The editor: a textarea, and behind it its text drawn with line numbers, colours and problems.
// The browser does the editing, so undo, input methods, spelling and screen readers work as everywhere.

const TOKENS = /\{\{.*?\}\}|\{%.*?%\}|https?:\/\/[^\s)"']+|<!--.*?-->/g;
const INDENT = "  ";
const ROOM = 33;
const NONE = [];

export class Editor {
  constructor(area, lines) {
    Object.assign(this, { area, lines });
    this.drawn = [];
    this.problems = new Map();
    this.changed = new Set();
    this.moved = new Set();
    area.addEventListener("input", () => {
      this.draw();
      for (const listener of this.changed) listener();
    });
    area.addEventListener("keydown", (event) => this.press(event));
    for (const kind of ["click", "focus"]) area.addEventListener(kind, () => this.caretMoved());
    document.addEventListener("selectionchange", () => {
      if (document.activeElement !== area) return;
      this.caretMoved();
      if (this.byKey) this.follow();
    });
    area.addEventListener("pointerdown", () => (this.byKey = false));
  }

  get text() {
    return this.area.value;
  }

  /** Show a file that was read; undo does not take it back. */
  load(text) {
    const at = this.area.selectionStart;
    this.area.value = text;
    this.area.setSelectionRange(Math.min(at, text.length), Math.min(at, text.length));
    this.draw();
  }

  /** Replace the whole text, so that undo takes it back. */
  replace(text) {
    this.area.focus();
    this.area.select();
    this.put(text);
  }

  /** Replace the selection as if the text had been typed; then select a part of it. */
  put(text, from = text.length, to = from) {
    const start = this.area.selectionStart;
    this.area.focus();
    if (!document.execCommand(text ? "insertText" : "delete", false, text)) {
      this.area.setRangeText(text, this.area.selectionStart, this.area.selectionEnd, "end");
      this.area.dispatchEvent(new Event("input"));
    }
    this.area.setSelectionRange(start + from, start + to);
    this.caretMoved();
    this.follow();
  }

  /** The caret's line and column, from 1. */
  get place() {
    const before = this.area.value.slice(0, this.area.selectionStart);
    let line = 1;
    for (let at = before.indexOf("\n"); at >= 0; at = before.indexOf("\n", at + 1)) line += 1;
    return { line, column: before.length - before.lastIndexOf("\n") };
  }

  /** Move the caret to a line, and scroll to it. */
  go(line, column = 1, width = 0) {
    const all = this.text.split("\n");
    const number = Math.min(Math.max(1, line), all.length);
    const start = all.slice(0, number - 1).reduce((sum, row) => sum + row.length + 1, 0);
    const from = start + utf16(all[number - 1], column - 1);
    this.area.focus({ preventScroll: true });
    this.area.setSelectionRange(from, from + width);
    this.lines.children[number - 1]?.scrollIntoView({ block: "center" });
    this.caretMoved();
  }

  /** Mark the caret's line, and call the listeners. */
  caretMoved() {
    const { line } = this.place;
    if (this.current !== line) {
      this.lines.children[(this.current ?? 0) - 1]?.classList.remove("is-current");
      this.lines.children[line - 1]?.classList.add("is-current");
      this.current = line;
    }
    for (const listener of this.moved) listener(this.place);
  }

  /** Keep the caret in view: the textarea is as long as its text and does not scroll by itself. */
  follow() {
    const paper = this.area.parentElement;
    const caret = this.caret();
    const { top, bottom } = paper.getBoundingClientRect();
    if (caret.bottom > bottom - ROOM) paper.scrollTop += caret.bottom - bottom + ROOM;
    else if (caret.top < top + ROOM) paper.scrollTop += caret.top - top - ROOM;
  }

  /** The caret's box on the screen, measured in the drawn line. */
  caret() {
    const { line, column } = this.place;
    const drawn = this.lines.children[line - 1] ?? this.lines;
    const walker = document.createTreeWalker(drawn, NodeFilter.SHOW_TEXT);
    let left = column - 1;
    while (walker.nextNode()) {
      if (left <= walker.currentNode.length) {
        const range = document.createRange();
        range.setStart(walker.currentNode, left);
        const box = range.getBoundingClientRect();
        return box.height ? box : drawn.getBoundingClientRect();
      }
      left -= walker.currentNode.length;
    }
    return drawn.getBoundingClientRect();
  }

  /** Take the problems, and draw them at their lines. */
  mark(problems) {
    this.problems = Map.groupBy ? Map.groupBy(problems, ({ line }) => line) : grouped(problems);
    this.draw();
  }

  /** Draw the lines that differ from the drawn ones. */
  draw() {
    const fresh = describe(this.text.split("\n"), this.problems);
    const drawn = this.drawn;
    let start = 0;
    while (start < drawn.length && start < fresh.length && alike(drawn[start], fresh[start])) start += 1;
    let end = 0;
    while (end < drawn.length - start && end < fresh.length - start
      && alike(drawn[drawn.length - 1 - end], fresh[fresh.length - 1 - end])) end += 1;
    const behind = this.lines.children[drawn.length - end] ?? null;
    for (let at = drawn.length - end - 1; at >= start; at -= 1) this.lines.children[at].remove();
    const nodes = fresh.slice(start, fresh.length - end).map(node);
    for (const line of nodes) this.lines.insertBefore(line, behind);
    this.drawn = fresh;
    this.lines.children[this.current - 1]?.classList.add("is-current");
  }

  press(event) {
    this.byKey = true;
    if (event.isComposing || event.altKey) return;
    if (event.key === "Escape") {
      this.leaving = true;
      return;
    }
    if (event.key === "Tab" && !event.ctrlKey && !event.metaKey && !this.leaving) {
      event.preventDefault();
      this.indent(event.shiftKey);
    }
    if (event.key !== "Shift") this.leaving = false;
    if (event.key === "Enter" && !event.shiftKey && !event.ctrlKey && !event.metaKey && this.continueList()) event.preventDefault();
  }

  /** Insert two spaces; with lines selected, or at the beginning of a list's item, move whole lines. */
  indent(back) {
    const { selectionStart: from, selectionEnd: to } = this.area;
    const start = this.text.lastIndexOf("\n", from - 1) + 1;
    const isMany = this.text.slice(from, to).includes("\n");
    const isItem = /^\s*(?:[-*+]|\d+\.)\s$/.test(this.text.slice(start, from));
    if (!back && !isMany && !isItem) return this.put(INDENT);
    const stop = this.text.indexOf("\n", Math.max(from, to - (isMany ? 1 : 0)));
    const end = stop < 0 ? this.text.length : stop;
    const old = this.text.slice(start, end);
    const next = old.split("\n").map((line) => (back ? line.replace(/^ {1,2}|^\t/, "") : line && INDENT + line)).join("\n");
    if (next === old) return undefined;
    this.area.setSelectionRange(start, end);
    const first = next.indexOf("\n") < 0 ? next.length - old.length : 0;
    if (isMany) return this.put(next, 0, next.length);
    return this.put(next, Math.max(0, from - start + first));
  }

  /** Continue a list on Enter; end it on an empty item. */
  continueList() {
    const { selectionStart: from, selectionEnd: to } = this.area;
    if (from !== to) return false;
    const start = this.text.lastIndexOf("\n", from - 1) + 1;
    const item = /^(\s*)([-*+]|(\d+)\.)(\s+)(.*)$/.exec(this.text.slice(start, from));
    if (!item) return false;
    const [, space, sign, number, gap, words] = item;
    if (!words) {
      this.area.setSelectionRange(start, from);
      this.put("");
      return true;
    }
    this.put(`\n${space}${number ? `${Number(number) + 1}.` : sign}${gap}`);
    return true;
  }
}

/** Each line's text, kind and marks; `key` is the marks as a text, for comparing. */
function describe(lines, problems) {
  const front = lines[0]?.trim() === "---" ? lines.indexOf("---", 1) : -1;
  return lines.map((text, index) => {
    const kind = index <= front ? "front" : text.includes(":::") && /^\s*:::/.test(text) ? "fence" : /^#{1,6}\s/.test(text) ? "title" : "";
    const wrong = problems.get(index + 1);
    if (!wrong) return { text, kind, marks: NONE, key: "" };
    const marks = wrong.map((problem) => span(text, problem));
    return { text, kind, marks, key: JSON.stringify(marks) };
  });
}

const alike = (old, fresh) => old.text === fresh.text && old.kind === fresh.kind && old.key === fresh.key;

/** The part of a line to underline: the problem's width, else its tag or word, else the whole line. */
function span(text, { column, width, severity }) {
  const from = utf16(text, column - 1);
  const word = /^(?:\{\{.*?\}\}|\{%.*?%\}|[\p{L}\p{N}_]+|\S+)/u.exec(text.slice(from))?.[0].length ?? 0;
  const to = width > 1 ? from + utf16(text.slice(from), width) : from + word;
  return from >= text.length || to <= from ? { from: 0, to: text.length, severity } : { from, to, severity };
}

function node({ text, kind, marks }) {
  const line = document.createElement("div");
  const worst = marks.some(({ severity }) => severity === "error") ? "error" : marks.length ? "warning" : "";
  line.className = ["line", kind, worst && `has-${worst}`].filter(Boolean).join(" ");
  const tokens = [...text.matchAll(TOKENS)].map((match) => ({ from: match.index, to: match.index + match[0].length, name: named(match[0]) }));
  const cuts = [...new Set([0, text.length, ...[...tokens, ...marks].flatMap(({ from, to }) => [from, to])])].sort((a, b) => a - b);
  for (let at = 0; at + 1 < cuts.length; at += 1) {
    const [from, to] = [cuts[at], cuts[at + 1]];
    const covers = (range) => range.from <= from && range.to >= to;
    const names = [...tokens.filter(covers).map(({ name }) => name), ...marks.filter(covers).map(({ severity }) => `wrong ${severity}`)];
    if (!names.length) line.append(text.slice(from, to));
    else {
      const part = document.createElement("span");
      part.className = names.join(" ");
      part.textContent = text.slice(from, to);
      line.append(part);
    }
  }
  if (!text) line.append("\u200b");
  return line;
}

const named = (token) => (token.startsWith("{") ? "tag" : token.startsWith("<!") ? "comment" : "url");

/** The UTF-16 units of so many characters: the server counts characters, a browser UTF-16 units. */
const utf16 = (text, characters) => [...text].slice(0, characters).join("").length;

function grouped(problems) {
  const byLine = new Map();
  for (const problem of problems) byLine.set(problem.line, [...(byLine.get(problem.line) ?? []), problem]);
  return byLine;
}
