// The editor's page: puts the editor, the email beside it, the problems, and saving together.

import { Editor } from "./editor.js";
import * as insert from "./insert.js";
import { Live } from "./live.js";
import { Saving } from "./saving.js";
import * as state from "./state.js";
import * as wrong from "./wrong.js";

const writing = document.getElementById("writing");
const { slug, name } = writing.dataset;
const editor = new Editor(document.getElementById("text"), document.getElementById("lines"));
const live = new Live(slug, editor);
const saving = new Saving(live, editor, name);
insert.mount(editor);
wrong.mount(editor, live);

const side = (which) => {
  writing.dataset.side = which;
  for (const input of document.querySelectorAll("#sides input")) input.checked = input.value === which;
  live.place();
};
document.getElementById("sides").addEventListener("change", (event) => side(event.target.value));
side("text");

live.onSubject = (subject) => (document.getElementById("subject").textContent = subject);
live.onShown = () => live.reveal(editor.place.line);
const gone = () => saving.setState("The file is gone; saving shows what to do", "error");
live.onError = (error) => (error.status === 404 ? gone() : saving.setState(error.words, "error"));
live.onClick = (line) => {
  side("text");
  editor.go(line);
};

let line = 0;
let timer = 0;
editor.moved.add((place) => {
  document.getElementById("place").textContent = `Line ${place.line}, column ${place.column}`;
  if (place.line === line) return;
  line = place.line;
  clearTimeout(timer);
  timer = setTimeout(() => live.reveal(line), 200);
});

const press = (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "s") {
    event.preventDefault();
    saving.save();
  }
};
document.addEventListener("keydown", press);
live.keys.add(press);

const reader = state.get("reader");
const leave = document.getElementById("leave");
if (reader) leave.search = `?${new URLSearchParams({ reader })}`;
document.getElementById("shown-as").textContent = reader ? `Shown as ${reader.replace(/^\w+:/, "")}` : "";

live.subscribe({
  issue: async () => {
    await saving.changed();
    live.soon();
  },
  gone,
  back: () => saving.changed(),
});

try {
  await saving.open();
  await live.build();
  editor.area.focus({ preventScroll: true });
  editor.area.setSelectionRange(0, 0);
  editor.caretMoved();
  writing.dataset.ready = "yes";
} catch (error) {
  saving.setState(error.words ?? String(error), "error");
}
