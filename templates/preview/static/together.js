// Several windows on emails that scroll together, each to the same part of its own height.

export function together(windows) {
  let leader = null;
  let rest = 0;
  for (const one of windows) {
    one.addEventListener("scroll", () => {
      if (leader && leader !== one) return;
      leader = one;
      clearTimeout(rest);
      rest = setTimeout(() => (leader = null), 120);
      const share = one.scrollTop / Math.max(1, one.scrollHeight - one.clientHeight);
      for (const other of windows) {
        if (other !== one) other.scrollTop = share * (other.scrollHeight - other.clientHeight);
      }
    }, { passive: true });
  }
}
