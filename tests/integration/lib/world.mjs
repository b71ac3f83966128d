// A database of its own for one test file, edges on it, and the people and chats who live there.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHmac, randomBytes, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { Client } from './client.mjs'
import { sleep, until, WAIT_MS } from './wait.mjs'

export const BIN = process.env.BELLWIRE_BIN ?? fileURLToPath(new URL('../../../build/bellwire', import.meta.url))
// A sanitized program keeps what was freed, and is slow. A file that asks shows more with the normal one, so it runs with that as well (tests/integration/run).
export const SANITIZED = readFileSync(BIN).includes('__asan_init')
const ADMIN_URL = process.env.BELLWIRE_TEST_PG
// The role belongs to the cluster, so every file gives it the same password.
export const EDGE_PASSWORD = 'bellwire-test'
// A statement that waits longer would wait for ever: an error names it.
const STATEMENT_MS = 20000
const SETUP_LOCK = 7235 // one file at a time makes roles
const LOGINS = ['service', 'operator', 'nobody']

export const SECRET = randomBytes(32).toString('hex')

// int8 as a number: nothing here counts beyond 2^53.
pg.types.setTypeParser(20, Number)

// ---- tokens ----

const b64 = (x) => Buffer.from(typeof x === 'string' ? x : JSON.stringify(x)).toString('base64url')

export const seconds = () => Math.floor(Date.now() / 1000)

// sign(head, claims): any token at all, good or bad; the MAC is the head's alg or SHA-256.
export function sign(head, claims, secret = SECRET) {
  const body = `${b64(head)}.${b64(claims)}`
  const hash = head.alg === 'HS512' ? 'sha512' : 'sha256'
  return `${body}.${head.alg === 'none' ? '' : createHmac(hash, secret).update(body).digest('base64url')}`
}

export const token = (user, claims = {}) => sign({ alg: 'HS256', typ: 'JWT' }, { sub: user.id ?? user, exp: seconds() + 3600, ...claims })

// ---- processes ----

function start(args, env) {
  const child = spawn(BIN, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH, ASAN_OPTIONS: process.env.ASAN_OPTIONS ?? '',
    UBSAN_OPTIONS: process.env.UBSAN_OPTIONS ?? '', ...env } })
  const p = { child, log: '' }
  for (const out of [child.stdout, child.stderr]) out.on('data', (d) => { p.log += d })
  p.gone = new Promise((resolve) => child.on('close', (code, signal) => resolve(signal ?? code)))
  return p
}

class Edge {
  constructor(world, process) { Object.assign(this, { world, process, ended: null, expected: [] }) }

  get log() { return this.process.log }
  get pid() { return this.process.child.pid }

  async up() {
    this.process.gone.then((how) => { this.ended = how })
    const m = await until(() => (this.ended !== null ? [] : /(?: |"msg":")listening\b.*/.exec(this.log)), () => `edge listening\n${this.log}`)
    assert.equal(this.ended, null, `edge ended: ${this.ended}\n${this.log}`)
    this.port = Number(/\bport\W+(\d+)/.exec(m[0])[1])
    this.adminPort = Number(/admin_port\W+(\d+)/.exec(m[0])[1])
    this.id = /edge_id\W+([\w-]+)/.exec(m[0])[1]
    this.url = `http://127.0.0.1:${this.port}`
    await until(() => this.ended !== null || this.ready(), () => `edge ready\n${this.log}`)
    assert.equal(this.ended, null, `edge ended: ${this.ended}\n${this.log}`)
    return this
  }

  ready() { return this.admin('/readyz').then((r) => r.status === 200, () => false) }

  admin(path) { return fetch(`http://127.0.0.1:${this.adminPort}${path}`) }

  // The sum of a metric's series whose labels contain all of the given ones.
  async metric(name, labels = {}) {
    let sum = 0
    for (const line of (await (await this.admin('/metrics')).text()).split('\n')) {
      const m = /^([a-z_:0-9]+)(\{.*\})? (\S+)/i.exec(line)
      if (m?.[1] === name && Object.entries(labels).every(([k, v]) => (m[2] ?? '').includes(`${k}="${v}"`))) sum += Number(m[3])
    }
    return sum
  }

  signal(name) { process.kill(this.pid, name) }

  // Clean end; complains about what a sanitizer or the log's error lines say.
  async stop() {
    if (this.ended === null) this.signal('SIGTERM')
    const late = setTimeout(() => this.process.child.kill('SIGKILL'), 20000)
    const how = await this.process.gone
    clearTimeout(late)
    this.world.edges.delete(this)
    assert.doesNotMatch(this.log, /Sanitizer|runtime error:/, this.log.slice(-6000))
    const errors = this.log.split('\n').filter((l) => / error |"level":"error"/.test(l) && !this.expected.some((e) => e.test(l)))
    assert.deepEqual(errors, [], 'error lines in the edge\'s log')
    assert.equal(how, 0, `edge ended: ${how}\n${this.log.slice(-2000)}`)
  }

  async kill() {
    this.process.child.kill('SIGKILL')
    await this.process.gone
    this.world.edges.delete(this)
  }
}

// ---- the world ----

export class World {
  // login: edges have one of their own, a member of bellwire_edge
  constructor(file, { login } = {}) {
    this.file = file
    this.database = `bellwire_test_${file.replace(/\W/g, '_')}`
    this.login = login ? this.role('edge') : 'bellwire_edge'
    this.edges = new Set()
    this.clients = new Set()
  }

  url(user, password) {
    const u = new URL(ADMIN_URL)
    u.pathname = `/${this.database}`
    if (user) Object.assign(u, { username: user, password })
    return u.href
  }

  // A login of this file's own, which goes with its database: roles are the cluster's.
  role(name) { return `${this.database}_${name}` }

  edgeUrl() { return this.url(this.login, EDGE_PASSWORD) }

  async build() {
    const admin = new pg.Client(ADMIN_URL)
    await admin.connect()
    try {
      await admin.query('select pg_advisory_lock($1)', [SETUP_LOCK])
      await admin.query(`drop database if exists ${this.database} with (force)`)
      await admin.query(`create database ${this.database}`)
      await this.migrate()
      await admin.query(`alter role bellwire_edge login password '${EDGE_PASSWORD}'`)
      // a backend service, an operator, and a login that was granted nothing
      for (const role of LOGINS) {
        await admin.query(`drop role if exists ${this.role(role)}`)
        await admin.query(`create role ${this.role(role)} login password '${EDGE_PASSWORD}'`)
      }
      if (this.login !== 'bellwire_edge') {
        await admin.query(`drop role if exists ${this.login}`)
        await admin.query(`create role ${this.login} login password '${EDGE_PASSWORD}' in role bellwire_edge`)
        await this.migrate() // gives it what an edge's login needs
      }
      for (const role of ['service', 'operator']) await admin.query(`grant bellwire_${role} to ${this.role(role)}`)
    } finally {
      await admin.end()
    }
    this.pool = new pg.Pool({ connectionString: this.url(), max: 8, application_name: 'test', statement_timeout: STATEMENT_MS })
    this.pool.on('error', () => {})
    return this
  }

  async migrate(...options) {
    const p = start(['migrate', ...options], { MIGRATE_DATABASE_URL: this.url() })
    const late = setTimeout(() => p.child.kill('SIGKILL'), STATEMENT_MS)
    const how = await p.gone
    clearTimeout(late)
    assert.equal(how, 0, `migrate ended: ${how}\n${p.log}`)
  }

  async edge(env = {}) {
    const edge = new Edge(this, start(['serve'], { DATABASE_URL: this.edgeUrl(), JWT_SECRET: SECRET, BELLWIRE_LISTEN: '127.0.0.1:0',
      BELLWIRE_ADMIN_LISTEN: '127.0.0.1:0', BELLWIRE_DRAIN_MS: '200', BELLWIRE_NAME: `edge${this.edges.size + 1}`, ...env }))
    this.edges.add(edge)
    return edge.up()
  }

  // Rows of one statement, as any service's psql would send it.
  async sql(text, values) { return (await this.pool.query(text, values)).rows }

  // The edges' pumps begin new sessions.
  async endPumps() { await this.sql("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name ~ ' pump$'") }

  // The database refuses the edges, until what this answers is called. allow_connections only refuses new connections: the test keeps its own.
  async away() {
    const admin = new pg.Client(ADMIN_URL)
    await admin.connect()
    await admin.query(`alter database ${this.database} allow_connections false`)
    await admin.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and usename = 'bellwire_edge'", [this.database])
    return async () => {
      await admin.query(`alter database ${this.database} allow_connections true`)
      await admin.end()
    }
  }

  // Rows of one statement sent by another login: edge, service, operator or nobody.
  async sqlAs(role, text, values) {
    const c = new pg.Client({ connectionString: this.url(role === 'edge' ? this.login : this.role(role), EDGE_PASSWORD), statement_timeout: STATEMENT_MS })
    await c.connect()
    return c.query(text, values).then((r) => r.rows).finally(() => c.end())
  }

  // The one value of one row.
  async value(text, values) { return Object.values((await this.sql(text, values))[0] ?? {})[0] }

  // fn(sql) within one transaction; before: statements before it.
  async transaction(fn, before = []) {
    const c = await this.pool.connect()
    const sql = async (text, values) => (await c.query(text, values)).rows
    try {
      await sql('begin')
      for (const s of before) await sql(s)
      const result = await fn(sql)
      await sql('commit')
      return result
    } catch (e) {
      await sql('rollback').catch(() => {})
      throw e
    } finally {
      c.release()
    }
  }

  // ---- people and what they have ----

  async user(name = 'Анна', row = {}) {
    const u = { id: randomUUID(), name, avatar_url: null, ...row }
    await this.sql('insert into platform.users (id, name, avatar_url) values ($1, $2, $3)', [u.id, u.name, u.avatar_url])
    return u
  }

  users(...names) { return Promise.all(names.map((n) => this.user(n))) }

  async chat(...people) {
    const chat = { id: randomUUID() }
    await this.sql('insert into platform.chats (id) values ($1)', [chat.id])
    for (const p of people) await this.sql('insert into platform.chat_participants (chat_id, user_id) values ($1, $2)', [chat.id, p.id])
    return chat
  }

  async post(author) { return (await this.sql('insert into platform.posts (author_id, content) values ($1, $2) returning id', [author.id, 'look']))[0] }

  async message(chat, sender, content = 'from psql', more = {}) {
    return (await this.sql(`insert into platform.messages (chat_id, sender_id, type, content, metadata) values ($1, $2, $3, $4, $5)
      returning id, seq, content, created_at`, [chat.id, sender.id, more.type ?? 'text', content, more.metadata ?? {}]))[0]
  }

  async notify(user, title = 'hello', more = {}) {
    return this.value('select platform.notify($1, $2, $3, $4, $5)', [user.id, more.type ?? 'mention', title, more.body ?? 'body', more.data ?? {}])
  }

  setting(name, value) { return this.sql('update bellwire.settings set value = $2 where name = $1', [name, String(value)]) }

  // ---- clients ----

  // A stock client, not awaited: options as Client's, and edge, token.
  client(user, { edge = [...this.edges][0], ...options } = {}) {
    if (user && !('auth' in options)) options.auth = { token: options.token ?? token(user) }
    const c = new Client(edge.url, user, options)
    c.world = this
    this.clients.add(c)
    return c
  }

  // The same, connected and told to synchronise.
  connect(user, options) { return this.client(user, options).up() }

  async close() {
    for (const c of this.clients) c.close()
    // a polling client takes a moment to say so; an edge that drains would wait for it
    await until(async () => !this.edges.size || await this.value('select count(*) from bellwire.sockets') === 0, 'all sockets ended', 2000).catch(() => {})
    const ends = await Promise.allSettled([...this.edges].map((e) => e.stop()))
    await this.pool?.end()
    const admin = new pg.Client(ADMIN_URL)
    await admin.connect()
    await admin.query(`drop database if exists ${this.database} with (force)`)
    for (const role of [...LOGINS, 'edge']) await admin.query(`drop role if exists ${this.role(role)}`)
    await admin.end()
    for (const e of ends) if (e.status === 'rejected') throw e.reason
  }
}

// The world of one test file, torn down after its last test.
export async function world(url, options) {
  const w = new World(basename(fileURLToPath(url)).replace('.test.mjs', ''), options)
  after(() => w.close(), { timeout: 30000 })
  return w.build()
}

export { sleep, until, WAIT_MS }
