// Save the text over the one that was read, and never over a change made by another program meanwhile.

import { ask, post } from "./post.js";

export class Saving {
  constructor(live, editor, name) {
    Object.assign(this, { live, editor, name });
    this.base = { text: "", digest: "" };
    this.button = document.getElementById("save");
    this.word = document.getElementById("saved");
    this.dialog = document.getElementById("conflict");
    this.button.addEventListener("click", () => this.save());
    editor.changed.add(() => this.setState());
    addEventListener("beforeunload", (event) => {
      if (this.isDirty) event.preventDefault();
    });
  }

  get isDirty() {
    return this.editor.text !== this.base.text;
  }

  async open() {
    const file = await ask(this.live.address("manuscript"));
    this.base = file;
    this.editor.load(file.text);
    this.setState();
  }

  setState(word = "", level = "") {
    this.button.disabled = !this.isDirty;
    this.word.textContent = word || (this.isDirty ? "Not saved" : "");
    this.word.dataset.level = level || (this.isDirty ? "open" : "");
  }

  async save(over = this.base.digest) {
    if (!this.isDirty && over === this.base.digest) return;
    const text = this.editor.text;
    this.button.disabled = this.isSaving = true;
    try {
      const file = await post(this.live.address("save", { name: this.name, over }), text);
      this.base = { text, digest: file.digest };
      this.setState(this.isDirty ? "" : "Saved", this.isDirty ? "" : "fine");
    } catch (error) {
      if (error.status === 409 && error.details.shown) this.conflict(error.details);
      else this.setState(error.words, "error");
    } finally {
      this.isSaving = false;
    }
  }

  /** Show both versions; the author decides, and until then nothing is written. */
  conflict({ text, digest, shown }) {
    const { dialog } = this;
    document.getElementById("conflict-title").textContent = digest ? "The file was changed meanwhile" : "The file was removed meanwhile";
    document.getElementById("conflict-shown").innerHTML = shown;
    this.setState("Not saved: the file is another by now", "error");
    dialog.returnValue = "";
    dialog.addEventListener("close", () => {
      if (dialog.returnValue === "mine") this.save(digest);
      if (dialog.returnValue === "theirs") {
        this.base = { text, digest };
        this.editor.replace(text);
        this.setState("As on disk; undo brings yours back", "fine");
      }
    }, { once: true });
    dialog.showModal();
  }

  /** Take over a changed file if nothing is unsaved; otherwise say that it changed. */
  async changed() {
    if (this.isSaving) return;
    const { base } = this;
    const file = await ask(this.live.address("manuscript")).catch(() => null);
    if (!file || file.digest === this.base.digest || this.isSaving) return;
    if (this.base !== base) await this.changed(); // saved meanwhile: the answer may be older
    else if (this.isDirty) this.setState("Changed on disk; saving shows both", "error");
    else {
      this.base = file;
      this.editor.load(file.text);
      this.setState("Read anew: it was changed on disk", "fine");
    }
  }
}
