// Draw over the email: the block under the pointer with its size, the block of a problem, the line where Gmail clips.

import { blocks } from "./anchors.js";

const kb = (bytes) => `${(bytes / 1000).toFixed(1)} KB`;

export function mount(page) {
  const { stage } = page;
  const overlay = stage.device.querySelector(".overlay");
  const marked = overlay.appendChild(made("div", "block"));
  const label = marked.appendChild(made("span", "label"));
  const cut = overlay.appendChild(made("div", "cut"));
  cut.append(document.getElementById("clipped").content.cloneNode(true));
  let shown = [];

  const box = (block) => {
    marked.hidden = !block;
    if (!block) return;
    const scale = stage.frame.scale;
    Object.assign(marked.style, {
      top: `${block.top * scale}px`, height: `${block.height * scale}px`,
      left: `${block.left * scale}px`, width: `${block.width * scale}px`,
    });
    const weight = page.weights?.get(block.piece);
    label.textContent = weight ? `${weight.name} · ${kb(weight.bytes)} · line ${weight.line}` : "";
    label.hidden = !weight;
  };
  const of = (piece) => shown.find((block) => block.piece === piece);

  page.blocks = {
    mark: (piece) => box(piece === null ? null : of(piece)),
    reveal(piece) {
      const block = of(piece);
      if (!block) return;
      const scale = stage.frame.scale;
      stage.element.scrollTo({ top: stage.frame.sheet.parentElement.offsetTop + block.top * scale - 80, behavior: calm() });
      box(block);
    },
    draw() {
      const document = stage.frame.document;
      shown = document && !stage.isGrid ? blocks(document) : [];
      box(null);
      const at = page.clip && (of(page.clip.piece) ?? (page.clip.piece < 0 && shown.at(-1)));
      cut.hidden = !at;
      if (at) cut.style.top = `${(page.clip.piece < 0 ? at.bottom : at.top + page.clip.share * at.height) * (stage.frame.scale)}px`;
    },
  };
  stage.drawn.add((document) => {
    page.blocks.draw();
    document.addEventListener("mousemove", (event) => {
      const here = shown.find((block) => event.clientY >= block.top && event.clientY < block.bottom);
      box(here);
    });
    document.documentElement.addEventListener("mouseleave", () => box(null));
  });
  page.stage.frame.resized = () => {
    stage.place();
    page.blocks.draw();
  };
}

function made(name, className) {
  const element = document.createElement(name);
  element.className = className;
  element.hidden = true;
  return element;
}

const calm = () => (matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth");
