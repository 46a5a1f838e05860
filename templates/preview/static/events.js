// What the server tells: that an issue, or the list of them, is no longer what is shown.

/** Hear of a topic; after a lost connection `handlers.back` is called, for much may have happened meanwhile. */
export function hear(topic, handlers) {
  const source = new EventSource(`/events?issue=${encodeURIComponent(topic)}`);
  let lost = false;
  for (const [kind, handler] of Object.entries(handlers)) {
    if (kind !== "back" && kind !== "lost") source.addEventListener(kind, (event) => handler(JSON.parse(event.data)));
  }
  source.addEventListener("open", () => {
    if (lost) handlers.back?.();
    lost = false;
  });
  source.addEventListener("error", () => {
    if (!lost) handlers.lost?.();
    lost = true;
  });
  addEventListener("pagehide", () => source.close());
  return source;
}
