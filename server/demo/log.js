// The event log: each Engine.IO packet as it crosses the wire and each HTTP read, with the SQL behind it. Newest first.
import { avatar, el, now, serverSays } from './dom.js';
import { Lines } from './lines.js';
import { answerOf, callOf, causeOf, coloured, readOf } from './sql.js';

const heartbeats = document.getElementById('log-heartbeat');
const whose = document.getElementById('log-person');
const lines = new Lines(document.getElementById('log-lines'), {
  empty: document.getElementById('log-empty'), button: document.getElementById('log-new'),
  shows: (li) => (heartbeats.checked || !li.dataset.beat) && (!whose.value || li.dataset.user === whose.value),
});

const types = { open: '0', close: '1', ping: '2', pong: '3', message: '4', upgrade: '5', noop: '6' };
const OWN = ['connected', 'error']; // their time is the server's own, at the moment
const TIMES = ['timestamp', 'created_at', 'delivered_at', 'read_at'];
const names = { 0: 'connect', 1: 'disconnect', 4: 'connect error' };

for (const choice of [heartbeats, whose]) choice.addEventListener('change', () => lines.filter());
document.getElementById('log-clear').addEventListener('click', () => lines.clear());

// As in the frames: UTC, by the server's clock.
function stamp() {
  const at = new Date(now()).toISOString();
  return el('time', { dateTime: at, textContent: at.slice(11) });
}

/** A long frame shows some lines until its head is pressed. */
function line(person, direction, name, frame, sql, beat) {
  const out = direction === 'out';
  const head = el('button', { type: 'button', className: 'line-head' },
    el('span', { className: 'slot' }, avatar(person.id, person.name), person.device === 1 ? null : el('span', { className: 'nth', ariaHidden: 'true', textContent: person.device })),
    el('span', { className: 'dir', ariaHidden: 'true', textContent: out ? '\u2191' : '\u2193', title: out ? `${person.label} to the server` : `the server to ${person.label}` }),
    el('span', { className: 'unseen', textContent: `${person.label} ${out ? 'sends' : 'gets'} ` }),
    el('span', { className: 'event', textContent: name }),
    stamp());
  head.setAttribute('aria-expanded', 'false');
  const li = el('li', { className: direction }, head, el('code', { className: 'frame', textContent: frame }));
  if (sql) {
    const code = el('code', { className: 'sql' });
    for (const [kind, text] of coloured(sql)) code.append(kind ? el('span', { className: kind, textContent: text }) : text);
    li.append(code);
  }
  head.addEventListener('click', () => head.setAttribute('aria-expanded', String(li.classList.toggle('whole'))));
  Object.assign(li.dataset, { user: person.id, device: person.device, event: name });
  if (beat) li.dataset.beat = 'yes';
  return li;
}

/** The event, payload and ack id of a Socket.IO packet. */
function read(data) {
  const m = /^(\d)(\d*)(.*)$/s.exec(data ?? '');
  if (!m) return {};
  const [, kind, id, body] = m;
  if (kind === '2') { const [name, payload] = JSON.parse(body); return { kind, id, name, payload }; }
  return { kind, id, payload: kind === '3' ? JSON.parse(body)[0] : undefined };
}

const hidden = (data) => String(data).replace(/("token":")[^"]*"/g, '$1\u2026"');

/** Follows every engine of this manager, from its first packet on. Call the returned function whenever the engine may be a new one. */
export function followWire(person, manager) {
  if (!whose.querySelector(`[value="${person.id}"]`)) whose.append(el('option', { value: person.id, textContent: person.name }));
  let followed;
  const follow = () => {
    if (!manager.engine || followed === manager.engine) return;
    followed = manager.engine;
    const asked = new Map();
    const packets = (direction) => (packet) => {
      const frame = types[packet.type] + (packet.data === undefined ? '' : hidden(packet.data));
      const p = packet.type === 'message' ? read(packet.data) : {};
      if (direction === 'in') for (const key of TIMES) serverSays(p.payload?.[key], { anew: key === 'timestamp' && OWN.includes(p.name) });
      let name = names[p.kind] ?? packet.type;
      let sql = '';
      if (p.kind === '2') {
        name = p.name;
        sql = direction === 'out' ? callOf(p.name, p.payload, person.id) : causeOf(p.name, p.payload, person.id);
        if (direction === 'out' && p.id) asked.set(p.id, p.name);
      } else if (p.kind === '3') {
        const of = asked.get(p.id);
        name = `ack of ${of ?? 'an event'}`;
        sql = of ? answerOf(of) : '';
        asked.delete(p.id);
      }
      lines.add(line(person, direction, name, frame, sql, packet.type === 'ping' || packet.type === 'pong'));
    };
    followed.on('packet', packets('in'));
    followed.on('packetCreate', packets('out'));
  };
  manager.on('reconnect_attempt', () => queueMicrotask(follow)); // the new engine opens right behind this event
  return follow;
}

export function followReads(person, path, status, answer) {
  const n = answer.items?.length;
  lines.add(line(person, 'http', `GET ${path.split('?')[0].replace(/[0-9a-f-]{36}/, '\u2026')}`, `GET ${path} \u2192 ${status}${n === undefined ? '' : `, ${n} item${n === 1 ? '' : 's'}`}`, readOf(path, person.id)));
}
