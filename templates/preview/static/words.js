// Sentences of the server, in the page: what stands between backticks is a command.

/** The sentence as nodes. */
export const spoken = (sentence) => sentence.split("`").map((part, index) => {
  if (index % 2 === 0) return part;
  const command = document.createElement("code");
  command.textContent = part;
  return command;
});

/** With a capital, unless it begins with the name of a file. */
export const sentence = (text) => (/^\S*[./]\S/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1));
