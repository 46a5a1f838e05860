// Let several emails scroll together, each to the same share of its own height.

export function together(scrollers) {
  let leader = null;
  let rest = 0;
  for (const scroller of scrollers) {
    scroller.addEventListener("scroll", () => {
      if (leader && leader !== scroller) return;
      leader = scroller;
      clearTimeout(rest);
      rest = setTimeout(() => (leader = null), 120);
      const share = scroller.scrollTop / Math.max(1, scroller.scrollHeight - scroller.clientHeight);
      for (const follower of scrollers) {
        if (follower !== scroller) follower.scrollTop = share * (follower.scrollHeight - follower.clientHeight);
      }
    }, { passive: true });
  }
}
