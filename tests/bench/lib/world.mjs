// A Postgres, the same people and chats in a database for each server, the servers and the load.
import { execFileSync, spawn } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { BIG, BIG_CHAT, chatOf, person, population } from './people.mjs'
import { PEOPLE, SERVERS, build, root } from './servers.mjs'

export const dir = join(build, 'bench')
const postgres = (command) => execFileSync(join(root, 'tests/env/postgres'), [command, dir], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim()

const SECRET = randomBytes(32).toString('hex')
const EDGE_PASSWORD = randomBytes(16).toString('hex')

export function sign(user) {
  const b64 = (x) => Buffer.from(JSON.stringify(x)).toString('base64url')
  const body = `${b64({ alg: 'HS256', typ: 'JWT' })}.${b64({ sub: user, exp: Math.floor(Date.now() / 1000) + 86400 })}`
  return `${body}.${createHmac('sha256', SECRET).update(body).digest('base64url')}`
}

let url
export function urlOf(database, user, password) {
  const u = new URL(url)
  u.pathname = `/${database}`
  if (user) Object.assign(u, { username: user, password })
  return u.href
}

export async function sql(database, ...statements) {
  const c = new pg.Client(urlOf(database))
  await c.connect()
  try {
    let last
    for (const s of statements) last = await (Array.isArray(s) ? c.query(...s) : c.query(s))
    return last.rows
  } finally {
    await c.end()
  }
}

const context = { url: urlOf, sql, secret: SECRET, password: EDGE_PASSWORD }

// The product settings of bellwire, there, for the servers started next.
export const setting = (database, name, value) => sql(database, ['update bellwire.settings set value = $2 where name = $1', [name, value]])

// A database of its own for a server, with so many people.
async function furnish(name, database, people) {
  await sql('postgres', `drop database if exists ${database} with (force)`, `create database ${database}`)
  await SERVERS[name].schema(context, database)
  if (name === 'bellwire') await sql(database, `alter role bellwire_edge login password '${EDGE_PASSWORD}'`)
  await sql(database, ...population(people))
}

export const usersFile = join(dir, 'users')

export async function prepare(servers) {
  mkdirSync(dir, { recursive: true })
  postgres('start')
  url = postgres('url')
  for (const name of servers) await furnish(name, SERVERS[name].database, PEOPLE)
  writeFileSync(usersFile, Array.from({ length: PEOPLE }, (_, i) => `${sign(person(i))} ${i < BIG ? BIG_CHAT : chatOf(i, 0)}\n`).join(''))
  const [{ server_version: version }] = await sql('postgres', 'show server_version')
  return { version, url, postmaster: Number(readFileSync(join(dir, 'data/postmaster.pid'), 'utf8').split('\n')[0]) }
}

export const finish = () => postgres('stop')

async function ended(child) {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

// A running server: { pid, port, log(), stop() }.
async function startServer(name, database, env) {
  const child = SERVERS[name].start(context, database, env)
  let log = ''
  const port = await new Promise((resolve, reject) => {
    const read = (d) => {
      log = (log + d).slice(-20000)
      const m = SERVERS[name].listening.exec(log)
      if (m && (SERVERS[name].up?.test(log) ?? true)) resolve(m[1])
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.on('exit', () => reject(new Error(`${name} ended\n${log}`)))
  })
  return {
    pid: child.pid,
    port: Number(port),
    admin: / admin_port=(\d+)/.exec(log)?.[1],
    log: () => log,
    async stop() {
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), 8000)
      await ended(child)
      clearTimeout(late)
    },
  }
}

// A load on that port: { order(text), stop() }. An order is answered by what the load says.
function startLoad(port, database, log) {
  const child = spawn(join(build, 'bench/load'), [port, usersFile, urlOf(database)].map(String), { stdio: ['pipe', 'pipe', 'inherit'] })
  const answers = createInterface(child.stdout)[Symbol.asyncIterator]()
  return {
    async order(text) {
      child.stdin.write(`${text}\n`)
      const { value, done } = await answers.next()
      if (done) throw new Error(`the load ended at "${text}"\n${log().slice(-3000)}`)
      return JSON.parse(value)
    },
    // all of its clients are gone at once
    async kill() {
      child.kill('SIGKILL')
      await ended(child)
    },
    async stop() {
      child.stdin.end()
      await ended(child)
    },
  }
}

// fn(run): run.load(order) answers what the load says, run.leave() ends it, run.pid is the server. run.another(env) starts a second one beside it.
// env: for the server named.
export async function withServer(name, fn, { env = {} } = {}) {
  const { database } = SERVERS[name]
  const own = env[name] ?? {}
  if (SERVERS[name].forget) await sql(database, ...SERVERS[name].forget)
  const server = await startServer(name, database, own)
  const load = startLoad(server.port, database, server.log)
  const run = {
    ...SERVERS[name],
    ...server,
    name,
    database,
    url: urlOf(database),
    load: load.order,
    leave: load.kill,
    another: (more = {}) => startServer(name, database, { ...own, ...more }),
    sql: (...statements) => sql(database, ...statements),
    async connect(first, count, atOnce = 64) {
      const r = await run.load(`connect ${first} ${count} ${atOnce}`)
      if (r.ready !== count || r.dead) throw new Error(`${name}: ${r.ready} of ${count} connected, ${r.dead} refused (${r.why})\n${server.log().slice(-3000)}`)
      await run.load('settle 500')
      return r
    },
  }
  try {
    return await fn(run)
  } finally {
    await load.stop()
    await server.stop()
  }
}
