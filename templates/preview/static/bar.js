// The bar: views, widths, the handle at the email's edge, remote pictures.

export function mount(page) {
  const { state, stage } = page;
  const views = document.getElementById("views");
  const widths = document.getElementById("widths");
  const remote = document.getElementById("remote");
  const size = document.getElementById("size");

  views.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-view]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    state.set({ view: link.dataset.view === "html" ? "" : link.dataset.view });
  });
  document.getElementById("grid").addEventListener("click", (event) => {
    const link = event.target.closest("figcaption a");
    if (!link) return;
    event.preventDefault();
    state.set({ view: link.closest(".cell").dataset.view });
  });
  widths.addEventListener("change", (event) => state.set({ width: event.target.value }));
  remote.addEventListener("change", () => state.set({ remote: remote.checked ? "1" : "" }));

  const show = () => {
    for (const link of views.querySelectorAll("a")) {
      const is = link.dataset.view === stage.view;
      if (is) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
      if (is) link.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    remote.checked = state.get("remote") === "1";
  };
  stage.onplaced = (width, scale) => {
    for (const input of widths.querySelectorAll("input")) input.checked = Number(input.value) === width;
    size.textContent = stage.isWritten ? "" : scale < 1 ? `${width} px, ${Math.round(scale * 100)} %` : `${width} px`;
    handle.setAttribute("aria-valuenow", width);
  };
  const handle = stage.device.querySelector(".handle");
  drag(handle, stage, state);
  state.listen(show);
  show();
}

/** Let the handle change the width. The email is centred, so its edge moves half as far as its width grows. */
function drag(handle, stage, state) {
  const set = (width) => state.set({ width: Math.round(Math.min(1600, Math.max(240, width))) });
  handle.addEventListener("pointerdown", (event) => {
    handle.setPointerCapture(event.pointerId);
    document.body.classList.add("is-dragging");
    const from = event.clientX;
    const width = stage.width;
    const move = (moved) => set(width + (2 * (moved.clientX - from)) / (stage.frame.scale));
    handle.addEventListener("pointermove", move);
    handle.addEventListener("lostpointercapture", () => {
      handle.removeEventListener("pointermove", move);
      document.body.classList.remove("is-dragging");
    }, { once: true });
  });
  handle.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageDown: -50, PageUp: 50 }[event.key];
    if (!step) return;
    event.preventDefault();
    set(stage.width + step * (event.shiftKey ? 10 : 1));
  });
}
