// The dialog before whatever acts: it names what will happen, and to how many.

import { spoken } from "./words.js";

/** Ask; on yes `act()` is done while the dialog waits. What came of it, or null when it was not wanted. */
export function confirmed({ question, details, button }, act) {
  const dialog = document.getElementById("confirm");
  const yes = document.getElementById("confirm-yes");
  const refusal = document.getElementById("confirm-refusal");
  document.getElementById("confirm-question").textContent = question;
  document.getElementById("confirm-details").replaceChildren(...details.map((line) => {
    const item = document.createElement("li");
    item.append(...spoken(line));
    return item;
  }));
  yes.textContent = button;
  yes.disabled = false;
  refusal.hidden = true;
  return new Promise((resolve) => {
    let done = null;
    const press = async () => {
      yes.disabled = true;
      refusal.hidden = true;
      try {
        done = await act();
        dialog.close();
      } catch (error) {
        refusal.replaceChildren(...spoken(error.words ?? String(error)));
        refusal.hidden = false;
      }
    };
    yes.addEventListener("click", press);
    dialog.addEventListener("close", () => {
      yes.removeEventListener("click", press);
      resolve(done);
    }, { once: true });
    dialog.showModal();
  });
}
