// The problems of the text: underlined at their lines, explained at the caret and the pointer, and listed.

import { sentence, spoken } from "./words.js";

export function mount(editor, live) {
  const note = document.getElementById("note");
  const here = document.getElementById("here");
  const list = document.getElementById("problems");
  const button = document.getElementById("problems-switch");
  const paper = document.getElementById("paper");
  let caret = 1;

  const at = (line) => editor.problems.get(line) ?? [];
  const say = () => {
    here.replaceChildren(...spoken(at(caret).map(words).join(" ")));
  };
  const show = (line) => {
    const problems = at(line);
    note.hidden = !problems.length;
    if (!problems.length) return;
    const drawn = editor.lines.children[line - 1];
    note.replaceChildren(...problems.map((problem) => {
      const paragraph = document.createElement("p");
      paragraph.className = problem.severity;
      paragraph.append(...spoken(words(problem)));
      return paragraph;
    }));
    note.style.top = `${drawn.offsetTop + drawn.offsetHeight}px`;
  };
  const lineAt = (y) => {
    const { children } = editor.lines;
    let low = 0;
    for (let high = children.length - 1; low < high; ) {
      const middle = (low + high + 1) >> 1;
      if (children[middle].offsetTop <= y) low = middle;
      else high = middle - 1;
    }
    return low + 1;
  };

  const stale = document.getElementById("stale");
  let culprit = null;
  stale.addEventListener("click", () => editor.go(culprit.line, culprit.column));
  /** Say over an outdated email why the text does not build, and in which line. */
  const explain = (problems, own) => {
    culprit = live.isStale ? (problems.find(({ severity }) => severity === "error") ?? null) : null;
    stale.hidden = !culprit;
    if (!culprit) return;
    const isOwn = own.includes(culprit);
    stale.disabled = !isOwn;
    const title = document.createElement("b");
    title.textContent = live.digest ? "Not built. You see the last version that could be. " : "Not built yet. ";
    stale.replaceChildren(title, ...spoken(`${isOwn ? "Line" : `${culprit.path}:`} ${culprit.line}: ${words(culprit)}`));
  };

  live.problems.add((problems) => {
    const own = problems.filter(({ path }) => path.endsWith(".md"));
    editor.mark(own);
    explain(problems, own);
    const errors = problems.filter(({ severity }) => severity === "error").length;
    button.textContent = problems.length ? `${problems.length} ${problems.length === 1 ? "problem" : "problems"}` : "No problems";
    button.dataset.level = errors ? "error" : problems.length ? "warning" : "fine";
    list.replaceChildren(...problems.map((problem) => entry(problem, own.includes(problem), editor)));
    if (!problems.length) toggle(false);
    show(caret);
    say();
  });
  const toggle = (open = list.hidden) => {
    list.hidden = !open || !list.children.length;
    button.setAttribute("aria-expanded", String(!list.hidden));
    editor.follow();
  };
  button.addEventListener("click", () => toggle());
  editor.moved.add((place) => {
    if (place.line === caret) return;
    caret = place.line;
    show(caret);
    say();
  });
  editor.changed.add(() => (note.hidden = true));
  paper.addEventListener("pointermove", (event) => {
    const y = event.clientY - editor.lines.getBoundingClientRect().top;
    const line = lineAt(y);
    show(at(line).length ? line : caret);
  });
  paper.addEventListener("pointerleave", () => show(caret));
}

const words = ({ message, hint }) => `${sentence(message)}.${hint ? ` ${hint}` : ""}`;

function entry(problem, isOwn, editor) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  item.className = problem.severity;
  button.type = "button";
  button.disabled = !isOwn;
  const what = document.createElement("span");
  what.append(...spoken(words(problem)));
  const where = document.createElement("small");
  where.textContent = `${isOwn ? "line" : problem.path} ${problem.line}${problem.rule ? ` · ${problem.rule}` : ""}`;
  button.append(what, where);
  button.addEventListener("click", () => editor.go(problem.line, problem.column, problem.width > 1 ? problem.width : 0));
  item.append(button);
  return item;
}
