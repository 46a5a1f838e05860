// Listen to the server's events: an issue, or the list of issues, has changed.

/** Milliseconds after which a hidden page closes its connection: a browser has only six to one server. */
const UNSEEN = 5_000;

/**
 * Subscribe to a topic while the page is visible. Each connection begins with the current state. `handlers.lost` is
 * called when the connection fails, `handlers.back` when another start of the preview answers.
 */
export function subscribe(topic, handlers) {
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
