// The servers that are compared: how each is started, and SQL for the same work.
//
// schema: makes an empty database ready. forget: statements, before a server starts, so that the clients of the one before do not
// go offline in what this one is measured by. listener: the name of the session that waits for events; cut: the condition that finds what
// `loss` ends. emit: n events to a room (null: to all). pair: one event to the two followers of somebody. big: 4 KiB to a room.
// insert: a message; chat and sender are expressions, in which $1 is a number.
import { execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BIG } from './people.mjs'

export const root = fileURLToPath(new URL('../../../', import.meta.url))
export const build = process.env.B ?? join(root, 'build')
export const PEOPLE = 11000

const text = (path) => readFileSync(join(root, path), 'utf8')
const onOneLine = (sql) => sql.replace(/\s+/g, ' ')
const quoted = (room) => (room === null ? 'null' : `'${room}'`)
const event = "jsonb_build_object('n', i, 'text', repeat('x', 160))"
const somebody = `'followers:0000000a-0000-4000-8000-' || lpad(to_hex(${BIG} + ($1::int * 7919) % ${PEOPLE - BIG}), 12, '0')`

// A table whose rows are events to nobody.
const rowsTable = (call) => ['create table platform.bench_rows (body text)', 'create table platform.bench_events (body text)',
  `create function platform.bench_event() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$ begin perform ${call}; return null; end $$`,
  'create trigger bench_event after insert on platform.bench_events for each row execute function platform.bench_event()']
const rowEvent = "'user:nobody', 'bench:event', jsonb_build_object('text', new.body)"

const serve = (command, args, env) => spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH, ...env } })

const peerTables = () => ['create schema platform', text('migrations/0100_platform.sql').split('-- migrate:down')[0], text('tests/bench/peer.sql'),
  ...rowsTable(`platform.peer_emit(${rowEvent})`)]
const peer = {
  start: ({ url, secret }, database, env) => serve(process.execPath, ['--expose-gc', join(root, 'tests/bench/peer.mjs')],
    { NODE_ENV: 'production', JWT_SECRET: secret, DATABASE_URL: url(database), ...env }),
  listening: /^listening (\d+)/m,
  listener: /^listener$/,
  cut: "application_name = 'listener'",
  tidy: 'SIGUSR2',
  emit: (room, n) => `select platform.peer_emit(${quoted(room)}, 'bench:event', ${event}) from generate_series(1, ${n}) i`,
  big: (room) => `select platform.peer_emit('${room}', 'bench:event', jsonb_build_object('n', $1::int, 'text', repeat('x', 4096)))`,
  numbered: (user) => `select platform.peer_emit('user:${user}', 'bench:event', jsonb_build_object('text', 'bench ' || $1))`,
  pair: `select platform.peer_emit(${somebody}, 'bench:event', jsonb_build_object('text', repeat('x', 160)))`,
}

export const SERVERS = {
  bellwire: {
    database: 'bench_bellwire',
    schema: async ({ url, sql }, database) => {
      execFileSync(join(build, 'bellwire'), ['migrate'], { env: { PATH: process.env.PATH, MIGRATE_DATABASE_URL: url(database) }, stdio: ['ignore', 'ignore', 'inherit'] })
      await sql(database, ...rowsTable(`rt_private.publish(array[${rowEvent.replace(',', '],')})`), 'alter function platform.bench_event() owner to bellwire_owner',
        "update bellwire.settings set value = 'contacts' where name = 'presence_audience'")
    },
    forget: ['update bellwire.presence set online = false, offline_due = null, unclean_at = null where online or offline_due is not null',
      'vacuum analyze bellwire.presence, platform.users'],
    start: ({ url, secret, password }, database, env) => serve(join(build, 'bellwire'), ['serve'], { JWT_SECRET: secret, DATABASE_URL: url(database, 'bellwire_edge', password),
      BELLWIRE_NAME: 'edge', BELLWIRE_LISTEN: '127.0.0.1:0', BELLWIRE_ADMIN_LISTEN: '127.0.0.1:0', BELLWIRE_DRAIN_MS: '0', BELLWIRE_MAX_SOCKETS_PER_USER: '0', ...env }),
    listening: / listening .* port=(\d+)/,
    up: / database up/, // before that clients are told to wait
    listener: / pump$/,
    cut: "usename = 'bellwire_edge'",
    emit: (room, n) => `select rt.emit(${room === null ? 'null' : `array['${room}']`}, 'bench:event', ${event}) from generate_series(1, ${n}) i`,
    big: (room) => `select rt.emit(array['${room}'], 'bench:event', jsonb_build_object('n', $1::int, 'text', repeat('x', 4096)))`,
    numbered: (user) => `select rt.emit(array['user:${user}'], 'bench:event', jsonb_build_object('text', 'bench ' || $1))`,
    pair: `select rt.emit(array[${somebody}], 'bench:event', jsonb_build_object('text', repeat('x', 160)))`,
    insert: (chat, sender) => `insert into platform.messages (chat_id, sender_id, type, content) values (${chat}, ${sender}, 'text', 'bench ' || $1)`,
  },
  'socket.io': {
    ...peer,
    database: 'bench_peer',
    schema: ({ sql }, database) => sql(database, ...peerTables()),
    insert: (chat, sender) => onOneLine(`with m as (insert into platform.messages (chat_id, seq, sender_id, type, content, created_at) values (${chat}, nextval('platform.peer_seq'),
      ${sender}, 'text', 'bench ' || $1, clock_timestamp()) returning *) select platform.peer_notify(m, u) from m join platform.users u on u.id = m.sender_id`),
  },
  naive: {
    ...peer,
    database: 'bench_naive',
    schema: ({ sql }, database) => sql(database, ...peerTables(), text('tests/bench/naive.sql')),
    start: (context, database, env) => peer.start(context, database, { NAIVE: '1', ...env }),
    insert: (chat, sender) => `insert into platform.messages (chat_id, sender_id, type, content) values (${chat}, ${sender}, 'text', 'bench ' || $1)`,
  },
}
