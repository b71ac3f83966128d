// Shared by the parts of the page: elements, avatars, times.
import { el, say } from './elements.js';

export { el, hide, keyed, say } from './elements.js';

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

// The server's clock minus this one. What a frame says is past when it is here, so the largest difference is the nearest to the truth.
let ahead = 0;
const WAY_MS = 1000; // what a frame may take here; a row whose time lies further ahead says nothing about a clock

/** A time that has just come from the server; anew: its own time at this moment. This machine may have slept since the last one. */
export function serverSays(iso, { anew = false } = {}) {
  const by = Date.parse(iso) - Date.now();
  if (anew || (by > ahead && by < ahead + WAY_MS)) ahead = by;
}

/** What time it is, by the server's clock: all times of the page are of rows, or of frames that have such times in them. */
export const now = () => Date.now() + ahead;

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const date = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'long' });
const whole = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'long' });

export function day(iso) {
  const midnight = (t) => new Date(t).setHours(0, 0, 0, 0);
  const days = Math.round((midnight(now()) - midnight(iso)) / 86400000);
  return days <= 0 ? 'Today' : days === 1 ? 'Yesterday' : date.format(new Date(iso));
}

export function ago(iso) {
  const s = Math.max(0, (now() - new Date(iso)) / 1000);
  if (s < 60) return 'just now';
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
  return date.format(new Date(iso));
}

export const time = (iso) => clock.format(new Date(iso));

/** Of a list: the time of today, else the day. */
export const brief = (iso) => (day(iso) === 'Today' ? time(iso) : day(iso));

/** Sets a <time> to a moment, in the words of one of those above. Its title is the whole of it. */
export function when(e, iso, words) {
  say(e, iso ? words(iso) : '');
  if (!iso || e.dateTime === iso) return;
  e.dateTime = iso;
  e.title = whole.format(new Date(iso));
}
