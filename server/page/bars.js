// Lists of names with a number each, the largest first, and a bar behind each.
import { count, el, keyed, say } from './dom.js';

/** items: [{name, n, note}]. */
export function drawBars(id, items) {
  const list = document.getElementById(id);
  const most = Math.max(1, ...items.map((i) => i.n));
  list.hidden = items.length === 0;
  list.nextElementSibling.hidden = items.length > 0;
  keyed(list, items.map((i) => ({ ...i, share: `${(i.n / most) * 100}%` })), (i) => i.name, (i) => {
    const bar = el('i');
    const n = el('b');
    const note = el('span', { className: 'small' });
    const li = el('li', {}, bar, el('span', { className: 'name', textContent: i.name, title: i.name }), note, n);
    bar.ariaHidden = 'true';
    li.update = (now) => {
      say(n, count(now.n));
      say(note, now.note ?? '');
      bar.style.width = now.share;
    };
    return li;
  });
}

export const sorted = (counts) => Object.entries(counts).map(([name, n]) => ({ name, n })).sort((a, b) => b.n - a.n || a.name.localeCompare(b.name));
