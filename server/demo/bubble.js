// A message on the screen, by its type. Anybody can have written its content and metadata, so both go in as text, and a link is made of
// http and https alone.
import { avatar, el } from './dom.js';
import { icon } from './icons.js';

const text = (v, otherwise = '') => (typeof v === 'string' && v.trim() ? v : otherwise);
const number = (v) => (typeof v === 'number' && Number.isFinite(v) ? v : null);
const seconds = (v) => { const n = Math.round(number(v) ?? 0); return `${Math.floor(n / 60)}:${String(n % 60).padStart(2, '0')}`; };

function minutes(v) {
  const n = Math.round(number(v) ?? 0);
  return n < 60 ? `${n} min` : n % 60 ? `${Math.floor(n / 60)} h ${n % 60} min` : `${n / 60} h`;
}

function money(price, currency) {
  const n = number(price) ?? 0;
  if (/^[A-Z]{3}$/.test(currency)) return new Intl.NumberFormat('en', { style: 'currency', currency, maximumFractionDigits: Number.isInteger(n) ? 0 : 2 }).format(n);
  return new Intl.NumberFormat('en').format(n);
}

function link(url, ...children) {
  if (!/^https?:\/\//i.test(url)) return el('span', { className: 'link' }, ...children);
  return el('a', { className: 'link', href: url, target: '_blank', rel: 'noopener noreferrer' }, ...children);
}

const host = (url) => { try { return new URL(url).host; } catch { return url; } };
const tile = (name, ...lines) => el('div', { className: 'tile' }, el('span', { className: 'tile-icon' }, icon(name)), el('div', { className: 'lines' }, ...lines.filter(Boolean)));
const strong = (t) => el('strong', { textContent: t });
const small = (t) => (t ? el('span', { className: 'small', textContent: t }) : null);

// The page fetches pictures of its own folder alone: a picture from elsewhere would tell a stranger's server who looks at it.
const art = (meta) => (/^[a-z0-9-]{1,40}\.svg$/.test(meta.art ?? '') ? el('img', { className: 'art', src: meta.art, alt: 'Photo', width: 480, height: 300 }) : null);

function picture(m, name, label) {
  const size = number(m.metadata.width) && number(m.metadata.height) ? `${m.metadata.width} \u00d7 ${m.metadata.height}` : '';
  const shown = art(m.metadata);
  if (shown) return el('figure', {}, shown, el('figcaption', { className: 'small', textContent: [label, size].filter(Boolean).join(' \u00b7 ') }));
  return link(m.content, tile(name, strong(label), small([host(m.content), size].filter(Boolean).join(' \u00b7 '))));
}

function wave(m) {
  let n = [...m.content].reduce((h, c) => (h * 31 + c.codePointAt(0)) >>> 0, 7);
  const bars = Array.from({ length: 26 }, () => { n = (n * 1103515245 + 12345) >>> 0; const b = el('i'); b.style.height = `${20 + ((n >>> 16) % 80)}%`; return b; });
  return el('span', { className: 'wave', ariaHidden: 'true' }, ...bars);
}

const bodies = {
  photo: (m) => picture(m, 'post', 'Photo'),
  video: (m) => link(m.content, tile('play', strong('Video'), small(`${seconds(m.metadata.duration)} \u00b7 ${host(m.content)}`))),
  voice: (m) => el('div', { className: 'tile voice' }, el('span', { className: 'tile-icon' }, icon('play')), wave(m), small(seconds(m.metadata.duration)), el('span', { className: 'unseen', textContent: 'Voice message' })),
  location: (m) => {
    const at = m.content.split(',').map(encodeURIComponent);
    return link(`https://www.openstreetmap.org/?mlat=${at[0]}&mlon=${at[1]}`, el('span', { className: 'map', ariaHidden: 'true' }, icon('pin')), el('span', { className: 'lines' }, strong(text(m.metadata.address, 'Location')), small(m.content)));
  },
  profile_share: (m) => {
    const name = text(m.metadata.name, 'Somebody');
    return el('div', { className: 'tile' }, avatar(m.content, name), el('div', { className: 'lines' }, strong(name), small(m.metadata.is_master === true ? 'Profile \u00b7 master' : 'Profile')));
  },
  post_share: (m) => tile('post', strong('Post'), small(`by ${text(m.metadata.author_name, 'somebody')}`)),
  booking_proposal: (m) => el('div', { className: 'booking' },
    tile('calendar', strong(text(m.metadata.service_name, 'Booking')), small(`${money(m.metadata.price, m.metadata.currency)} \u00b7 ${minutes(m.metadata.duration)}`)),
    el('p', { textContent: m.content })),
};

const meta = (m) => (m.metadata && typeof m.metadata === 'object' ? m : { ...m, metadata: {} });

export function body(m) {
  return Object.hasOwn(bodies, m.type) ? bodies[m.type](meta(m)) : el('p', { className: 'text', textContent: m.content });
}

const words = { photo: 'Photo', video: 'Video', voice: 'Voice message', post_share: 'Post' };

/** One line for lists. */
export function summary(message) {
  const m = meta(message);
  if (m.type === 'location') return text(m.metadata.address, 'Location');
  if (m.type === 'profile_share') return `Profile: ${text(m.metadata.name, 'somebody')}`;
  if (m.type === 'booking_proposal') return `${text(m.metadata.service_name, 'Booking')}: ${m.content}`;
  return words[m.type] ?? m.content;
}
