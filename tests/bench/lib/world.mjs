// A Postgres, the same people and chats in two databases, the two servers and the load.
import { execFileSync, spawn } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { BIG, BIG_CHAT, chatOf, person, population } from './people.mjs'

const root = fileURLToPath(new URL('../../../', import.meta.url))
export const build = process.env.B ?? join(root, 'build')
export const dir = join(build, 'bench')
const postgres = (command) => execFileSync(join(root, 'tests/env/postgres'), [command, dir], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim()

export const PEOPLE = 11000
const SECRET = randomBytes(32).toString('hex')
const EDGE_PASSWORD = randomBytes(16).toString('hex')

function sign(user) {
  const b64 = (x) => Buffer.from(JSON.stringify(x)).toString('base64url')
  const body = `${b64({ alg: 'HS256', typ: 'JWT' })}.${b64({ sub: user, exp: Math.floor(Date.now() / 1000) + 86400 })}`
  return `${body}.${createHmac('sha256', SECRET).update(body).digest('base64url')}`
}

let url
const urlOf = (database, user, password) => {
  const u = new URL(url)
  u.pathname = `/${database}`
  if (user) Object.assign(u, { username: user, password })
  return u.href
}

// What bellwire's product settings are for the servers started next.
export const setting = (name, value) => sql('bench_bellwire', ['update bellwire.settings set value = $2 where name = $1', [name, value]])

export async function sql(database, ...statements) {
  const c = new pg.Client(urlOf(database))
  await c.connect()
  let last
  for (const s of statements) last = await (Array.isArray(s) ? c.query(...s) : c.query(s))
  await c.end()
  return last.rows
}

export const usersFile = join(dir, 'users')

export async function prepare() {
  mkdirSync(dir, { recursive: true })
  postgres('start')
  url = postgres('url')
  for (const db of ['bench_bellwire', 'bench_peer']) await sql('postgres', `drop database if exists ${db} with (force)`, `create database ${db}`)
  execFileSync(join(build, 'bellwire'), ['migrate'], { env: { PATH: process.env.PATH, MIGRATE_DATABASE_URL: urlOf('bench_bellwire') }, stdio: ['ignore', 'ignore', 'inherit'] })
  const tables = readFileSync(join(root, 'migrations/0100_platform.sql'), 'utf8').split('-- migrate:down')[0]
  await sql('bench_peer', 'create schema platform', tables, readFileSync(join(root, 'tests/bench/peer.sql'), 'utf8'))
  await sql('bench_bellwire', `alter role bellwire_edge login password '${EDGE_PASSWORD}'`, "update bellwire.settings set value = 'contacts' where name = 'presence_audience'")
  for (const s of Object.values(SERVERS)) await sql(s.database, ...s.tables)
  await sql('bench_bellwire', 'alter function platform.bench_event() owner to bellwire_owner')
  for (const s of Object.values(SERVERS)) await sql(s.database, ...population(PEOPLE))
  writeFileSync(usersFile, Array.from({ length: PEOPLE }, (_, i) => `${sign(person(i))} ${i < BIG ? BIG_CHAT : chatOf(i, 0)}\n`).join(''))
  const [{ server_version: version }] = await sql('postgres', 'show server_version')
  return { version, url, postmaster: Number(readFileSync(join(dir, 'data/postmaster.pid'), 'utf8').split('\n')[0]) }
}

export const finish = () => postgres('stop')

// Both: how to start it, its database, and SQL for the same work.
// emit: n events to a room (null: to all). pair: one event to the two followers of somebody. big: 4 KiB to a room.
// writers: a table whose rows are events to nobody. cut: what ends the session that listens.
const event = "jsonb_build_object('n', i, 'text', repeat('x', 160))"
const quoted = (room) => (room === null ? 'null' : `'${room}'`)
const somebody = `'followers:0000000a-0000-4000-8000-' || lpad(to_hex(${BIG} + ($1::int * 7919) % ${PEOPLE - BIG}), 12, '0')`
const rowsTable = (call) => [`create table platform.bench_rows (body text)`, `create table platform.bench_events (body text)`,
  `create function platform.bench_event() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$ begin perform ${call}; return null; end $$`,
  'create trigger bench_event after insert on platform.bench_events for each row execute function platform.bench_event()']
const rowEvent = "'user:nobody', 'bench:event', jsonb_build_object('text', new.body)"
export const SERVERS = {
  bellwire: {
    database: 'bench_bellwire',
    start: (env) => spawn(join(build, 'bellwire'), ['serve'], { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH, JWT_SECRET: SECRET,
      DATABASE_URL: urlOf('bench_bellwire', 'bellwire_edge', EDGE_PASSWORD), BELLWIRE_LISTEN: '127.0.0.1:0', BELLWIRE_ADMIN_LISTEN: '127.0.0.1:0', BELLWIRE_DRAIN_MS: '0', BELLWIRE_MAX_SOCKETS_PER_USER: '0', ...env } }),
    listening: / listening .* port=(\d+)/,
    emit: (room, n) => `select rt.emit(${room === null ? 'null' : `array['${room}']`}, 'bench:event', ${event}) from generate_series(1, ${n}) i`,
    big: (room) => `select rt.emit(array['${room}'], 'bench:event', jsonb_build_object('n', $1::int, 'text', repeat('x', 4096)))`,
    numbered: (user) => `select rt.emit(array['user:${user}'], 'bench:event', jsonb_build_object('text', 'bench ' || $1))`,
    pair: `select rt.emit(array[${somebody}], 'bench:event', jsonb_build_object('text', repeat('x', 160)))`,
    tables: rowsTable(`rt_private.publish(array[${rowEvent.replace(',', '],')})`),
    cut: "usename = 'bellwire_edge'",
    insert: (chat, sender) => `insert into platform.messages (chat_id, sender_id, type, content) values ('${chat}', '${sender}', 'text', 'bench ' || $1)`,
  },
  'socket.io': {
    database: 'bench_peer',
    start: (env) => spawn(process.execPath, ['--expose-gc', join(root, 'tests/bench/peer.mjs')], { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH, NODE_ENV: 'production',
      JWT_SECRET: SECRET, DATABASE_URL: urlOf('bench_peer'), ...env } }),
    listening: /^listening (\d+)/m,
    tidy: 'SIGUSR2',
    emit: (room, n) => `select platform.peer_emit(${quoted(room)}, 'bench:event', ${event}) from generate_series(1, ${n}) i`,
    big: (room) => `select platform.peer_emit('${room}', 'bench:event', jsonb_build_object('n', $1::int, 'text', repeat('x', 4096)))`,
    numbered: (user) => `select platform.peer_emit('user:${user}', 'bench:event', jsonb_build_object('text', 'bench ' || $1))`,
    pair: `select platform.peer_emit(${somebody}, 'bench:event', jsonb_build_object('text', repeat('x', 160)))`,
    tables: rowsTable(`platform.peer_emit(${rowEvent})`),
    cut: "application_name = 'listener'",
    insert: (chat, sender) => `with m as (insert into platform.messages (chat_id, seq, sender_id, type, content, created_at) values ('${chat}', nextval('platform.peer_seq'),
      '${sender}', 'text', 'bench ' || $1, clock_timestamp()) returning *) select platform.peer_notify(m, u) from m join platform.users u on u.id = m.sender_id`.replace(/\s+/g, ' '),
  },
}

export const firstChat = (i) => ({ chat: chatOf(i, 0), sender: person(i) })

async function ended(child) {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

// fn(run): run.load(order) answers what the load says, run.pid is the server.
// env: for the server named.
export async function withServer(name, fn, { env = {} } = {}) {
  const server = SERVERS[name]
  const child = server.start(env[name] ?? {})
  let log = ''
  const port = await new Promise((resolve, reject) => {
    const read = (d) => {
      log = (log + d).slice(-20000)
      const m = server.listening.exec(log)
      if (m) resolve(m[1])
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.on('exit', () => reject(new Error(`${name} ended\n${log}`)))
  })
  const load = spawn(join(build, 'bench/load'), [port, usersFile, urlOf(server.database)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const answers = createInterface(load.stdout)[Symbol.asyncIterator]()
  const run = {
    ...server,
    pid: child.pid,
    port: Number(port),
    url: urlOf(server.database),
    log: () => log,
    async load(order) {
      load.stdin.write(`${order}\n`)
      const { value, done } = await answers.next()
      if (done) throw new Error(`the load ended at "${order}"\n${log.slice(-3000)}`)
      return JSON.parse(value)
    },
    async connect(first, count, atOnce = 64) {
      const r = await run.load(`connect ${first} ${count} ${atOnce}`)
      if (r.ready !== count || r.dead) throw new Error(`${name}: ${r.ready} of ${count} connected, ${r.dead} refused (${r.why})\n${log.slice(-3000)}`)
      await run.load('settle 500')
      return r
    },
  }
  try {
    return await fn(run)
  } finally {
    load.stdin.end()
    await ended(load)
    child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), 8000)
    await ended(child)
    clearTimeout(late)
  }
}
