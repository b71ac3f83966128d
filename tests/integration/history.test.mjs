// docs/availability.md: Postgres comes back as what it was before, with the same system, timeline and transaction ids. What clients
// hold afterwards is what the tables hold, and whatever was rolled back is told.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { NO_DUMP, pgDump } from '../env/programs.mjs'
import { ownPostgres } from './lib/own_postgres.mjs'

const { postgres, remove, dir } = ownPostgres('history-postgres')
const { recovery } = await import('./lib/recovery.mjs')
const { token, until, world } = await import('./lib/world.mjs')
const w = await world(import.meta.url)
after(remove)
const edges = [await w.edge(), await w.edge()]
for (const e of edges) e.expected.push(/ error /)
const { asking, back, cut, offset, offsets } = recovery(w)
const url = (name) => { const u = new URL(w.url()); u.pathname = `/${name}`; return u.href }
const dump = pgDump(url('postgres'))
// not waited for by the process, whose clients have pings to answer meanwhile
const execute = promisify(execFile)
const psql = async (db, ...commands) => (await execute('psql', ['-qAtX', '-v', 'ON_ERROR_STOP=1', url(db), ...commands.flatMap((c) => ['-c', c])])).stdout.trim()

// A client as applications are: it holds the chat's messages, and reads them anew when it is told to synchronise.
function follow(c, chat) {
  c.held = new Set()
  c.socket.on('chat:message:new', (m) => c.held.add(m.id))
  c.socket.on('sync:required', async () => {
    const held = c.held = new Set()
    for (let before = '', tries = 0; before !== null && tries < 500; tries++) {
      const edge = edges.find((e) => c.socket.io.uri === e.url)
      const r = await fetch(`${edge.url}/api/v2/chats/${chat.id}/messages?limit=100${before && `&before=${before}`}`, { headers: { authorization: `Bearer ${token(c.user)}` } })
      if (r.status !== 200) continue
      const page = await r.json()
      for (const m of page.items) held.add(m.id)
      before = page.next_before
    }
  })
  return c
}

const up = () => until(() => w.sql('select 1').then(() => true, () => false), 'Postgres')
const write = async (chat, sender, n) => { for (let i = 0; i < n; i++) await w.message(chat, sender, `${i}`) }
const xid = () => w.value('select pg_snapshot_xmax(pg_current_snapshot())::text::bigint')

// Transaction ids of the new history, up to where the lost one was and beyond.
async function overtake(upto) {
  await w.sql(`do $$ begin while pg_current_xact_id()::text::bigint <= ${upto} loop commit; end loop; end $$`)
}

// All of the cluster at one moment, as a snapshot of its volume has it.
async function snapshot() {
  const main = Number(readFileSync(join(dir, 'data/postmaster.pid'), 'utf8').split('\n')[0])
  const pids = [main, ...readdirSync('/proc').filter((p) => /^\d+$/.test(p)).map(Number).filter((p) => {
    try { return Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${p}/stat`, 'utf8'))[1]) === main } catch { return false }
  })]
  for (const p of pids) process.kill(p, 'SIGSTOP')
  try { await copy() } finally { for (const p of pids) process.kill(p, 'SIGCONT') }
}
const copy = () => execute('cp', ['-a', join(dir, 'data'), join(dir, 'copy')])

const ways = {
  'its directory copied while it was stopped': {
    async keep() { postgres('stop'); await copy(); postgres('start'); await up() },
    restore: putBack,
  },
  'a snapshot of its volume': {
    async keep() { await snapshot() },
    restore: putBack,
  },
  'a dump restored beside it, databases renamed': {
    skip: !dump && NO_DUMP,
    async keep() {
      await psql('postgres', `create database ${w.database}_dump`)
      await execute('bash', ['-c', 'set -o pipefail; "$0" "$1" | psql -qX -v ON_ERROR_STOP=1 "$2" > /dev/null', dump, url(w.database), url(`${w.database}_dump`)])
    },
    async restore() {
      await psql('postgres', `alter database ${w.database} allow_connections false`, `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${w.database}'`)
      await until(async () => await psql('postgres', `select count(*) from pg_stat_activity where datname = '${w.database}'`) === '0', 'nobody is there')
      await psql('postgres', `alter database ${w.database} rename to ${w.database}_lost`, `alter database ${w.database}_dump rename to ${w.database}`)
      await up()
      await psql('postgres', `drop database ${w.database}_lost`)
    },
  },
}

async function putBack() {
  postgres('stop')
  await execute('rm', ['-rf', join(dir, 'data')])
  await execute('mv', [join(dir, 'copy'), join(dir, 'data')])
  await execute('rm', ['-f', join(dir, 'data/postmaster.pid')])
  postgres('start')
  await up()
}

for (const [what, { keep, restore, skip }] of Object.entries(ways)) {
  for (const overtaken of [false, true]) {
    test(`${what}, put back${overtaken ? '; the new history has overtaken the old transaction ids when edges come' : ''}`, { skip }, async () => {
      await until(async () => await edges[0].ready() && await edges[1].ready(), 'edges')
      const [ann, bob] = await w.users('Анна', 'Борис')
      const chat = await w.chat(ann, bob)
      const clients = []
      for (const edge of edges)
        for (const transport of ['websocket', 'polling'])
          for (const recover of [false, true])
            clients.push(follow(recover ? asking(bob, { edge, transport }) : w.client(bob, { edge, transport }), chat))
      await Promise.all(clients.map((c) => c.up()))
      await write(chat, ann, 5)
      await keep()
      await until(async () => await edges[0].ready() && await edges[1].ready(), 'edges')

      // these are going to be lost
      await write(chat, ann, 40)
      const lost = new Set((await w.sql("select id from platform.messages where chat_id = $1 order by seq offset 5", [chat.id])).map((r) => r.id))
      assert.equal(lost.size, 40)
      for (const c of clients) await until(() => [...lost].every((id) => c.held.has(id)), () => `${c.transport}: ${c.held.size}; ${edges.map((e) => e.log.slice(-2000)).join('\n')}`)
      const away = await Promise.all(edges.flatMap((edge) => ['websocket', 'polling'].map((transport) => follow(asking(bob, { edge, transport }), chat).up())))
      for (const c of away) await offset(c)
      const seen = away.map((c) => offsets(c).length)
      lost.add((await w.message(chat, ann, 'the last that those who go hear')).id)
      for (const [i, c] of away.entries()) {
        await until(() => offsets(c).length > seen[i], 'a new offset')
        await cut(c)
      }
      const ids = await xid()
      if (overtaken) for (const e of edges) e.signal('SIGSTOP')
      const heard = clients.map((c) => [c.events.length, c.heard('sync:required').length])
      await restore()
      if (overtaken) await overtake(ids)
      await write(chat, ann, 3) // of these the edges come to know with the rest, or before
      if (overtaken) {
        assert.ok(await xid() > ids)
        for (const e of edges) e.signal('SIGCONT')
      }
      await until(async () => await edges[0].ready() && await edges[1].ready(), () => edges[0].log.slice(-2000), 20000)
      await write(chat, ann, 3)

      for (const [i, c] of clients.entries()) {
        await until(() => c.heard('sync:required').length > heard[i][1], () => `${c.transport} is told to synchronise; heard ${c.story()}`)
        assert.equal(c.events.slice(heard[i][0]).find((e) => e.event === 'sync:required' || e.event === 'chat:message:new').event, 'sync:required', 'before any event of the new history')
        assert.deepEqual(c.ends, [], 'nobody was disconnected')
      }
      for (const [i, c] of away.entries()) {
        const n = c.heard('sync:required').length
        assert.ok(!await back(c, { edge: edges[i % 2] }), 'its offset is of the lost history')
        assert.equal(c.heard('sync:required').length, n + 1)
      }
      const rows = (await w.sql('select id from platform.messages where chat_id = $1', [chat.id])).map((r) => r.id).sort()
      assert.equal(rows.length, 11)
      for (const c of [...clients, ...away]) {
        await until(() => c.held.size === rows.length, () => `${c.transport} holds ${c.held.size} of ${rows.length}`)
        assert.deepEqual([...c.held].sort(), rows, `${c.transport} holds what the table does, and nothing that was rolled back`)
      }
      assert.equal(lost.size, 41)
      for (const c of [...clients, ...away]) c.close()
    })
  }
}
