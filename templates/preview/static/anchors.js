// Find the place in a newer email that shows what was being read in the old one: by its words, not by pixels.

const LINE = "data-nl-line";

/** The elements that came from lines of the issue file, and the blocks, in order: the words and the top of each. */
export function anchors(page) {
  const list = [];
  if (!page?.body) return list;
  for (const element of page.body.querySelectorAll(`[${LINE}]`)) {
    list.push({ words: `${element.tagName} ${element.textContent}`, top: element.getBoundingClientRect().top });
  }
  for (const block of blocks(page)) list.push({ words: `block ${block.words}`, top: block.top });
  return list.sort((first, second) => first.top - second.top);
}

/** The blocks of the issue, in order: the piece of the file, its box, its words. */
export function blocks(page) {
  const list = [];
  if (!page?.body) return list;
  const walker = page.createTreeWalker(page.body, NodeFilter.SHOW_COMMENT);
  for (let open = null; walker.nextNode(); ) {
    const mark = /^nl-block (\d+|end)$/.exec(walker.currentNode.data);
    if (!mark) continue;
    if (mark[1] !== "end") open = { piece: Number(mark[1]), node: walker.currentNode };
    else if (open) {
      list.push(measured(page, open, walker.currentNode));
      open = null;
    }
  }
  return list.filter((block) => block.height > 0);
}

function measured(page, open, end) {
  const range = page.createRange();
  range.setStartAfter(open.node);
  range.setEndBefore(end);
  const { top, bottom, left, width, height } = range.getBoundingClientRect();
  return { piece: open.piece, top, bottom, left, width, height, words: range.toString() };
}

/** The pixels by which the content at `offset` has moved from the old email to the new one. */
export function follow(before, after, offset) {
  let at = -1;
  while (at + 1 < before.length && before[at + 1].top <= offset) at += 1;
  if (at < 0 || !after.length) return 0;
  const now = counterpart(before, after, at);
  return now === null ? 0 : after[now].top - before[at].top;
}

/** The index of an anchor in the new email: everything before it is unchanged, or everything after it. */
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
