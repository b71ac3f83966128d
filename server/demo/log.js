// The event log: each Engine.IO packet as it crosses the wire, and the SQL behind it.
import { callOf, causeOf } from './sql.js';

const LINES = 300;
const lines = document.getElementById('log-lines');
const heartbeats = document.getElementById('log-heartbeat');
const bell = document.querySelector('.bell');
document.getElementById('log-clear').addEventListener('click', () => lines.replaceChildren());

const types = { open: '0', close: '1', ping: '2', pong: '3', message: '4', upgrade: '5', noop: '6' };

function ring() {
  bell.classList.remove('rings');
  void bell.offsetWidth; // restarts the animation
  bell.classList.add('rings');
}

/** Name and payload of a Socket.IO EVENT packet, undefined for all others. */
function eventOf(data) {
  const m = typeof data === 'string' && /^2\d*(\[.*)$/s.exec(data);
  if (!m) return undefined;
  const [name, payload] = JSON.parse(m[1]);
  return { name, payload };
}

function add(person, direction, packet) {
  if (!heartbeats.checked && (packet.type === 'ping' || packet.type === 'pong')) return;
  const frame = types[packet.type] + (typeof packet.data === 'string' ? packet.data.replace(/"token":"[^"]*"/, '"token":"..."') : '');
  const li = document.createElement('li');
  li.className = direction;
  const dir = Object.assign(document.createElement('span'), { className: 'dir', textContent: direction === 'out' ? `${person.name} \u2192` : `\u2192 ${person.name}` });
  li.append(dir, Object.assign(document.createElement('span'), { className: 'frame', textContent: frame }));
  const event = packet.type === 'message' ? eventOf(packet.data) : undefined;
  const sql = event && (direction === 'out' ? callOf(event.name, event.payload, person.id) : causeOf(event.name, event.payload));
  if (sql) li.append(Object.assign(document.createElement('code'), { className: 'sql', textContent: sql }));
  if (event && direction === 'in') ring();
  lines.prepend(li);
  while (lines.childElementCount > LINES) lines.lastElementChild.remove();
}

/** Follows every engine that this manager opens. */
export function follow(person, manager) {
  manager.on('open', () => {
    manager.engine.on('packet', (p) => add(person, 'in', p));
    manager.engine.on('packetCreate', (p) => add(person, 'out', p));
  });
}
