// The crowd on its edges, what disturbs it, and the comparison at the end.
import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { sleep, until } from '../../integration/lib/world.mjs'
import { Actor } from './actor.mjs'
import { Network } from './network.mjs'

const SETTLE_MS = 60000
// A machine that is busy may take seconds for what a client does in milliseconds: connections are lost to stalls, not to that. Heartbeats of
// hundreds of clients, three seconds apart, are already too much for a process that has a tenth of a core.
const PING = { interval_ms: 3000, interval_ms_per_client: 50, interval_ms_most: 15000, timeout_ms: 9000 }
const STALL = { least_ms: 50, beyond_ms: 2000 } // after a ping counts as lost
const COMING_MOST = 50 // clients at once, when all come
// Clients whose own process is late lose their connections, and to come back costs more than to stay: a busy machine is asked for less.
const LATE_EVERY_MS = 100
const LATE_FACTOR = 20 // so many times as long as timers are late, each client pauses longer
const COMPLAINTS_MOST = 50

export class Soak {
  constructor(world, random, { clients, edges }) {
    Object.assign(this, { world, random, sizes: { clients, edges }, complaints: [], counts: {}, edges: [], networks: [], actors: [], over: new AbortController(), written: new Set(), late: 0 })
    setMaxListeners(0, this.over.signal)
  }

  complain(what) {
    this.counts.complaints = (this.counts.complaints ?? 0) + 1
    if (this.complaints.length < COMPLAINTS_MOST) this.complaints.push(what)
  }

  count(what, n = 1) { this.counts[what] = (this.counts[what] ?? 0) + n }

  pause(ms) { return sleep(ms) }

  // ---- the place ----

  async build() {
    const interval = Math.min(PING.interval_ms_most, Math.max(PING.interval_ms, PING.interval_ms_per_client * this.sizes.clients))
    this.stallMost = interval + PING.timeout_ms + STALL.beyond_ms
    for (let i = 0; i < this.sizes.edges; i++) {
      const edge = await this.world.edge({ BELLWIRE_PING_INTERVAL_MS: String(interval), BELLWIRE_PING_TIMEOUT_MS: String(PING.timeout_ms) })
      this.edges.push(edge)
      this.networks.push(await new Network(edge.port).open())
    }
    await this.people()
    await this.chats()
    this.watchClock()
  }

  watchClock() {
    let due = performance.now() + LATE_EVERY_MS
    this.clock = setInterval(() => {
      const now = performance.now()
      this.late = Math.max(now - due, 0.8 * this.late)
      due = now + LATE_EVERY_MS
    }, LATE_EVERY_MS)
  }

  async people() {
    const users = Array.from({ length: this.sizes.clients }, (_, i) => ({ id: randomUUID(), name: `person ${i}` }))
    await this.world.sql('insert into platform.users (id, name) select * from unnest($1::uuid[], $2::text[])', [users.map((u) => u.id), users.map((u) => u.name)])
    this.actors = users.map((u, i) => new Actor(this, u, this.random.child(`actor ${i}`)))
  }

  async chats() {
    this.rooms = []
    for (let i = 0; i < this.sizes.clients / 2; i++) {
      const members = this.random.some(this.actors, 2 + this.random.below(4))
      const chat = await this.world.chat(...members.map((a) => a.user))
      this.rooms.push({ ...chat, members })
      for (const a of members) a.chats.push(chat)
    }
  }

  // ---- the time between ----

  // fn again and again, each time ms() later, until the end.
  async repeat(ms, fn) {
    const { signal } = this.over
    while (!signal.aborted) {
      await sleep(ms(), undefined, { signal }).catch(() => {})
      if (!signal.aborted) await fn()
    }
  }

  // As seldom as mean (ms), at any time.
  every(mean, fn) { return this.repeat(() => mean * -Math.log(1 - this.random.next()), fn) }

  live(actor) { return this.repeat(() => actor.random.between(100, 1500) + LATE_FACTOR * this.late, () => actor.act()) }

  // Short ones are the more frequent; the longest lose a connection.
  stallMs() { return STALL.least_ms * (this.stallMost / STALL.least_ms) ** this.random.next() }

  disturb() {
    const net = () => this.random.pick(this.networks)
    const crowd = this.actors.length
    return [
      this.every(60000 / crowd, () => { this.count('reset'); net().reset(this.random) }),
      this.every(60000 / crowd, () => { this.count('stalled'); net().stall(this.random, this.stallMs()) }),
      this.every(8000, () => this.endSessions()),
      this.every(60, () => this.writeRow()),
    ]
  }

  // One link, the pumps, or all that the edges have.
  async endSessions() {
    const which = this.random.weighted({ one: 4, pumps: 2, all: 1 })
    this.count(`ended ${which}`)
    await this.world.sql(`select pg_terminate_backend(pid) from (select pid from pg_stat_activity
      where datname = current_database() and usename = 'bellwire_edge' and ($1 <> 'pumps' or application_name ~ ' pump$')
      order by md5(pid::text || $2) limit case when $1 = 'one' then 1 end) chosen`, [which, this.random.next()])
  }

  async writeRow() {
    const room = this.random.pick(this.rooms)
    const sender = this.random.pick(room.members).user
    if (this.random.chance(0.2)) {
      this.count('notifications')
      await this.world.notify(sender, 'soak')
      return
    }
    const undo = this.random.chance(0.2)
    await this.world.transaction(async (sql) => {
      const [row] = await sql("insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', 'a row') returning id", [room.id, sender.id])
      await sleep(this.random.between(0, 10))
      if (undo) throw new Error('undone')
      this.written.add(row.id)
    }).catch((e) => { if (e.message !== 'undone') throw e })
    this.count(undo ? 'rows undone' : 'rows')
  }

  async run(ms) {
    const all = [...this.actors.map((a) => this.live(a)), ...this.disturb()].map((p) => p.catch((e) => this.complain(e.stack)))
    await sleep(ms)
    this.over.abort()
    for (const a of this.actors) a.met = {}
    for (const n of this.networks) n.goAll()
    await Promise.all(all)
  }

  // ---- the end ----

  async settle() {
    await until(() => Promise.all(this.edges.map((e) => e.ready())).then((r) => r.every(Boolean)), 'edges ready', SETTLE_MS)
    for (const a of this.actors.filter((away) => !away.socket)) {
      await until(() => this.actors.filter((b) => b.socket && !b.ready).length < COMING_MOST, () => this.story(), SETTLE_MS)
      a.come()
    }
    for (let left = Infinity; left;) {
      const fewer = () => this.unsettled().length < left
      await until(fewer, () => this.story(), SETTLE_MS)
      left = this.unsettled().length
    }
    await this.barrier()
    await until(() => this.actors.every((a) => a.chats.every((c) => a.ledger.newest(c.id) !== undefined)), 'all have fetched', SETTLE_MS)
  }

  unsettled() { return this.actors.filter((a) => !a.ready || a.unanswered.size) }

  story() {
    const some = this.unsettled()
    const away = some.filter((a) => !a.socket?.connected)
    const untold = some.filter((a) => a.socket?.connected && !a.told)
    return `${some.length} clients not there or without an answer: ${away.length} away, ${untold.length} not told; since the chaos ${JSON.stringify(this.since())}; ${
      some.slice(0, 5).map((a) => a.story()).join('; ')}`
  }

  // What clients met since the chaos, each with how often.
  since() {
    const all = {}
    for (const a of this.actors) for (const [what, n] of Object.entries(a.met)) all[what] = (all[what] ?? 0) + n
    return all
  }

  // Each client that is there has heard what was committed before, or is not the same socket any more and hears the next one.
  async barrier() {
    const n = this.random.below(1e9)
    const waiting = new Map(this.actors.map((a) => [a, null]))
    await until(async () => {
      for (const [a, id] of waiting) {
        if (a.barriers.has(n)) waiting.delete(a)
        else if (a.ready && a.socket.id !== id) {
          waiting.set(a, a.socket.id)
          await this.world.sql('select rt.emit(array[$1], $2, $3)', [a.socket.id, 'test:barrier', { n }])
        }
      }
      return waiting.size === 0
    }, () => `${waiting.size} clients have not met the barrier`, SETTLE_MS)
  }

  async compareMessages() {
    const { world } = this
    const stored = await world.sql('select id, chat_id, seq, sender_id, client_id from platform.messages')
    const ids = new Set(stored.map((r) => r.id))
    const byClient = new Map(stored.filter((r) => r.client_id).map((r) => [r.client_id, r.id]))
    const newest = new Map()
    for (const r of stored) newest.set(r.chat_id, Math.max(newest.get(r.chat_id) ?? 0, r.seq))
    let acked = 0
    for (const a of this.actors) {
      for (const [clientId, id] of a.acked) if (byClient.get(clientId) !== id) this.complain(`acked ${clientId} as ${id}, stored as ${byClient.get(clientId)}`)
      acked += a.acked.size
      for (const c of a.chats) if (a.ledger.newest(c.id) !== (newest.get(c.id) ?? 0)) a.complain(`chat ${c.id}: heard up to ${a.ledger.newest(c.id)} of ${newest.get(c.id)}`)
      for (const id of a.ledger.known) if (!ids.has(id)) a.complain(`heard ${id}, which is not stored`)
    }
    if (byClient.size !== acked) this.complain(`${acked} acked, ${byClient.size} stored`)
    for (const id of this.written) if (!ids.has(id)) this.complain(`a written row is not there: ${id}`)
    if (stored.length !== acked + this.written.size) this.complain(`${stored.length} stored, ${acked} acked and ${this.written.size} written`)
    this.count('stored', stored.length)
    this.count('acked', acked)
    this.count('delivered', this.actors.reduce((n, a) => n + a.ledger.heard, 0))
  }

  // A receipt is about what its user has heard or fetched; a sender was told of what is there; and all of what was heard over the
  // connection that is still there has one. (Of what came just before a loss, the confirmation may be lost with it.)
  async compareReceipts() {
    const actors = new Map(this.actors.map((a) => [a.user.id, a]))
    const missing = () => this.world.value(`select count(*) from platform.messages m join platform.chat_participants p using (chat_id)
      left join platform.message_receipts r on r.message_id = m.id and r.user_id = p.user_id
      where p.user_id <> m.sender_id and r.delivered_at is null and (m.id, p.user_id) in (select * from unnest($1::uuid[], $2::uuid[]))`, this.pairs)
    const heard = this.actors.flatMap((a) => a.here.map((m) => [m.id, a.user.id]))
    this.pairs = [heard.map(([id]) => id), heard.map(([, user]) => user)]
    await until(async () => await missing() === 0, 'receipts of the last messages', SETTLE_MS).catch((e) => this.complain(e.message))
    const receipts = await this.world.sql(`select r.message_id, r.user_id, m.chat_id, r.delivered_at, r.read_at is not null read
      from platform.message_receipts r join platform.messages m on m.id = r.message_id`)
    const true_ = new Set()
    for (const r of receipts) {
      const a = actors.get(r.user_id)
      if (r.delivered_at) true_.add(`delivered ${r.message_id}`)
      if (r.read) true_.add(`read ${r.message_id}`)
      const may = a.read.has(r.message_id) || a.mayHaveRead(r.chat_id) || a.wasLeaving(r.delivered_at)
      if (r.delivered_at && !a.ledger.known.has(r.message_id) && !may) a.complain(`a receipt of ${r.message_id}, which it has not heard`)
      if (r.read && !a.read.has(r.message_id)) a.complain(`${r.message_id} counts as read`)
    }
    for (const a of this.actors) for (const told of a.receipts) if (!true_.has(told)) a.complain(`was told ${told}`)
    this.count('receipts', receipts.length)
  }

  async compareNotifications() {
    const stored = new Set((await this.world.sql('select id from platform.notifications')).map((r) => r.id))
    for (const a of this.actors) for (const id of a.notifications) if (!stored.has(id)) a.complain(`notification ${id} is not stored`)
  }

  // HTTP clients keep a connection for some seconds that nobody uses any more.
  async leave() {
    for (const a of this.actors) a.go()
    for (const e of this.edges) await until(async () => await e.metric('bellwire_sessions') === 0, 'no session is left', SETTLE_MS)
    for (const n of this.networks) n.cut()
  }

  close() {
    clearInterval(this.clock)
    for (const n of this.networks) n.close()
  }
}
