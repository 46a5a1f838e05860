// The tools: they put marks around words, links, lists, merge tags, and blocks with their fields into the text.

const BODY = {
  markdown: "Text.",
  list: "- [Headline](https://) A sentence about it.",
  label: "Read the full story",
};

export function mount(editor) {
  const dialog = document.getElementById("block");
  const fields = document.getElementById("block-fields");
  const form = document.getElementById("block-form");
  const blocks = document.getElementById("insert-block");
  const tags = document.getElementById("insert-field");

  const wrap = (sign) => {
    const { selectionStart: from, selectionEnd: to } = editor.area;
    const words = editor.text.slice(from, to) || "words";
    editor.put(`${sign}${words}${sign}`, sign.length, sign.length + words.length);
  };
  const link = () => {
    const { selectionStart: from, selectionEnd: to } = editor.area;
    const words = editor.text.slice(from, to);
    const isAddress = /^https?:\/\/\S+$/.test(words);
    const label = isAddress ? "words" : words || "words";
    const text = `[${label}](${isAddress ? words : "https://"})`;
    if (words && !isAddress) editor.put(text, label.length + 3, text.length - 1);
    else editor.put(text, 1, 1 + label.length);
  };
  const list = () => {
    const { selectionStart: from, selectionEnd: to } = editor.area;
    const start = editor.text.lastIndexOf("\n", from - 1) + 1;
    const stop = editor.text.indexOf("\n", to);
    editor.area.setSelectionRange(start, stop < 0 ? editor.text.length : stop);
    const lines = editor.text.slice(editor.area.selectionStart, editor.area.selectionEnd).split("\n");
    editor.put(lines.map((line) => (/^\s*[-*+]\s/.test(line) ? line : `- ${line}`)).join("\n"));
  };

  const toolbar = document.querySelector(".tools");
  toolbar.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.wrap) wrap(button.dataset.wrap);
    if (button && "link" in button.dataset) link();
    if (button && "list" in button.dataset) list();
  });
  editor.area.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    const act = { b: () => wrap("**"), i: () => wrap("*"), k: link }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  tags.addEventListener("change", () => {
    const name = tags.value;
    tags.value = "";
    const isAlwaysSet = name === "email";
    editor.put(isAlwaysSet ? `{{ ${name} }}` : `{{ ${name} | default("") }}`);
    if (!isAlwaysSet) editor.area.setSelectionRange(editor.area.selectionStart - 5, editor.area.selectionStart - 5);
  });
  blocks.addEventListener("change", () => {
    const kind = document.querySelector(`template[data-kind="${blocks.value}"]`);
    blocks.value = "";
    if (Number(kind.dataset.fields)) ask(kind);
    else place(editor, written(kind, []));
  });

  const ask = (kind) => {
    const { selectionStart: from, selectionEnd: to } = editor.area; // a dialog that closes gives the focus back, not the caret
    document.getElementById("block-name").textContent = kind.dataset.kind;
    fields.replaceChildren(kind.content.cloneNode(true));
    dialog.returnValue = "no";
    dialog.addEventListener("close", () => {
      editor.area.setSelectionRange(from, to);
      if (dialog.returnValue === "yes") place(editor, written(kind, [...fields.querySelectorAll("input")]));
      else editor.area.focus();
    }, { once: true });
    dialog.showModal();
    fields.querySelector("input").focus();
  };
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.tagName !== "INPUT") return;
    event.preventDefault();
    if (form.reportValidity()) dialog.close("yes");
  });
}

/** The block's text, and the part of its body to select. */
function written(kind, inputs) {
  const { kind: name, positional, body } = kind.dataset;
  const values = inputs.map((input) => [input.name, input.value.trim(), input])
    .filter(([field, value, input]) => value || (field === "alt" && (input.dataset.required !== undefined || has(inputs, "image"))));
  const first = values.find(([field, value]) => field === positional && /^[^\s"'“”=]+$/.test(value));
  const fields = values.filter((entry) => entry !== first).map(([field, value]) => `${field}=${quoted(value)}`);
  const opening = [`:::${name}`, ...(first ? [first[1]] : []), ...fields].join(" ");
  if (body === "none") return { text: `${opening} /`, from: opening.length + 2, to: opening.length + 2 };
  if (name === "sponsor" && first) return { text: `${opening}\n:::`, from: opening.length + 4, to: opening.length + 4 };
  const words = BODY[body];
  return { text: `${opening}\n${words}\n:::`, from: opening.length + 1, to: opening.length + 1 + words.length };
}

const has = (inputs, name) => inputs.some((input) => input.name === name && input.value.trim());

/** A field's value as the parser reads it: bare if possible, else in quotes; merge tags keep their own quotes. */
function quoted(value) {
  if (/^[^\s"'“”\\=/][^\s"'\\]*$/.test(value)) return value;
  const parts = value.split(/(\{\{.*?\}\}|\{%.*?%\})/);
  return `"${parts.map((part, index) => (index % 2 ? part : part.replace(/(["\\])/g, "\\$1"))).join("")}"`;
}

/** Insert a block on lines of its own: at the caret, or after the block or front matter that the caret is in. */
export function place(editor, { text, from, to }) {
  const lines = editor.text.split("\n");
  const after = outside(lines, editor.place.line);
  const isEmpty = !lines[after - 1]?.trim();
  const end = lines.slice(0, after).reduce((sum, line) => sum + line.length + 1, -1);
  const at = isEmpty && after > 0 ? end - lines[after - 1].length : Math.max(0, end);
  editor.area.setSelectionRange(at, isEmpty && after > 0 ? end : at);
  const above = isEmpty ? (lines[after - 2]?.trim() ? "\n" : "") : "\n\n";
  const below = lines[after]?.trim() ? "\n" : "";
  editor.put(above + text + below, above.length + from, above.length + to);
}

/** The line after which a block may stand: the caret's own, or the end of what it is in. */
function outside(lines, caret) {
  const front = lines[0]?.trim() === "---" ? lines.indexOf("---", 1) + 1 : 0;
  if (caret <= front) return front;
  let open = 0;
  for (let at = front; at < caret; at += 1) {
    if (/^:::\s*$/.test(lines[at])) open = 0;
    else if (/^:::\s*\w/.test(lines[at]) && !/ \/\s*$/.test(lines[at])) open = at + 1;
  }
  if (!open) return caret;
  const close = lines.findIndex((line, at) => at >= caret - 1 && /^:::\s*$/.test(line));
  return close < 0 ? caret : close + 1;
}
