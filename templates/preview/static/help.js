// The dialog with the list of keys.

export const isTyping = (element) =>
  element.isContentEditable || ["TEXTAREA", "SELECT"].includes(element.tagName)
  || (element.tagName === "INPUT" && !["radio", "checkbox"].includes(element.type));

/** Prepare the dialog and its button; returns the dialog. */
export function help() {
  const dialog = document.getElementById("shortcuts");
  document.querySelector("[data-help]").addEventListener("click", () => dialog.showModal());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  return dialog;
}
