// Sentences of the server, in the page: what stands between backticks is a command.

/** The sentence as nodes. */
export const spoken = (sentence) => sentence.split("`").map((part, index) => {
  if (index % 2 === 0) return part;
  const command = document.createElement("code");
  command.textContent = part;
  return command;
});
