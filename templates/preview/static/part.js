// Parts of a page, as the server makes them.

/** The part as it is now, or null when there is none or nobody answers: then what is shown stays. */
export async function part(url) {
  try {
    const answer = await fetch(url);
    return answer.ok ? await answer.text() : null;
  } catch {
    return null;
  }
}
