// Drawings, numbers and times.
import { el } from './elements.js';

export { el, keyed, say } from './elements.js';

export function svg(tag, attributes = {}, ...children) {
  const e = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  e.append(...children);
  return e;
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
