// Send requests to the server: questions, and changes with the page's token; errors come in the server's words.

import { sentence } from "./words.js";

export class Refused extends Error {
  constructor(status, { message, hint, ...rest }) {
    super(message);
    Object.assign(this, { status, hint, details: rest });
  }

  /** The message and the hint in one line. */
  get words() {
    const first = sentence(this.message);
    return this.hint ? `${first}. ${this.hint}` : first;
  }
}

async function request(url, options) {
  let answer;
  try {
    answer = await fetch(url, options);
  } catch {
    throw new Refused(0, { message: "the preview does not answer", hint: "Is `newsletter preview` still running?" });
  }
  const content = await answer.json().catch(() => ({ message: answer.statusText || "this did not work" }));
  if (!answer.ok) throw new Refused(answer.status, content);
  return content;
}

export const ask = (url) => request(url);

export function post(url, body = "") {
  const token = document.querySelector('meta[name="newsletter-token"]').content;
  return request(url, { method: "POST", body, headers: { "X-Newsletter-Token": token, "Content-Type": "text/plain; charset=utf-8" } });
}
