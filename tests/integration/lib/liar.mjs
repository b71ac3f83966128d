// A proxy in front of an edge that lies to one client, once unless it says otherwise, and is honest to all others. It stands for an edge with a fault.
import { createServer, request } from 'node:http'
import { WebSocket, WebSocketServer } from 'ws'

const MESSAGE = /^42\["chat:message:new",/
const AFTER = 5 // messages to the victim, so that the run is under way

// Of the victim's own messages nobody claims that they were delivered to it. One of somebody else's that is kept back is claimed as soon as the
// victim answers for what came behind it, and its other socket may hang at that moment: two promises would be broken.
const own = (text, liar) => MESSAGE.test(text) && text.includes(liar.conns.plain.user)

const chatOf = (text) => /"chat_id": ?"([^"]+)"/.exec(text)[1]

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
  // It answers for the client, which hangs at times.
  hasty: { victim: 'plain', second: true, down: (text, liar) => (text === '2' ? (liar.conns.plain.up.send('3'), []) : null), again: () => true },
}

export class Liar {
  constructor(target, lie) {
    Object.assign(this, { target: new URL(target), lie: LIES[lie], conns: {}, messages: 0, lied: 0, held: null })
    this.http = createServer((req, res) => this.pass(req, res))
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

  pass(req, res) {
    const out = request({ host: this.target.hostname, port: this.target.port, path: req.url, method: req.method, headers: req.headers, agent: false }, (answer) => {
      res.writeHead(answer.statusCode, answer.headers)
      answer.pipe(res)
    })
    out.on('error', () => res.destroy())
    res.on('close', () => out.destroy())
    req.pipe(out)
  }

  join(req, down) {
    const up = new WebSocket(`ws://${this.target.host}${req.url}`, { perMessageDeflate: false, maxPayload: 1 << 24 })
    const conn = { down, up, kind: null }
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

  // With the liar as the first edge, the first client without recovery has a second socket at the other edge, and the one with recovery has
  // none; as the second edge, the first one has none.
  name(conn, text) {
    if (conn.kind || !text.startsWith('40')) return
    const kind = text.includes('"recovery":true') ? 'recovery' : 'plain'
    if (kind === 'recovery' || !this.conns.plain) this.conns[kind] = conn
    conn.kind = this.conns[kind] === conn ? kind : 'other'
    conn.user = JSON.parse(Buffer.from(/"token":"[^".]*\.([^".]*)/.exec(text)[1], 'base64url')).sub
  }

  through(conn, way, text) {
    const { victim, again } = this.lie
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
