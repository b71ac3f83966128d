// Random deliveries and a model of them: who was there, who was meant, and what clients heard, all of it known from outside. The model
// says whether an explanation (rt.explain) may be true (tests/integration/why.test.mjs).
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { recovery } from './recovery.mjs'
import { silent } from './silent.mjs'
import { until } from './wait.mjs'

const PEOPLE = 8
const CHATS = 3
const union = (a, b) => ({ steps: new Set([...a.steps, ...b.steps]), unsure: a.unsure || b.unsure })

export class Deliveries {
  // edges: two that stay, and one that is killed on the way. seed: the same one makes the same story.
  constructor(w, edges, seed) {
    Object.assign(this, { w, edges, state: seed, people: [], chats: [], events: [], late: [], clients: new Set() })
    this.r = recovery(w)
  }

  random(n) {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0
    return Math.floor(this.state / 4294967296 * n)
  }

  any(list) { return list[this.random(list.length)] }

  async begin() {
    this.people = (await this.w.users(...Array.from({ length: PEOPLE }, (_, i) => `u${i}`))).map((u) => Object.assign(u, { sockets: [] }))
    for (let i = 0; i < CHATS; i++) {
      const members = this.people.slice(i * 2, i * 2 + 4)
      this.chats.push(Object.assign(await this.w.chat(...members), { members: new Set(members) }))
    }
    this.follows = new Set(this.people.slice(1, 4)) // of the first
    await this.w.sql('insert into platform.follows (follower_id, followee_id) select unnest($1::uuid[]), $2', [[...this.follows].map((u) => u.id), this.people[0].id])
    for (const u of this.people.slice(0, PEOPLE - 2)) await this.come(u) // the last two have no socket for now
  }

  // ---- who is there: a record for each socket; end: left, cut or killed ----

  here(u) { return u.sockets.filter((s) => !s.end) }

  record(u, c, edge, asks, chats = []) {
    this.clients.add(c)
    u.sockets.push({ c, edge, asks, id: c.id, chats: new Set(chats), end: null })
  }

  async come(u) {
    const edge = this.any(this.edges)
    const options = { edge, transport: this.any(['websocket', 'polling']) }
    const asks = this.random(3) > 0
    this.record(u, asks ? await this.r.connected(u, options) : await this.w.connect(u, options), edge, asks)
  }

  // One that takes what comes and says nothing, or over polling takes nothing: it is never known to have heard.
  async mute(u) {
    const edge = this.any(this.edges)
    const transport = this.any(['websocket', 'polling'])
    const c = await silent(edge, u, transport)
    this.record(u, { id: c.id, transport, mute: true, heard: () => [], barrier() {}, close: () => c.destroy() }, edge, false)
  }

  // That may do something: it is no mute one.
  able(u) { return this.any(this.here(u).filter((s) => !s.c.mute)) }

  async go(u) {
    const s = this.able(u)
    if (!s) return this.come(u)
    if (this.random(2)) await s.c.barrier() // else events may be on their way
    s.end = 'left'
    s.c.close()
  }

  async cut(u) {
    const s = this.able(u)
    if (!s) return this.come(u)
    s.end = 'cut'
    if (s.asks) await this.r.cut(s.c)
    else s.c.drop()
  }

  // Who has lost a connection comes back with an offset: recovered, or as a new socket.
  lost(u) { return u.sockets.find((s) => s.asks && ['cut', 'killed'].includes(s.end) && !s.back) }

  async back(u) {
    const s = u && this.lost(u)
    if (!s) return
    s.back = true
    await until(() => !s.c.socket.connected, 'it has noticed') // that its edge is dead: connect() does nothing before
    const edge = this.any(this.edges)
    const recovered = await this.r.back(s.c, { edge })
    this.record(u, s.c, edge, true, recovered ? s.chats : [])
  }

  async kill() {
    const dead = this.edges.pop()
    await dead.kill()
    for (const u of this.people)
      for (const s of this.here(u)) if (s.edge === dead) s.end = 'killed'
  }

  // ---- who is in which room ----

  async move(u, chat) {
    const leaves = chat.members.delete(u)
    if (leaves) for (const s of u.sockets) s.chats.delete(chat)
    else chat.members.add(u)
    await this.w.sql(leaves ? 'delete from platform.chat_participants where chat_id = $1 and user_id = $2'
      : 'insert into platform.chat_participants (chat_id, user_id) values ($1, $2)', [chat.id, u.id])
  }

  async join(u, chat) {
    const s = this.able(u)
    if (!s || !chat.members.has(u) || s.chats.has(chat)) return
    assert.equal((await s.c.ask('chat:join', { chat_id: chat.id })).status, 'joined')
    s.chats.add(chat)
  }

  // As rows say; null: only an edge knows.
  rowsSay(u, room) {
    const [family, id] = room.split(':')
    if (family === 'user') return id === u.id
    if (family === 'followers') return id === this.people[0].id && this.follows.has(u)
    const chat = this.chats.find((k) => k.id === id)
    if (family === 'participants') return chat.members.has(u)
    if (family === 'chat') return chat.members.has(u) ? null : false
    return this.here(u).some((s) => s.id === room) ? null : false
  }

  isIn(u, s, room) { return this.rowsSay(u, room) ?? (room === s.id || [...s.chats].some((k) => room === `chat:${k.id}`)) }

  // ---- events ----

  // What may be said of an event at this moment to who has not heard it.
  view(e, u) {
    const sockets = this.here(u)
    const says = e.rooms?.map((r) => this.rowsSay(u, r)) ?? [true]
    const steps = new Set()
    if (says.every((x) => x === false)) {
      steps.add('rooms')
      if (!e.rooms.some((r) => !r.includes(':'))) return { steps, sockets } // rows forget whose a socket was that has ended
    }
    if (e.except.some((r) => this.rowsSay(u, r))) return { steps: steps.add('excepted'), sockets }
    if (!sockets.length) steps.add('socket')
    let meant = false
    for (const s of sockets) {
      if (e.except.includes(s.id)) steps.add('excepted')
      else if (e.except.some((r) => this.isIn(u, s, r)) || (e.rooms && !e.rooms.some((r) => this.isIn(u, s, r)))) steps.add('rooms')
      else meant = true
    }
    return { steps, sockets, meant }
  }

  look(e) { e.views.push(new Map(this.people.map((u) => [u, this.view(e, u)]))) }

  add(e) {
    const event = { except: [], views: [], ...e }
    this.events.push(event)
    this.look(event)
    return event
  }

  rooms() {
    const chat = this.any(this.chats)
    const u = this.any(this.people)
    const s = this.any(this.here(u))
    return this.any([[`user:${u.id}`], [`participants:${chat.id}`], [`chat:${chat.id}`], [`followers:${this.people[0].id}`], null,
      [`participants:${chat.id}`, `user:${u.id}`], s ? [s.id] : [`user:${u.id}`]])
  }

  except() {
    const s = this.any(this.here(this.any(this.people)))
    return this.any([[], [], [`user:${this.any(this.people).id}`], [`chat:${this.any(this.chats).id}`], s ? [s.id] : []])
  }

  async emit(sql = this.w.sql.bind(this.w), more = {}) {
    const name = `t:${randomUUID()}`
    const [rooms, except, ephemeral] = [this.rooms(), this.except(), this.random(4) === 0]
    const e = this.add({ rooms, except, ephemeral, heard: (c) => c.heard(name).length > 0, what: name, ...more })
    await sql('select rt.emit($1, $2, $3, $4, $5)', [rooms, name, {}, except, ephemeral])
    e.id = (await sql('select id from bellwire.outbox where event = $1 union all select id from bellwire.outbox_ephemeral where event = $1', [name]))[0].id
  }

  // A transaction that ends some steps later, with or without its event.
  async open() {
    if (this.late.length === 3) return this.end()
    const c = new pg.Client({ connectionString: this.w.url() })
    await c.connect()
    await c.query('begin')
    await this.emit(async (text, values) => (await c.query(text, values)).rows, { open: c })
    this.late.push(this.events.at(-1))
  }

  async end() {
    const e = this.late.shift()
    if (!e) return
    e.lost = this.random(3) === 0
    await e.open.query(e.lost ? 'rollback' : 'commit')
    this.look(e)
    await e.open.end()
  }

  async message() {
    const chat = this.any(this.chats)
    const sender = this.any([...chat.members])
    if (!sender) return
    const e = this.add({ rooms: [`participants:${chat.id}`], what: 'message', confirms: true })
    e.id = (await this.w.message(chat, sender)).id
    e.heard = (c) => c.heard('chat:message:new', { id: e.id }).length > 0
    if (this.random(8) === 0) await this.w.sql('delete from platform.messages where id = $1', [e.id])
  }

  async notify() {
    const u = this.any(this.people)
    const e = this.add({ rooms: [`user:${u.id}`], what: 'notification' })
    e.id = await this.w.notify(u)
    e.heard = (c) => c.heard('notification:new', { id: e.id }).length > 0
  }

  // One that nobody hears of: imported in silence, or written as a replica.
  async unannounced() {
    const chat = this.any(this.chats)
    const sender = this.any([...chat.members])
    if (!sender) return
    const e = this.add({ rooms: [`participants:${chat.id}`], what: 'unannounced', unannounced: true, heard: () => false })
    e.id = await this.w.transaction(async (sql) => (await sql(`insert into platform.messages (chat_id, sender_id, seq, created_at, type, content)
      values ($1, $2, (select coalesce(max(seq), 0) + 1000 from platform.messages where chat_id = $1), clock_timestamp(), 'text', 'x') returning id`,
      [chat.id, sender.id]))[0].id, ['set local session_replication_role = replica'])
  }

  // A step of the story, by weight.
  async step() {
    const u = this.any(this.people)
    const at = this.random(100)
    const steps = [[28, () => this.emit()], [46, () => this.message()], [55, () => this.notify()], [58, () => this.unannounced()], [63, () => this.open()],
      [67, () => this.end()], [71, () => this.come(u)], [72, () => this.mute(u)], [76, () => this.go(u)], [84, () => this.cut(u)],
      [92, () => this.back(this.any(this.people.filter((k) => this.lost(k))))], [96, () => this.move(u, this.any(this.chats))],
      [100, () => this.join(u, this.any(this.chats))]]
    await steps.find(([below]) => at < below)[1]()
  }

  // n steps, and the third edge dies in the middle.
  async tell(n) {
    for (let i = 0; i < n; i++) {
      if (i === n >> 1 && this.edges.length === 3) await this.kill()
      await this.step()
    }
    while (this.late.length) await this.end()
    for (const u of this.people) for (const s of this.here(u)) await s.c.barrier()
  }

  // An event and a user, of those who are in a room of it twice as often as of others.
  pair() {
    for (let i = 0;; i++) {
      const [e, u] = [this.any(this.events), this.any(this.people)]
      if (i === 2 || e.views.some((v) => !v.get(u).steps.has('rooms'))) return [e, u]
    }
  }

  heard(e, u) { return u.sockets.some((s) => e.heard(s.c)) }

  // May this be said? true; false: never; undefined: not yet, an answer of the client may be under way.
  judge(e, u, steps) {
    const { step, verdict, evidence } = steps.at(-1)
    const views = e.views.map((v) => v.get(u))
    // one whose client ended may have been there for its edge still: one that polls is missed after a while only
    const lost = u.sockets.some((s) => s.end === 'cut' && s.c.transport === 'polling')
    const ended = lost || views.some((v) => v.sockets.some((s) => s.end))
    const behind = ['written', 'confirmed', 'queued'].includes(step)
    // what the dead edge has delivered nobody knows, and who has lost or ended a socket since may have had it there
    const dead = step === 'read' && verdict === 'unknown' && u.sockets.some((s) => s.end || s.edge.ended !== null)
    if (e.lost) return step === 'written' && verdict === 'no' && steps.length === 1
    if (e.unannounced) return step === 'announced' && verdict === 'no'
    if (this.heard(e, u)) {
      if (['yes', 'unasked'].includes(verdict)) return e.confirms || verdict === 'unasked' || /has answered behind it|there is a receipt/.test(evidence)
      if (dead) return true
      // its client has heard it and ended, and cannot say so any more
      if (behind && u.sockets.some((s) => s.end)) return verdict === (e.confirms ? 'no' : 'unknown') && /ended|of this event or of the/.test(evidence) ? true : undefined
      return behind ? undefined : false
    }
    if (dead) return true
    if (behind && views.some((v) => v.sockets.some((s) => s.c.mute))) return true
    if (behind && ended) return verdict === 'no' || verdict === 'unknown' ? true : undefined // it may have been on its way
    if (verdict !== 'no') return false
    const allowed = new Set(views.flatMap((v) => [...v.steps]))
    if (ended || views.length > 1) allowed.add('socket')
    if (lost) allowed.add('rooms').add('excepted')
    return allowed.has(step)
  }
}
