// Keep the page's state in the address bar, so that a link opens it as it is.

const listeners = new Set();

/** A value of the address; `otherwise` without one. */
export const get = (name, otherwise = "") => new URLSearchParams(location.search).get(name) ?? otherwise;

/** Change values; an empty one is removed. Listeners get the names of the changed values. */
export function set(values) {
  const query = new URLSearchParams(location.search);
  const changed = new Set();
  for (const [name, value] of Object.entries(values)) {
    const text = String(value ?? "");
    if ((query.get(name) ?? "") === text) continue;
    if (text) query.set(name, text);
    else query.delete(name);
    changed.add(name);
  }
  if (!changed.size) return;
  const text = query.toString();
  history.replaceState(null, "", text ? `?${text}` : location.pathname);
  for (const listener of listeners) listener(changed);
}

export const listen = (listener) => listeners.add(listener);
