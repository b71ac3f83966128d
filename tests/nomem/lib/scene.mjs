// Two people in a chat, their stock clients, and what an edge has claimed to these; the tables are the judge.
import { until } from '../../integration/lib/world.mjs'

const SILENCE_MS = Number(process.env.NOMEM_SILENCE_MS ?? 15000) // the edge's own deadlines end what hangs before that

let scenes = 0

export class Scene {
  constructor(world, edge) {
    Object.assign(this, { world, edge, name: `scene ${++scenes}`, clients: [], acks: [], wrong: [] })
  }

  async build() {
    this.people = await this.world.users(`${this.name} Анна`, `${this.name} Борис`)
    this.chat = await this.world.chat(...this.people)
    return this
  }

  // ---- clients, and what they wait for ----

  // Its connection ended, other than by cut(): that is an answer, too.
  over(c) { return this.edge.ended !== null || c.ends.length > c.cuts || c.connectError !== undefined }

  // False: it ended before.
  async reach(c, cond, what) {
    await until(() => cond() || this.over(c), () => `${c.user.name} waits for ${what}; heard ${c.story()}`, SILENCE_MS)
    return Boolean(cond())
  }

  // Told to come back later, as while Postgres is away.
  refused(c) { return c.heard('error', { code: 'UNAVAILABLE', event: undefined }).length > 0 }

  last() { return this.world.value('select coalesce(max(seq), 0) from platform.messages where chat_id = $1', [this.chat.id]) }

  async connect(i, options = {}) {
    const c = this.world.client(this.people[i], { edge: this.edge, ...options })
    c.cuts = 0
    this.clients.push(c)
    c.in = await this.reach(c, () => c.heard('sync:required').length || this.refused(c), 'sync:required')
    c.since = await this.last()
    return c
  }

  // Where nothing fails. On a busy machine an opening may take so long that its client is told to come back; without its private id it is opened
  // later, and gets no offset.
  async arrive(i, options = {}) {
    for (;;) {
      const c = await this.connect(i, options)
      if (!this.refused(c) || this.over(c)) return c
      c.close()
      this.clients.splice(this.clients.indexOf(c), 1)
    }
  }

  async upgraded(c) { return this.reach(c, () => c.socket.io.engine.transport.name === 'websocket' && !c.socket.io.engine.upgrading, 'the upgrade') }

  // Loses the connection without a word.
  async cut(c) {
    if (this.over(c)) return
    c.cuts++
    c.drop()
    await until(() => c.ends.length >= c.cuts, 'the end')
  }

  async comeBack(c) {
    const n = c.heard('connected').length
    c.socket.connect()
    return this.reach(c, () => c.heard('connected').length > n || this.refused(c), 'connected')
  }

  async ask(c, event, payload) {
    let ack
    c.emit(event, payload, (a) => { ack = a })
    await this.reach(c, () => ack, `the ack of ${event}`)
    if (ack) this.acks.push({ event, ack })
    return ack
  }

  // A row written beside the edge.
  write(content) { return this.world.message(this.chat, this.people[0], content) }

  hears(c, id) { return this.reach(c, () => c.heard('chat:message:new', { id }).length, `message ${id}`) }

  // ---- the judge ----

  complain(what) { this.wrong.push(what) }

  judgeErrors() {
    for (const c of this.clients) {
      for (const e of c.heard('error')) if (e.code !== 'UNAVAILABLE') this.complain(`error ${JSON.stringify(e)}`)
      if (c.connectError?.message === 'Invalid token') this.complain('connect_error Invalid token')
    }
    for (const { event, ack } of this.acks) if (ack.status === 'error' && ack.code !== 'UNAVAILABLE') this.complain(`${event} answered ${JSON.stringify(ack)}`)
  }

  async judgeRows() {
    const rows = await this.world.sql('select id, seq from platform.messages where chat_id = $1 order by seq', [this.chat.id])
    const ids = new Set(rows.map((r) => r.id))
    for (const { ack } of this.acks) if (ack.status === 'sent' && !ids.has(ack.message_id)) this.complain(`acked, not stored: ${ack.message_id}`)
    for (const c of this.clients) for (const m of c.heard('chat:message:new')) if (!ids.has(m.id)) this.complain(`delivered, not stored: ${m.id}`)
    const receipts = await this.world.sql(`select r.message_id, r.user_id from platform.message_receipts r join platform.messages m on m.id = r.message_id
      where m.chat_id = $1 and r.delivered_at is not null`, [this.chat.id])
    for (const r of receipts) {
      const heard = this.clients.some((c) => c.user.id === r.user_id && c.heard('chat:message:new', { id: r.message_id }).length)
      if (!heard) this.complain(`a receipt of ${r.message_id}, and nobody heard it`)
    }
    return rows
  }

  // A client that is there, and was told to synchronise at its beginning only, has all messages since, each once.
  async judgeClient(c, rows) {
    if (this.over(c) || !c.in || this.refused(c)) return
    await this.world.sql('select rt.emit(array[$1], $2, $3)', [c.id, 'test:barrier', { scene: this.name }])
    if (!await this.reach(c, () => c.heard('test:barrier').length, 'a barrier') || c.heard('sync:required').length > 1) return
    const heard = c.heard('chat:message:new').map((m) => m.seq).filter((seq) => seq > c.since)
    const due = rows.map((r) => r.seq).filter((seq) => seq > c.since)
    if (JSON.stringify(heard) !== JSON.stringify(due)) this.complain(`${c.user.name} heard ${heard}, stored are ${due}; ${c.story()}`)
  }

  async judge() {
    this.judgeErrors()
    const rows = await this.judgeRows()
    if (this.edge.ended === null) for (const c of this.clients) await this.judgeClient(c, rows)
    return this.wrong
  }

  close() { for (const c of this.clients) c.close() }
}
