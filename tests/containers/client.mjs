// Two stock clients through an outage of the database and the end of the edge; run beside tests/containers/run.
//   client.mjs URL PEOPLE-FILE DB-CONTAINER EDGE-CONTAINER
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import assert from 'node:assert/strict';

const { io } = createRequire(new URL('../package.json', import.meta.url))('socket.io-client');
const [url, peopleFile, container, edge] = process.argv.slice(2);
const people = readFileSync(peopleFile, 'utf8').trim().split('\n').map((l) => l.split(' ')).map(([name, id, token]) => ({ name, id, token }));
const [anna, boris] = ['Anna', 'Boris'].map((n) => people.find((p) => p.name === n));
const docker = (...args) => execFileSync('docker', args, { encoding: 'utf8', stdio: 'pipe' }).trim();
const sql = (text) => docker('exec', container, 'sh', '-c',
  'PGPASSWORD=$(cat /var/lib/bellwire-owner/superuser_password) exec psql -h 127.0.0.1 -U postgres -d bellwire -AtX -v ON_ERROR_STOP=1 -c "$0"', text);

const within = (promise, what, ms = 60000) => {
  let timer;
  return Promise.race([promise, new Promise((_, no) => { timer = setTimeout(() => no(new Error(`timeout: ${what}`)), ms); })]).finally(() => clearTimeout(timer));
};
const next = (socket, event, fits = () => true) => within(new Promise((yes) => {
  const on = (d) => { if (fits(d)) { socket.off(event, on); yes(d); } };
  socket.on(event, on);
}), event);

async function connect(person) {
  const socket = io(url, { auth: { token: person.token }, transports: ['websocket'], forceNew: true });
  await next(socket, 'connected');
  return socket;
}

const a = await connect(anna);
const b = await connect(boris);
const chat = sql(`select p.chat_id from platform.chat_participants p join platform.chat_participants q using (chat_id)
  where p.user_id = '${anna.id}' and q.user_id = '${boris.id}' limit 1`);
const heard = next(b, 'chat:message:new', (m) => m.content === 'through the container');
const ack = await within(a.emitWithAck('chat:message:send', { chat_id: chat, type: 'text', content: 'through the container' }), 'ack');
assert.equal(ack.status, 'sent');
await heard;

docker('kill', container);
const away = await within((async () => {
  for (;;) {
    const answer = await a.emitWithAck('chat:message:send', { chat_id: chat, type: 'text', content: 'into the void' });
    if (answer.status === 'error') return answer;
  }
})(), 'UNAVAILABLE');
assert.equal(away.code, 'UNAVAILABLE');
assert(a.connected && b.connected, 'sockets outlive the database');

docker('start', container);
const written = next(b, 'chat:message:new', (m) => m.content === 'after the outage');
await within((async () => {
  for (;;) {
    try {
      sql(`insert into platform.messages (chat_id, sender_id, type, content) values ('${chat}', '${anna.id}', 'text', 'after the outage')`);
      return;
    } catch { await new Promise((yes) => { setTimeout(yes, 250); }); }
  }
})(), 'database back');
await written;

// Sent away, not cut off: the transport closes in good order, and the client is meant to come back by itself.
const sentAway = next(a, 'disconnect');
docker('stop', '--time', '60', edge);
assert.equal(await sentAway, 'transport close');
assert(a.active);
a.close();
b.close();
