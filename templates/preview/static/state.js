// The address bar holds what is shown: a link shows a colleague the same.

const listeners = new Set();

/** A value of the address, or what counts without one. */
export const get = (name, otherwise = "") => new URLSearchParams(location.search).get(name) ?? otherwise;

/** Change values; an empty one is taken out. Who listens hears which changed. */
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
