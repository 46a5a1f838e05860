// What the server tells: that an issue, or the list of them, is no longer what is shown.

/** A browser has six connections to a server: pages that nobody sees give theirs back after so many milliseconds. */
const UNSEEN = 5_000;

/**
 * Hear of a topic, as long as the page is seen. Each connection begins with what is now. `handlers.lost` is called
 * when there is none, `handlers.back` when another start of the preview answers.
 */
export function hear(topic, handlers) {
  let source = null;
  let timer = 0;
  const open = () => {
    clearTimeout(timer);
    if (source && source.readyState !== EventSource.CLOSED) return;
    source = new EventSource(`/events?issue=${encodeURIComponent(topic)}`);
    source.addEventListener("hello", (event) => {
      if (JSON.parse(event.data).start !== document.body.dataset.start) handlers.back?.();
    });
    source.addEventListener("error", () => handlers.lost?.());
    for (const [kind, handler] of Object.entries(handlers)) {
      if (kind !== "back" && kind !== "lost") source.addEventListener(kind, (event) => handler(JSON.parse(event.data)));
    }
  };
  const close = () => source?.close();
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") open();
    else timer = setTimeout(close, UNSEEN);
  });
  open();
}
