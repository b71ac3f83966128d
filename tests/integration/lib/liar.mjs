// A proxy in front of an edge that lies to one client, once unless it says otherwise, and is honest to all others. It stands for an edge with a fault.
import { createServer, request } from 'node:http'
import { WebSocket, WebSocketServer } from 'ws'

const told = (...events) => new RegExp(`^42\\["(${events.join('|')})",`)
const asked = (event) => new RegExp(`^42(\\d+)\\["${event}",(.*)\\]$`)
const MESSAGE = told('chat:message:new')
// What recovery brings again, but for messages: of one that is kept back it is claimed that it was delivered, too.
const RESUMED = told('chat:message:delivered', 'chat:message:read', 'notification:new', 'post:liked', 'post:unliked')
const AFTER = 5 // messages to the victim, so that the run is under way
const GONE_MS = 5000 // one that polls hears of something more often

// Of the victim's own messages nobody claims that they were delivered to it. One of somebody else's that is kept back is claimed as soon as the
// victim answers for what came behind it, and its other socket may hang at that moment: two promises would be broken.
const own = (text, liar) => MESSAGE.test(text) && text.includes(liar.conns.plain.user)

const chatOf = (text) => /"chat_id": ?"([^"]+)"/.exec(text)[1]

const whole = async (stream) => Buffer.concat(await stream.toArray())

const payload = (text) => JSON.parse(text.slice(text.indexOf('['))).at(-1)
const say = (event, data) => `42${JSON.stringify([event, data])}`
const NOW = '2026-01-01T00:00:00.000Z'

// These forge, change or keep back one kind of event on its way to the victim, who has taken some messages by then.
const drops = (event) => ({ victim: 'plain', down: (text) => (told(event).test(text) ? [] : null) })
const doubles = (event) => ({ victim: 'plain', down: (text) => (told(event).test(text) ? [text, text] : null) })
const adds = (cause, lie) => ({ victim: 'plain', stranger: true, down(text, liar) {
  const more = cause.test(text) && lie(payload(text), liar)
  return more ? [text, more] : null
} })
// The victim's requests are answered, and go no further.
const swallows = (event, answer) => ({ victim: 'plain', up(text, liar) {
  const m = asked(event).exec(text)
  if (!m) return null
  liar.conns.plain.down.send(`43${m[1]}${JSON.stringify([answer(JSON.parse(m[2]), liar)])}`)
  return []
} })
// Two that are next to each other change places.
const swaps = (event) => ({ victim: 'plain', down(text, liar) {
  if (!told(event).test(text)) return null
  const held = liar.held
  liar.held = held ? null : text
  return held ? [text, held] : []
}, again: () => true })
const gives = (event) => ({ victim: 'plain', stranger: true, down: (text, liar) => (told(event).test(text) ? (liar.conns.recovery.down.send(text), [text]) : null), again: () => true })

// What a lie does with a packet on its way to the victim: the packets to send in its place. `once` holds while it has not lied.
const LIES = {
  drop: { victim: 'plain', down: (text, liar) => (own(text, liar) ? [] : null) },
  claim: { victim: 'plain', second: true, down: (text, liar) => (MESSAGE.test(text) && !own(text, liar) ? [] : null) },
  double: { victim: 'plain', down: (text) => (MESSAGE.test(text) ? [text, text] : null) },
  change: { victim: 'plain', down: (text) => (MESSAGE.test(text) ? [text.replace(/verify (\w+ \d+)/, 'verify $1 and so on')] : null) },
  stranger: { victim: 'plain', stranger: true, down: (text, liar) => (MESSAGE.test(text) ? (liar.conns.recovery.down.send(text), [text]) : null), again: () => true },
  reorder: { victim: 'plain', down(text, liar) {
    if (!MESSAGE.test(text)) return null
    if (!liar.held) {
      if (!own(text, liar)) return null
      liar.held = text
      return []
    }
    return chatOf(text) === chatOf(liar.held) ? [text, liar.held] : null
  }, again: (liar) => !liar.swapped },
  presence: { victim: 'plain', down: (text) => (/^42\["user:offline",/.test(text) ? [] : null), again: () => true },
  ack: { victim: 'plain', up(text, liar) {
    const m = /^42(\d+)\["chat:message:send"/.exec(text)
    if (!m) return null
    liar.conns.plain.down.send(`43${m[1]}[{"status":"sent","message_id":"00000000-0000-4000-8000-000000000000","created_at":"2026-01-01T00:00:00.000Z"}]`)
    return []
  } },
  pong: { victim: 'plain', second: true, up: (text) => (text === '3' ? [] : null), again: () => true },
  'notification, lost': drops('notification:new'),
  'notification, late': swaps('notification:new'),
  'notification, astray': gives('notification:new'),
  'notification read, acked': swallows('notification:read', ({ notification_id }) => ({ notification_id, is_read: true, read_at: NOW })),
  'like, twice': doubles('post:liked'),
  'like, changed': { victim: 'plain', down: (text) => (told('post:liked').test(text) ? [text.replace(/"likes_count": ?1/, '"likes_count":2')] : null) },
  'like, taken back': adds(told('post:liked'), (like) => say('post:unliked', { post_id: like.post_id, user_id: like.user_id, likes_count: 0 })),
  'read, acked': swallows('chat:message:read', (read, liar) => ({ ...read, read_by: liar.conns.plain.user, read_at: NOW })),
  'read, forged': adds(MESSAGE, (m, liar) => m.sender_id === liar.conns.plain.user
    && say('chat:message:read', { message_id: m.id, chat_id: m.chat_id, read_by: liar.conns.recovery.user, read_at: NOW })),
  'delivered, forged': adds(MESSAGE, (m, liar) => m.sender_id === liar.conns.plain.user
    && say('chat:message:delivered', { message_id: m.id, chat_id: m.chat_id, delivered_to: liar.conns.recovery.user, delivered_at: NOW })),
  'typing, lost': drops('chat:typing'),
  'typing, twice': doubles('chat:typing'),
  'typing, echoed': { victim: 'plain', up(text, liar) {
    const m = asked('chat:typing').exec(text)
    if (!m) return null
    liar.conns.plain.down.send(say('chat:typing', { ...JSON.parse(m[2]), user_id: liar.conns.plain.user, user_name: 'who' }))
    return [text]
  } },
  // of one who has been there for longer than anything may take; again, since it hangs at times, and is not judged then
  'offline, forged': { victim: 'plain', down(text, liar) {
    liar.since ??= Date.now()
    return Date.now() > liar.since + liar.within + 1000 && MESSAGE.test(text)
      ? [say('user:offline', { user_id: liar.conns.plain.user, online: false, last_seen: NOW }), text] : null
  }, again: () => true },
  'recovery, incomplete': { victim: 'recovery', down: (text, liar) => (liar.conns.recovery.resumes && RESUMED.test(text) ? [] : null), again: () => true },
  // It answers for the client, which hangs at times.
  hasty: { victim: 'plain', second: true, down: (text, liar) => (text === '2' ? (liar.conns.plain.up.send('3'), []) : null), again: () => true },
}

export class Liar {
  // polling: the victim polls; a WebSocket otherwise. within: the run's --within, in milliseconds.
  constructor(target, lie, { within, polling = false }) {
    Object.assign(this, { target: new URL(target), lie: LIES[lie], within, polling, conns: {}, pollers: new Map(), messages: 0, lied: 0, held: null })
    this.http = createServer((req, res) => this.pass(req, res).catch(() => res.destroy()))
    this.ws = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: 1 << 24 })
    this.http.on('upgrade', (req, socket, head) => this.ws.handleUpgrade(req, socket, head, (down) => this.join(req, down)))
  }

  async listen() {
    await new Promise((resolve) => this.http.listen(0, '127.0.0.1', resolve))
    this.url = `http://127.0.0.1:${this.http.address().port}`
    return this
  }

  close() {
    for (const c of this.ws.clients) c.terminate()
    this.http.closeAllConnections()
    this.http.close()
  }

  async pass(req, res) {
    const body = await whole(req)
    const sid = /[?&]sid=([^&]+)/.exec(req.url)?.[1]
    const conn = this.pollers.get(sid)
    const sent = conn && req.method === 'POST' ? this.packets(conn, 'up', body) : body
    const headers = { ...req.headers, ...(req.method === 'POST' ? { 'content-length': sent.length } : {}) }
    const answered = async (answer) => {
      let text = await whole(answer)
      const opened = !sid && /^0(\{.*\})/.exec(String(text))
      if (opened) this.pollers.set(JSON.parse(opened[1]).sid, this.poller())
      if (conn && req.method === 'GET' && answer.statusCode === 200) text = this.packets(conn, 'down', text)
      res.writeHead(answer.statusCode, { ...answer.headers, 'content-length': text.length })
      res.end(text)
    }
    const out = request({ host: this.target.hostname, port: this.target.port, path: req.url, method: req.method, headers, agent: false },
      (answer) => answered(answer).catch(() => res.destroy()))
    out.on('error', () => res.destroy())
    res.on('close', () => out.destroy())
    out.end(sent)
  }

  // What is sent to it goes out with its next poll.
  poller() {
    const conn = { kind: null, messages: 0, more: [], down: { readyState: WebSocket.OPEN, send: (text) => conn.more.push(text) } }
    return conn
  }

  packets(conn, way, body) {
    conn.polled = Date.now()
    const through = String(body).split('\x1e').flatMap((text) => {
      if (way === 'up') this.name(conn, text)
      return this.through(conn, way, text)
    })
    return Buffer.from([...through, ...(way === 'down' ? conn.more.splice(0) : [])].join('\x1e') || '6') // a NOOP
  }

  join(req, down) {
    const up = new WebSocket(`ws://${this.target.host}${req.url}`, { perMessageDeflate: false, maxPayload: 1 << 24 })
    const conn = { down, up, kind: null, first: !this.joined }
    this.joined = true
    const early = []
    up.on('open', () => { for (const text of early.splice(0)) up.send(text) })
    down.on('message', (data) => {
      const text = String(data)
      this.name(conn, text)
      for (const t of this.through(conn, 'up', text)) if (up.readyState === WebSocket.OPEN) up.send(t); else early.push(t)
    })
    up.on('message', (data) => { for (const t of this.through(conn, 'down', String(data))) down.send(t) })
    for (const [one, other] of [[up, down], [down, up]]) {
      one.on('close', () => other.terminate())
      one.on('error', () => other.terminate())
    }
  }

  // The edges in the order that this lie wants.
  edges(honest) { return this.lie.second ? [honest, this] : [this, honest] }

  // The run opens its clients in an order, so the first connection here is of the client by WebSocket that stays; the one who comes and goes is last.
  // With the liar as the first edge, that client has a second socket at the other edge, and the one with recovery has
  // none; as the second edge, the first one has none.
  name(conn, text) {
    if (conn.kind || !text.startsWith('40')) return
    conn.resumes = text.includes('"offset"')
    conn.recovers = text.includes('"recovery":true')
    conn.user = JSON.parse(Buffer.from(/"token":"[^".]*\.([^".]*)/.exec(text)[1], 'base64url')).sub
    const kind = conn.recovers ? 'recovery' : 'plain'
    // the one with recovery of the other edge comes here at times, and is a stranger to nobody
    const known = kind === 'recovery' ? (this.recoverer ??= conn.user) === conn.user : !!conn.first && !this.polling
    if (known) this.conns[kind] = conn
    conn.kind = known ? kind : 'other'
  }

  choose(conn) {
    const { plain } = this.conns
    if (plain && Date.now() - plain.polled < GONE_MS) return
    if (plain) plain.kind = 'other'
    this.conns.plain = conn
    conn.kind = 'plain'
  }

  through(conn, way, text) {
    const { victim, again } = this.lie
    if (told('connected').test(text)) conn.resumes = false
    // of those that poll, one that goes on: it is not upgraded, nor cut to see what it recovers
    if (this.polling && conn.more && conn.kind === 'other' && !conn.recovers && MESSAGE.test(text) && ++conn.messages > AFTER) this.choose(conn)
    if (conn.kind !== victim) return [text]
    if (way === 'down' && MESSAGE.test(text)) this.messages++
    const ready = this.messages > AFTER && (!this.lie.stranger || this.conns.recovery?.down.readyState === WebSocket.OPEN)
    if (!ready || !this.lie[way] || (this.lied && !(again?.(this)))) return [text]
    const instead = this.lie[way](text, this)
    if (instead === null) return [text]
    this.lied++
    if (instead.length === 2 && this.held) this.swapped = true
    return instead
  }
}
