// Clients that ask for recovery, lose their connection and come back; writers meanwhile (docs/recovery.md).
import assert from 'node:assert/strict'
import pg from 'pg'
import { keys } from './client.mjs'
import { sleep, token, until } from './world.mjs'

export function recovery(w) {
  // ---- a client that asks ----

  const asking = (user, { edge, auth = {}, ...options } = {}) => w.client(user, { ...(edge ? { edge } : {}), auth: { token: token(user), recovery: true, ...auth }, ...options })

  async function connected(user, options) {
    const c = await asking(user, options).up()
    await offset(c)
    return c
  }

  const offsets = (c) => c.events.filter((e) => e.event === '$o')

  // The first offset that is told from now on, or at all.
  async function offset(c, { fresh = false } = {}) {
    const n = fresh ? offsets(c).length : 0
    await until(() => offsets(c).length > n, () => `an offset; heard ${c.story()}`)
    return offsets(c).at(-1).args[1]
  }

  // Loses the connection; bytes on their way are not read.
  async function cut(c) {
    const ends = c.ends.length
    const { transport } = c.socket.io.engine
    if (transport.ws) transport.ws.onmessage = () => {}
    c.drop()
    await until(() => c.ends.length > ends, 'the end')
  }

  // The same, at a moment when an offset is the last that was heard: nothing is behind it.
  function cutAtOffset(c) {
    return new Promise((resolve) => {
      const listener = (event) => {
        // stock clients hand on what one answer of a poll brought before they notice an end
        if (event === '$o') setImmediate(cutHere)
      }
      const cutHere = () => {
        if (c.events.at(-1).event !== '$o' || !c.socket.connected) return
        c.socket.offAny(listener)
        resolve(cut(c))
      }
      c.socket.onAny(listener)
    })
  }

  // A client that was there and has lost its connection.
  async function away(user, options) {
    const c = await connected(user, options)
    await cut(c)
    return c
  }

  // Comes back, to another edge or with another auth; tells whether it says that it was recovered.
  async function back(c, { edge, auth } = {}) {
    if (edge) c.socket.io.uri = edge.url
    if (auth) c.socket.auth = auth
    const n = c.heard('connected').length
    c.syncs = c.heard('sync:required').length
    c.away = c.events.length
    c.socket.connect()
    await c.hear('connected', undefined, n + 1)
    if (c.socket.recovered) await offset(c, { fresh: offsets(c).length === 0 })
    else await c.hear('sync:required', undefined, c.syncs + 1)
    return c.socket.recovered
  }

  function recovered(c) {
    assert.equal(c.socket.recovered, true, c.story())
    const hello = c.heard('connected').at(-1)
    keys(hello, 'socket_id', 'user_id', 'timestamp', 'recovered')
    assert.deepEqual([hello.recovered, hello.socket_id], [true, c.id])
    assert.equal(c.heard('sync:required').length, c.syncs, 'no sync:required')
    // all missed events came before `connected`
    const since = c.events.slice(c.away).map((e) => e.event)
    assert.ok(since.indexOf('connected') >= 0)
  }

  function refused(c, reason = 'reconnection') {
    assert.equal(c.socket.recovered, false)
    keys(c.heard('connected').at(-1), 'socket_id', 'user_id', 'timestamp')
    assert.equal(c.heard('sync:required').length, c.syncs + 1)
    assert.equal(c.heard('sync:required').at(-1).reason, reason)
    const since = c.events.slice(c.away).map((e) => e.event).filter((e) => !/^user:/.test(e))
    assert.deepEqual(since.slice(0, 2), ['connected', 'sync:required'], 'nothing of what was missed: never a partial recovery')
  }

  // ---- writers ----

  // n messages with random pauses before the commit, every fifth rolled back.
  async function write(chat, sender, n, committed, gap = () => 0) {
    const c = new pg.Client({ connectionString: w.url() })
    await c.connect()
    for (let i = 0; i < n; i++) {
      await c.query('begin')
      const { rows } = await c.query("insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', $3) returning id", [chat.id, sender.id, `${i}`])
      await sleep(Math.random() * 15)
      if (i % 5 === 4) {
        await c.query('rollback')
      } else {
        await c.query('commit')
        committed.push(rows[0].id)
      }
      await sleep(gap())
    }
    await c.end()
  }

  // Every one of them once, and each chat's in its order.
  async function exactlyOnce(c, committed) {
    await until(() => new Set(c.heard('chat:message:new').map((m) => m.id)).size >= committed.length, () => `${c.heard('chat:message:new').length} of ${committed.length}`)
    await c.barrier()
    const heard = c.heard('chat:message:new')
    assert.deepEqual(heard.map((m) => m.id).sort(), [...committed].sort())
    const last = new Map()
    for (const m of heard) {
      assert.ok(m.seq > (last.get(m.chat_id) ?? 0), `chat ${m.chat_id}: ${m.seq} after ${last.get(m.chat_id)}`)
      last.set(m.chat_id, m.seq)
    }
  }

  return { asking, connected, offsets, offset, cut, cutAtOffset, away, back, recovered, refused, write, exactlyOnce }
}
