// Shared by the parts of the page: elements, avatars, times.
import { el } from './elements.js';

export { el, keyed, say } from './elements.js';

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
