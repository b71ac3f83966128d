// A person with a stock client: comes, goes, joins, types, sends, reads, and retries what got no answer.
import { io } from 'socket.io-client'
import { token } from '../../integration/lib/world.mjs'
import { Ledger } from './ledger.mjs'

const TRANSPORTS = [['websocket'], ['polling'], ['polling', 'websocket']]
const ASK_MS = 40000 // longer than an edge holds anything, and than a network stalls
const AGAIN_MS = { least: 300, most: 5000 }
const COMING_MS = { least: 50, most: 5000, timeout: 60000 } // a connection that is given up has cost as much as one that is made
const PASSING = new Set(['UNAVAILABLE', 'RATE_LIMIT'])
const LEAVING_MS = 30000 // longer than a network stalls
const REMEMBERED = 20 // messages that it may still mark as read
// Who waits for so many answers asks no more. Else what is asked piles up while edges are slow, and all of it is sent again by each client
// that comes back: a machine that was too busy for a while stays so.
const WAITING_MOST = 5

const ACTS = { send: 30, read: 25, join: 6, leave: 3, typing: 8, leaveForNow: 3, refresh: 2, idle: 23 }

const againMs = (tries) => Math.min(AGAIN_MS.least * 2 ** tries, AGAIN_MS.most)

export class Actor {
  constructor(soak, user, random) {
    Object.assign(this, { soak, user, random, chats: [], unanswered: new Map(), flying: new Set(), acked: new Map(), read: new Set(), recent: [], here: [],
      notifications: [], receipts: new Set(), sent: 0, barriers: new Set(), reads: new Set(), leavings: [], met: {}, asking: 0 })
    this.network = random.pick(soak.networks)
    this.recovers = random.chance(0.5)
    this.ledger = new Ledger((what) => this.complain(what))
  }

  complain(what) { this.soak.complain(`${this.user.name} (${this.transports}${this.recovers ? ', recovery' : ''}): ${what}`) }

  meet(what) { this.met[what] = (this.met[what] ?? 0) + 1 }

  story() { return `${this.user.name} ${this.transports} connected=${this.socket?.connected} told=${this.told} unanswered=${this.unanswered.size} ${JSON.stringify(this.met)}` }

  get ready() { return this.socket?.connected && this.told }

  come() {
    this.transports = this.random.pick(TRANSPORTS)
    this.socket = io(this.network.url, { transports: this.transports, forceNew: true, timeout: COMING_MS.timeout,
      reconnectionDelay: COMING_MS.least, reconnectionDelayMax: COMING_MS.most,
      auth: { token: token(this.user), ...(this.recovers ? { recovery: true } : {}) } })
    this.socket.on('connect', () => { this.here = [] })
    this.socket.on('connect', () => (this.socket.recovered ? this.ledger.recovered() : this.ledger.fresh()))
    this.socket.onAny((event, ...args) => this.hear(event, args))
    this.socket.on('disconnect', (why) => {
      this.told = false
      this.meet(why)
    })
    this.socket.on('connect_error', (e) => {
      this.meet(`${e.message} ${e.description?.message ?? e.description ?? ''}`)
      if (e.message === 'Invalid token') this.complain('connect_error Invalid token')
    })
  }

  // Over polling what is fetched counts, also when the leaving is still behind a slow POST.
  go() {
    if (this.socket?.io.engine?.transport?.name === 'polling') this.leavings.push(Date.now())
    this.socket?.disconnect()
    this.socket = null
    this.told = false
  }

  // ---- what it hears ----

  hear(event, args) {
    const [data] = args
    if (event === '$o') this.ledger.mark(args[1])
    else if (event === 'chat:message:new') this.hearMessage(data)
    else if (event === 'connected') this.hearConnected(data)
    else if (event === 'sync:required') this.synchronise()
    else if (event === 'chat:message:delivered' || event === 'chat:message:read') this.receipts.add(`${event.slice(13)} ${data.message_id}`)
    else if (event === 'notification:new') this.notifications.push(data.id)
    else if (event === 'test:barrier') this.barriers.add(data.n)
    else if (event === 'error') this.hearError(data)
  }

  hearError(data) {
    this.meet(data.code)
    if (!PASSING.has(data.code)) this.complain(`error ${JSON.stringify(data)}`)
  }

  hearMessage(m) {
    this.ledger.message(m)
    if (m.sender_id === this.user.id) return
    this.here.push(m)
    this.recent.push(m)
    if (this.recent.length > REMEMBERED) this.recent.shift()
  }

  hearConnected({ recovered }) {
    if (!recovered) return
    this.soak.count('recovered')
    this.told = true
    this.flush()
  }

  async synchronise() {
    this.soak.count('synchronised')
    this.ledger.synchronise()
    this.told = true
    this.flush()
    const { segment } = this.ledger
    for (const chat of this.chats) await this.fetchNewest(chat, segment)
  }

  wasLeaving(at) { return this.leavings.some((from) => at >= from && at < from + LEAVING_MS) }

  // A read whose answer did not come: the messages of its page count as delivered all the same.
  mayHaveRead(chat) { return [...this.reads].some((r) => r.chat === chat) }

  async fetchNewest(chat, segment) {
    for (let tries = 0; this.ledger.segment === segment; await this.soak.pause(againMs(tries++))) {
      const read = { chat: chat.id }
      this.reads.add(read)
      const r = await fetch(`${this.network.url}/api/v2/chats/${chat.id}/messages?limit=1`, { headers: { authorization: `Bearer ${token(this.user)}` } }).catch(() => null)
      if (r && ![200, 429, 503].includes(r.status)) this.complain(`GET messages: ${r.status} ${await r.text()}`)
      const items = r?.status === 200 ? await r.json().then((b) => b.items, () => null) : null
      if (!items) continue
      this.reads.delete(read)
      if (items[0]) this.ledger.known.add(items[0].id)
      if (this.ledger.segment === segment) this.ledger.fetch(chat.id, items[0])
      return
    }
  }

  // ---- what it does ----

  // An ack, or null: the connection ended, or Postgres was away.
  ask(event, payload) {
    return new Promise((resolve) => {
      const { socket } = this
      let over = false // a client keeps what it could not write, with its timer
      this.asking++
      const done = (answer) => {
        if (!over) this.asking--
        over = true
        socket.off('disconnect', lost)
        resolve(answer)
      }
      const lost = () => done(null)
      socket.once('disconnect', lost)
      socket.timeout(ASK_MS).emit(event, payload, (late, answer) => {
        if (late?.message === 'operation has timed out' && !over) this.complain(`no ack of ${event} within ${ASK_MS} ms`)
        else if (answer?.status === 'error' && !PASSING.has(answer.code)) this.complain(`${event} ${JSON.stringify(payload)}: ${JSON.stringify(answer)}`)
        done(late || answer.status === 'error' ? null : answer) // late, too: the socket has been disconnected
      })
    })
  }

  send() {
    if (!this.chats.length || this.unanswered.size >= WAITING_MOST) return
    const message = { chat_id: this.random.pick(this.chats).id, type: 'text', content: `${this.user.name} ${this.sent}`, client_id: `${this.user.id.slice(0, 8)}-${this.sent++}` }
    this.unanswered.set(message.client_id, message)
    this.transmit(message)
  }

  async transmit(message, tries = 0) {
    if (!this.ready || this.flying.has(message)) return // flush() will, or it is on its way
    this.flying.add(message)
    const ack = await this.ask('chat:message:send', message)
    this.flying.delete(message)
    if (ack) {
      this.acked.set(message.client_id, ack.message_id)
      this.unanswered.delete(message.client_id)
    } else if (this.ready) {
      setTimeout(() => this.transmit(message, tries + 1), againMs(tries)).unref()
    }
  }

  flush() { for (const m of this.unanswered.values()) this.transmit(m) }

  async markRead() {
    const m = this.recent.length ? this.random.pick(this.recent) : null
    if (!m) return
    this.read.add(m.id)
    await this.ask('chat:message:read', { message_id: m.id, chat_id: m.chat_id })
  }

  act() {
    const chat = this.chats.length ? this.random.pick(this.chats) : null
    const what = this.random.weighted(ACTS)
    if (!this.socket) this.come()
    else if (what === 'leaveForNow') this.go()
    else if (this.asking >= WAITING_MOST) return
    else if (what === 'send') this.send()
    else if (!this.ready || !chat) return
    else if (what === 'read') this.markRead()
    else if (what === 'join') this.ask('chat:join', { chat_id: chat.id })
    else if (what === 'leave') this.ask('chat:leave', { chat_id: chat.id })
    else if (what === 'typing') this.ask('chat:typing', { chat_id: chat.id, is_typing: true })
    else if (what === 'refresh') this.ask('auth:refresh', { token: token(this.user, { exp: Math.floor(Date.now() / 1000) + 7200 }) })
  }
}
