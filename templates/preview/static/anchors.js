// Where one is in an email, so that a newer one can be shown at the same place: by what it says, not by pixels.

const LINE = "data-nl-line";

/** The elements that came from lines of the issue file, and the blocks, in order: what each says, and where it is. */
export function anchors(page) {
  const found = [];
  if (!page?.body) return found;
  for (const element of page.body.querySelectorAll(`[${LINE}]`)) {
    found.push({ words: `${element.tagName} ${element.textContent}`, top: element.getBoundingClientRect().top });
  }
  for (const block of blocks(page)) found.push({ words: `block ${block.words}`, top: block.top });
  return found.sort((one, other) => one.top - other.top);
}

/** The blocks of the issue, in order: the piece of the file, the box it takes, the words in it. */
export function blocks(page) {
  const found = [];
  if (!page?.body) return found;
  const walker = page.createTreeWalker(page.body, NodeFilter.SHOW_COMMENT);
  for (let open = null; walker.nextNode(); ) {
    const mark = /^nl-block (\d+|end)$/.exec(walker.currentNode.data);
    if (!mark) continue;
    if (mark[1] !== "end") open = { piece: Number(mark[1]), node: walker.currentNode };
    else if (open) {
      found.push(measured(page, open, walker.currentNode));
      open = null;
    }
  }
  return found.filter((block) => block.height > 0);
}

function measured(page, open, end) {
  const range = page.createRange();
  range.setStartAfter(open.node);
  range.setEndBefore(end);
  const { top, bottom, left, width, height } = range.getBoundingClientRect();
  return { piece: open.piece, top, bottom, left, width, height, words: range.toString() };
}

/** How far what is at `offset` has moved from the old email to the new one, in pixels. */
export function follow(before, after, offset) {
  let at = -1;
  while (at + 1 < before.length && before[at + 1].top <= offset) at += 1;
  if (at < 0 || !after.length) return 0;
  const now = counterpart(before, after, at);
  return now === null ? 0 : after[now].top - before[at].top;
}

/** The index of the same thing in the new email: what is before it is the same, or what is behind it. */
function counterpart(before, after, at) {
  let same = 0;
  while (same < before.length && same < after.length && before[same].words === after[same].words) same += 1;
  if (at < same) return at;
  let tail = 0;
  while (tail < before.length - same && tail < after.length - same
    && before[before.length - 1 - tail].words === after[after.length - 1 - tail].words) tail += 1;
  const behind = before.length - at;
  if (behind <= tail) return after.length - behind;
  return at < after.length ? at : after.length - 1;
}
