// Sessions and TAP for the tests with several sessions.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

export { sleep };

const url = process.env.BELLWIRE_TEST_DATABASE;
if (!url) throw new Error('BELLWIRE_TEST_DATABASE is missing');
const password = randomBytes(12).toString('hex');

let count = 0;
let clients = [];

export function ok(condition, name, why) {
  count++;
  console.log(`${condition ? 'ok' : 'not ok'} ${count} - ${name}`);
  if (!condition && why !== undefined) console.log(`# ${why}`);
  return condition;
}

export function is(have, want, name) {
  return ok(have === want, name, `have ${JSON.stringify(have)}, want ${JSON.stringify(want)}`);
}

// A failing test ends alone; its sessions end with it.
export async function run(cases) {
  const admin = await connect();
  await admin.query(`alter role bellwire_edge password '${password}'`);
  await admin.end();
  const only = process.env.ONLY;
  for (const [name, test] of cases) {
    if (only && !name.includes(only)) continue;
    const start = Date.now();
    try {
      await test();
    } catch (error) {
      ok(false, name, error.stack.replaceAll('\n', '\n# '));
    }
    console.log(`# ${name}: ${Date.now() - start} ms`);
    await Promise.all(clients.map((client) => client.end().catch(() => {})));
    clients = [];
  }
  console.log(`1..${count}`);
}

// Nothing waits for ever, whatever is broken.
export async function session(config) {
  const client = new pg.Client({ statement_timeout: 60000, ...config });
  client.on('error', () => {});
  await client.connect();
  clients.push(client);
  client.rows = async (text, values) => (await client.query(text, values)).rows;
  client.one = async (text, values) => Object.values((await client.query(text, values)).rows[0] ?? {})[0];
  return client;
}

export const connect = () => session({ connectionString: url });

export async function connectAs(user, secret) {
  const { hostname, port, pathname } = new URL(url);
  return session({ host: hostname, port: Number(port), database: pathname.slice(1), user, password: secret });
}

export const connectEdge = () => connectAs('bellwire_edge', password);

export const many = (n, what = connect) => Promise.all(Array.from({ length: n }, what));

export const uuid = (n) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

// The same numbers in every run.
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
}

export const item = (event, user, socket, payload) =>
  JSON.stringify({ event, user_id: uuid(user), socket_id: socket, payload });

export const lone = (item) => {
  if (!item.startsWith('{')) return ['select rt.dispatch_lone($1)', [item]]; // as an edge of an earlier version sends it
  const { event, user_id, socket_id, payload } = JSON.parse(item);
  return ['select rt.dispatch_lone($1, $2, $3, $4)', [event, user_id, socket_id, JSON.stringify(payload)]];
};

// The rows of rt.dispatch; one item goes as an edge sends it, by rt.dispatch_lone.
export async function dispatched(client, items) {
  if (items.length !== 1) return client.rows('select * from rt.dispatch($1)', [items]);
  const [end, moved, outcome, body, code, message, sqlstate, ...detail] = (await client.one(...lone(items[0]))).split('\x1f');
  return [{ ord: 1, outcome, body, code, message, sqlstate, detail: detail.join('\x1f') }, { ord: 0, outcome: end, body: moved }];
}

export async function dispatch(client, items) {
  const rows = await dispatched(client, items);
  return rows.map((row) => (row.ord ? row.outcome === 'error' ? `error ${row.code}` : row.outcome : row.outcome));
}

// Sockets open and close as an edge has them do so, one by a call of its own: the rows.
export function opening(client, edge, sockets, unrung = false) {
  if (sockets.length > 1) return client.rows('select * from rt.socket_open($1, $2)', [edge, sockets]);
  const s = JSON.parse(sockets[0]);
  return client.rows('select * from rt.socket_open_one($1, $2, $3, $4, $5, $6)', [edge, s.socket_id, s.user_id, s.recovery ?? false, s.pid ?? null, unrung]);
}

export async function closing(client, edge, sockets, unrung = false) {
  if (sockets.length > 1) return client.rows('select * from rt.socket_close($1, $2)', [edge, sockets]);
  const s = JSON.parse(sockets[0]);
  const rows = await client.rows('select * from rt.socket_close_one($1, $2, $3, $4, $5, $6, $7)', [edge, s.socket_id, s.user_id, s.clean ?? false, s.over ?? false, s.why ?? null, unrung]);
  return rows.filter((r) => r.ord !== null || r.xact !== null);
}

export async function outcome(promise) {
  try {
    await promise;
    return 'ok';
  } catch (error) {
    return error.code ?? error.message;
  }
}

// The pump of an edge: a cursor, and what it has brought so far.
export class Pump {
  constructor(client) {
    this.client = client;
    this.rows = [];
    this.gaps = [];
  }

  static async start(edge = 900) {
    const client = await connectEdge();
    await client.query('select * from rt.pump_open($1, $2)', [uuid(edge), 'test']);
    const pump = new this(client);
    pump.edge = edge;
    await pump.begin();
    return pump;
  }

  async begin() {
    const [header] = await this.client.rows('select * from rt.fetch(null, null)');
    this.cursor = header.rooms;
    this.epoch = header.except_rooms;
  }

  // As the edge does: a full first page is followed by others, and the cursor moves at the end.
  async poll(page = 1000) {
    const { header, rows, cut } = await this.ask();
    if (header.control !== 'ok') {
      this.gaps.push(header.data);
      this.cursor = header.rooms;
      this.epoch = header.except_rooms;
      return { header, rows: [] };
    }
    this.answers = [rows.length];
    for (let more = cut; more;) {
      if (this.between) await this.between();
      const last = await this.client.rows('select * from rt.fetch_page($1, $2, $3, $4, $5)', [this.cursor, header.rooms, rows.at(-1)?.id ?? 0, page, this.epoch]);
      rows.push(...last);
      this.answers.push(last.length);
      more = last.length === page || this.isHeavy(last);
    }
    this.cursor = header.rooms;
    this.epoch = header.except_rooms;
    this.rows.push(...rows);
    return { header, rows };
  }

  async ask() {
    const [header, ...rows] = await this.client.rows('select * from rt.fetch($1, $2)', [this.cursor, this.epoch]);
    return { header, rows, cut: rows.length === 1000 || this.isHeavy(rows) };
  }

  isHeavy(rows) {
    return rows.reduce((n, r) => n + Buffer.byteLength(r.data), 0) >= (this.bytes ?? Infinity);
  }

  // Each answer ends with the row that reaches so many bytes of data.
  async bound(bytes) {
    this.bytes = bytes;
    await this.client.query("select set_config('bellwire.page_bytes', $1, false)", [String(bytes)]);
  }

  async pollWhile(condition, pause = 3) {
    while (condition()) {
      await this.poll();
      await sleep(pause);
    }
    await this.poll();
  }
}

// The pump of an edge that asks rt.poll_few and rt.poll, or rt.poll_ids, where it may, by the rules of server/db/poll.c.
export class PlainPump extends Pump {
  asked = [];
  knowsFew = true; // else as on a database before rt.poll_few
  nobody = false; // is here
  knowsIds = true;
  brought = 0;

  async poll(page) {
    const { cursor, epoch } = this;
    const before = this.light;
    const answer = await super.poll(page);
    if (!before || epoch !== this.epoch || answer.header.control !== 'ok' || answer.rows.length > 64) this.light = this.cursor.split(':')[1];
    if (!before || epoch !== this.epoch || answer.header.control !== 'ok' || answer.rows.length > 2000) this.lightIds = this.light;
    this.still = cursor === this.cursor;
    this.brought = answer.rows.length;
    return answer;
  }

  // { instead: what must be asked }, or the answer.
  async askFew(low) {
    const { rows } = await this.client.query({ name: 'poll_few', values: [this.cursor, String(low)], text: `select (p.event).id, (p.event).xid,
      (p.event).event, (p.event).control, (p.event).data::text, false as ephemeral, p.snapshot, p.written from rt.poll_few($1, $2) p` });
    const [{ snapshot, written }] = rows;
    if (written !== this.written) return { instead: 'poll_both' };
    if (rows.length > 32) return { instead: 'poll' };
    const all = rows.filter((r) => r.id !== null);
    if (all.some((r) => BigInt(r.xid) >= BigInt(snapshot.split(':')[1]))) return { instead: null };
    all.sort((a, b) => (BigInt(a.id) < BigInt(b.id) ? -1 : 1));
    return { header: { rooms: snapshot, control: 'ok', except_rooms: this.epoch }, rows: all, cut: false };
  }

  async askIds(low) {
    const { rows: [{ data: snapshot, control: dropped }, ...rows] } = await this.client.query({ name: 'poll_ids', values: [this.cursor, String(low)],
      text: 'select p.*, false as ephemeral from rt.poll_ids($1, $2) p' });
    const thrown = !this.nobody || dropped && low < BigInt(dropped.split(':')[1]) || rows.length > 2000;
    if (thrown || rows.some((r) => BigInt(r.xid) >= BigInt(snapshot.split(':')[1]))) return null;
    rows.sort((a, b) => (BigInt(a.id) < BigInt(b.id) ? -1 : 1));
    return { header: { rooms: snapshot, control: 'ok', except_rooms: this.epoch }, rows, cut: false };
  }

  async ask() {
    const [low, high] = this.cursor.split(':', 2).map(BigInt);
    const known = this.light && this.fetched === this.client;
    const near = known && high - low <= 64n;
    if (known && high - low <= 1000n && this.nobody && this.knowsIds && this.brought <= 2000 && low >= BigInt(this.lightIds)) {
      this.asked.push('poll_ids');
      const answer = await this.askIds(low);
      if (answer) return answer;
    }
    const mayPoll = near && !this.nobody && low >= BigInt(this.light);
    const ordinary = this.knowsFew && this.brought <= 32 ? 'poll_few' : 'poll';
    for (let kind = this.since && low >= this.since ? ordinary : 'poll_both'; mayPoll && kind;) {
      this.asked.push(kind);
      if (kind === 'poll_few') {
        const { instead, ...answer } = await this.askFew(low);
        if (answer.header) return answer;
        kind = instead;
        continue;
      }
      const { rows } = await this.client.query({ name: kind, text: `select * from rt.${kind}($1, $2)`, values: [this.cursor, String(low)] });
      const [{ snapshot, written, dropped, next_xid: next }] = rows;
      const xmax = BigInt(snapshot.split(':')[1]);
      const idle = this.written === written;
      if (!idle) [this.written, this.since] = [written, undefined];
      else this.since ??= BigInt(next);
      if (dropped && low < BigInt(dropped.split(':')[1]) || rows.some((r) => r.id && BigInt(r.xid) >= xmax)) break;
      if (kind === 'poll' && !idle) {
        kind = 'poll_both';
        continue;
      }
      const header = { rooms: snapshot, control: 'ok', except_rooms: this.epoch };
      const all = rows.filter((r) => r.id !== null);
      const long = all.findIndex((r) => Buffer.byteLength(r.data) >= 32768);
      const good = long < 0 ? all : all.slice(0, long);
      return { header, rows: good, cut: all.length === 64 || good.length < all.length };
    }
    this.asked.push('fetch');
    if (this.fetched !== this.client) [this.written, this.since] = [];
    this.fetched = this.client;
    return super.ask();
  }
}

// Waits for what a query says, not for a time.
export async function until(what, seconds = 10) {
  for (const end = Date.now() + seconds * 1000; ;) {
    const value = await what();
    if (value) return value;
    if (Date.now() > end) throw new Error(`never became true: ${what}`);
    await sleep(5);
  }
}

export const blocked = (admin, client) =>
  until(() => admin.one('select cardinality(pg_blocking_pids($1)) > 0', [client.processID]));

// A route whose function has this body.
export const route = (admin, event, body, lockKey = null) =>
  admin.query('select tests.route($1, $2, $3)', [event, body, lockKey]);

export async function world(admin, users, chats) {
  await admin.query('select tests.users($1, $2)', [1, users]);
  for (const [chat, members] of Object.entries(chats)) await admin.query('select tests.chat($1, variadic $2)', [chat, members]);
}

// LISTENs to the bell; mark() gives what rang before it, because notifications of one database keep their order.
export async function listen(admin) {
  const client = await connect();
  let heard = [];
  let seen = () => {};
  client.on('notification', (n) => { heard.push(n); seen(); });
  await client.query('listen bellwire');
  let n = 0;
  client.mark = async () => {
    const mark = `mark ${++n}`;
    await admin.query('select pg_notify($1, $2)', ['bellwire', mark]);
    while (!heard.some((h) => h.payload === mark)) await new Promise((resolve) => { seen = resolve; });
    const before = heard.slice(0, heard.findIndex((h) => h.payload === mark)).map((h) => h.payload);
    heard = [];
    return before;
  };
  return client;
}

const large = /\b(users|follows|chats|chat_participants|messages|message_receipts|notifications|posts|post_counts|post_likes|post_comments|places|sockets|presence|recoveries|outbox(_\d|_ephemeral_\d)?)\b/;

// A session that hears the plan of every statement, nested ones too.
export async function listener(role) {
  const client = await session({ connectionString: url });
  let plans = [];
  client.on('notice', (n) => { if (/plan:/.test(n.message)) plans.push(n.message); });
  await client.query("load 'auto_explain'; set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on; set auto_explain.log_analyze = on; set auto_explain.log_timing = off; set auto_explain.log_level = notice; set client_min_messages = notice");
  if (role) await client.query(`set role ${role}`);
  client.take = () => {
    const taken = plans;
    plans = [];
    return taken;
  };
  return client;
}

export const query = (plan) => plan.replace(/^[\s\S]*?Query Text:\s*/, '').split('\n')[0].slice(0, 100);

// Every row that a large table gave, whoever asked for it. From Postgres 18 on rows of a loop are an average, rows=1.50.
function rowsRead(plan) {
  let rows = 0;
  const lines = plan.split('\n');
  for (const [i, line] of lines.entries()) {
    const m = /Scan .*\(actual rows=([\d.]+) loops=(\d+)\)/.exec(line);
    if (m && large.test(line)) rows += Number(m[1]) * Number(m[2]);
    const removed = /Rows Removed by (?:Index Recheck|Filter): (\d+)/.exec(line);
    if (removed) rows += Number(removed[1]);
    // what a join reads again and again
    const again = /Materialize .*\(actual rows=([\d.]+) loops=(\d+)\)/.exec(line);
    if (again && large.test(lines[i + 1])) rows += Number(again[1]) * Number(again[2]);
  }
  return rows;
}

export function judge(name, plans, most) {
  const shown = (those) => those.slice(0, 2).map((p) => p.replaceAll('\n', '\n# ')).join('\n# ');
  const scans = plans.filter((p) => p.split('\n').some((line) => /Seq Scan on/.test(line) && large.test(line) && !/never executed/.test(line)));
  ok(scans.length === 0, `${name}: no sequential scan of a large table`, shown(scans));
  const rows = plans.reduce((n, plan) => n + rowsRead(plan), 0);
  ok(rows <= most, `${name}: at most ${most} rows are read`, `${rows}: ${plans.map(query).join(' | ')}\n# ${shown([...plans].sort((a, b) => rowsRead(b) - rowsRead(a)))}`);
  ok(plans.length > 0, `${name}: plans were seen`);
}
