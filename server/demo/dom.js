// Shared by the parts of the page: elements, avatars, times.

export function el(tag, props = {}, ...children) {
  const e = Object.assign(document.createElement(tag), props);
  e.append(...children.filter((c) => c !== null && c !== undefined));
  return e;
}

/**
 * Makes parent's children those of items, in their order. A child that stays keeps focus and selection: make(item) is
 * called once for a key, the element's own update(item) whenever the list is drawn.
 */
export function keyed(parent, items, keyOf, make) {
  const old = new Map(Array.from(parent.children, (c) => [c.key, c]));
  let next = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let e = old.get(key);
    if (e) old.delete(key); else { e = make(item); e.key = key; }
    e.update?.(item);
    if (e === next) next = e.nextElementSibling; else parent.insertBefore(e, next);
  }
  for (const e of old.values()) e.remove();
}

/** Sets the text only where it differs: a live region speaks on every change. */
export function say(e, text) { if (e.textContent !== text) e.textContent = text; }

export const TONES = 6;
export const toneOf = (id) => [...id].reduce((n, c) => (n * 31 + c.codePointAt(0)) % 7919, 0) % TONES;
const tones = new Map();
/** One colour a person, the first ones all different. */
export function tone(id) {
  if (!tones.has(id)) tones.set(id, tones.size < TONES ? tones.size : toneOf(id));
  return tones.get(id);
}

export function avatar(id, name) {
  const a = el('span', { className: 'avatar', textContent: name.slice(0, 1).toUpperCase() });
  a.dataset.tone = tone(id);
  a.setAttribute('aria-hidden', 'true');
  return a;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const date = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'long' });
export const time = (iso) => clock.format(new Date(iso));

export function day(iso) {
  const d = new Date(iso);
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(iso).setHours(0, 0, 0, 0)) / 86400000);
  return days === 0 ? 'Today' : days === 1 ? 'Yesterday' : date.format(d);
}

export function ago(iso) {
  const s = Math.max(0, (Date.now() - new Date(iso)) / 1000);
  if (s < 60) return 'just now';
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
  return date.format(new Date(iso));
}
