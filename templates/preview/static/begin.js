// Create an issue: ask for its title and day, then open the editor.

import { post } from "./post.js";
import { spoken } from "./words.js";

const dialog = document.getElementById("new");
const form = document.getElementById("new-form");
const refusal = document.getElementById("new-refusal");

export function begin() {
  refusal.hidden = true;
  dialog.showModal();
}

document.getElementById("begin").addEventListener("click", begin);
document.getElementById("new-no").addEventListener("click", () => dialog.close());
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const { slug } = await post(`/new?${new URLSearchParams(new FormData(form))}`);
    location.assign(`/issues/${encodeURIComponent(slug)}/edit`);
  } catch (error) {
    refusal.replaceChildren(...spoken(error.words ?? String(error)));
    refusal.hidden = false;
  }
});
