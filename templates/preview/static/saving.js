// Saving: over the text that was read, and over nothing that somebody else has written meanwhile.

import { ask, post } from "./post.js";

export class Saving {
  constructor(live, editor, name) {
    Object.assign(this, { live, editor, name });
    this.base = { text: "", digest: "" };
    this.button = document.getElementById("save");
    this.word = document.getElementById("saved");
    this.dialog = document.getElementById("conflict");
    this.button.addEventListener("click", () => this.save());
    editor.changed.add(() => this.tell());
    addEventListener("beforeunload", (event) => {
      if (this.isDirty) event.preventDefault();
    });
  }

  get isDirty() {
    return this.editor.text !== this.base.text;
  }

  async open() {
    const found = await ask(this.live.address("manuscript"));
    this.base = found;
    this.editor.load(found.text);
    this.tell();
  }

  tell(word = "", level = "") {
    this.button.disabled = !this.isDirty;
    this.word.textContent = word || (this.isDirty ? "Not saved" : "");
    this.word.dataset.level = level || (this.isDirty ? "open" : "");
  }

  async save(over = this.base.digest) {
    if (!this.isDirty && over === this.base.digest) return;
    const text = this.editor.text;
    this.button.disabled = this.isSaving = true;
    try {
      const found = await post(this.live.address("save", { name: this.name, over }), text);
      this.base = { text, digest: found.digest };
      this.tell(this.isDirty ? "" : "Saved", this.isDirty ? "" : "fine");
    } catch (error) {
      if (error.status === 409 && error.told.shown) this.conflict(error.told);
      else this.tell(error.words, "error");
    } finally {
      this.isSaving = false;
    }
  }

  /** Both versions; a person decides, and until then nothing is written. */
  conflict({ text, digest, shown }) {
    const { dialog } = this;
    document.getElementById("conflict-title").textContent = digest ? "The file was changed meanwhile" : "The file was removed meanwhile";
    document.getElementById("conflict-shown").innerHTML = shown;
    this.tell("Not saved: the file is another by now", "error");
    dialog.returnValue = "";
    dialog.addEventListener("close", () => {
      if (dialog.returnValue === "mine") this.save(digest);
      if (dialog.returnValue === "theirs") {
        this.base = { text, digest };
        this.editor.replace(text);
        this.tell("As on disk; undo brings yours back", "fine");
      }
    }, { once: true });
    dialog.showModal();
  }

  /** The file changed: without words of one's own the new text is shown, otherwise it is said. */
  async changed() {
    if (this.isSaving) return;
    const { base } = this;
    const found = await ask(this.live.address("manuscript")).catch(() => null);
    if (!found || found.digest === this.base.digest || this.isSaving) return;
    if (this.base !== base) await this.changed(); // saved meanwhile: what was found may be older
    else if (this.isDirty) this.tell("Changed on disk; saving shows both", "error");
    else {
      this.base = found;
      this.editor.load(found.text);
      this.tell("Read anew: it was changed on disk", "fine");
    }
  }
}
