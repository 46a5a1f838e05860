// Fetch a part of a page, as the server renders it.

/** The part's HTML; null when there is none or the server does not answer, so that the shown part stays. */
export async function part(url) {
  try {
    const answer = await fetch(url);
    return answer.ok ? await answer.text() : null;
  } catch {
    return null;
  }
}
