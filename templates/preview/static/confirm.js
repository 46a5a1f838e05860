// The dialog before a change: it says what will happen, and to how many.

import { spoken } from "./words.js";

/** Ask; on yes call `act()` while the dialog waits. Resolves to its result, or to null when the author says no. */
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
    let result = null;
    const press = async () => {
      yes.disabled = true;
      refusal.hidden = true;
      try {
        result = await act();
        dialog.close();
      } catch (error) {
        refusal.replaceChildren(...spoken(error.words ?? String(error)));
        refusal.hidden = false;
      }
    };
    yes.addEventListener("click", press);
    dialog.addEventListener("close", () => {
      yes.removeEventListener("click", press);
      resolve(result);
    }, { once: true });
    dialog.showModal();
  });
}
