// The event log: each Engine.IO packet as it crosses the wire and each HTTP read, with the SQL behind it. Newest first.
import { avatar, el } from './dom.js';
import { answerOf, callOf, causeOf, coloured, readOf } from './sql.js';

const LINES = 400;
const lines = document.getElementById('log-lines');
const empty = document.getElementById('log-empty');
const heartbeats = document.getElementById('log-heartbeat');
const whose = document.getElementById('log-person');

const types = { open: '0', close: '1', ping: '2', pong: '3', message: '4', upgrade: '5', noop: '6' };
const names = { 0: 'connect', 1: 'disconnect', 4: 'connect error' };
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 });

function filter() {
  let shown = 0;
  for (const li of lines.children) {
    li.hidden = (li.dataset.beat && !heartbeats.checked) || (whose.value && li.dataset.user !== whose.value);
    shown += !li.hidden;
  }
  empty.hidden = shown > 0;
}
heartbeats.addEventListener('change', filter);
whose.addEventListener('change', filter);
document.getElementById('log-clear').addEventListener('click', () => { lines.replaceChildren(); filter(); });

/** A long frame shows some lines until its head is pressed. */
function line(person, direction, name, frame, sql, beat) {
  const out = direction === 'out';
  const head = el('button', { type: 'button', className: 'line-head' },
    avatar(person.id, person.name),
    el('span', { className: 'dir', textContent: out ? '\u2191' : '\u2193', title: out ? `${person.name} to the server` : `the server to ${person.name}` }),
    el('span', { className: 'event', textContent: name }),
    el('time', { textContent: clock.format(new Date()) }));
  head.setAttribute('aria-expanded', 'false');
  head.setAttribute('aria-label', `${person.name} ${out ? 'sends' : 'gets'} ${name}`);
  const li = el('li', { className: direction }, head, el('code', { className: 'frame', textContent: frame }));
  if (sql) {
    const code = el('code', { className: 'sql' });
    for (const [kind, text] of coloured(sql)) code.append(kind ? el('span', { className: kind, textContent: text }) : text);
    li.append(code);
  }
  head.addEventListener('click', () => head.setAttribute('aria-expanded', String(li.classList.toggle('whole'))));
  Object.assign(li.dataset, { user: person.id, event: name });
  if (beat) li.dataset.beat = 'yes';
  return li;
}

// The place stays where a reader has scrolled down to.
function add(li) {
  const { scrollTop, scrollHeight } = lines;
  lines.prepend(li);
  while (lines.childElementCount > LINES) lines.lastElementChild.remove();
  filter();
  if (scrollTop > 4) lines.scrollTop = scrollTop + lines.scrollHeight - scrollHeight;
}

/** The event, payload and ack id of a Socket.IO packet. */
function read(data) {
  const m = /^(\d)(\d*)(.*)$/s.exec(data ?? '');
  if (!m) return {};
  const [, kind, id, body] = m;
  if (kind === '2') { const [name, payload] = JSON.parse(body); return { kind, id, name, payload }; }
  return { kind, id };
}

const hidden = (data) => String(data).replace(/("token":")[^"]*"/g, '$1\u2026"');

/** Follows every engine of this manager, from its first packet on. Call the returned function whenever the engine may be a new one. */
export function followWire(person, manager) {
  whose.append(el('option', { value: person.id, textContent: person.name }));
  let followed;
  const follow = () => {
    if (!manager.engine || followed === manager.engine) return;
    followed = manager.engine;
    const asked = new Map();
    const packets = (direction) => (packet) => {
      const frame = types[packet.type] + (packet.data === undefined ? '' : hidden(packet.data));
      const p = packet.type === 'message' ? read(packet.data) : {};
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
      add(line(person, direction, name, frame, sql, packet.type === 'ping' || packet.type === 'pong'));
    };
    followed.on('packet', packets('in'));
    followed.on('packetCreate', packets('out'));
  };
  manager.on('reconnect_attempt', () => queueMicrotask(follow)); // the new engine opens right behind this event
  return follow;
}

export function followReads(person, path, status, answer) {
  const n = answer.items?.length;
  add(line(person, 'http', `GET ${path.split('?')[0].replace(/[0-9a-f-]{36}/, '\u2026')}`, `GET ${path} \u2192 ${status}${n === undefined ? '' : `, ${n} item${n === 1 ? '' : 's'}`}`, readOf(path, person.id)));
}
