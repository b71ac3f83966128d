// Elements, numbers and times. Text is always set as text: names of rooms and evidence come from anybody.

/** An element with properties and children; null children are left out. */
export function el(tag, properties = {}, ...children) {
  const e = Object.assign(document.createElement(tag), properties);
  e.append(...children.filter((c) => c !== null));
  return e;
}

export function svg(tag, attributes = {}, ...children) {
  const e = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  e.append(...children);
  return e;
}

/** Sets the text only where it differs: a live region speaks on every change. */
export function say(e, text) { if (e.textContent !== text) e.textContent = text; }

/** Children of `parent`, one for each item, kept by key: what has the focus keeps it. */
export function keyed(parent, items, keyOf, make) {
  const old = new Map([...parent.children].map((e) => [e.key, e]));
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

const whole = new Intl.NumberFormat('en');
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
export const count = (n) => whole.format(n);
export const brief = (n) => (n < 10000 ? whole.format(n) : short.format(n));
export const micros = (us) => (us < 1000 ? `${us} \u00b5s` : us < 1e6 ? `${+(us / 1000).toPrecision(3)} ms` : `${+(us / 1e6).toPrecision(3)} s`);
export const millis = (ms) => micros(ms * 1000);

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const exact = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 });
export const time = (ms) => clock.format(ms);

/** A moment of the database or an edge: the clock here, and the whole of it as a title. */
export function moment(iso) {
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? null : el('time', { dateTime: at.toISOString(), title: at.toISOString(), textContent: exact.format(at) });
}

export function since(iso) {
  const s = Math.max(0, Math.round((Date.now() - new Date(iso)) / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  return s < 86400 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} days`;
}
