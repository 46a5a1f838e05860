// Show the server's sentences in the page: text between backticks is a command.

/** The sentence as nodes, with commands as code. */
export const spoken = (sentence) => sentence.split("`").map((part, index) => {
  if (index % 2 === 0) return part;
  const command = document.createElement("code");
  command.textContent = part;
  return command;
});

/** The text with a capital at its beginning, unless it begins with the name of a file. */
export const sentence = (text) => (/^\S*[./]\S/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1));
