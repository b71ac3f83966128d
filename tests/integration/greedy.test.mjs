// Clients without a token, and clients that take more than their share: nobody else waits for them (docs/limits.md).
import assert from 'node:assert/strict'
import net from 'node:net'
import { test } from 'node:test'
import { until, world } from './lib/world.mjs'

const PIECE = 20 // handshakes in one write

const w = await world(import.meta.url)

// ---- one TCP connection that asks for sessions and uses each ----

class Flood {
  constructor(edge, headers = '') {
    this.headers = headers
    this.text = ''
    this.tcp = net.connect(edge.port, '127.0.0.1')
    this.tcp.setNoDelay(true)
    this.tcp.on('data', (d) => { this.text += d.toString('latin1') })
    this.tcp.on('close', () => { this.closed = true })
  }

  // What was answered to the requests, which go out in one write.
  async say(requests) {
    this.text = ''
    this.tcp.write(requests.join(''))
    const all = () => this.text.split('HTTP/1.1 ').length > requests.length && /\r\n\r\n(0\{.*\}|\{.*\}|ok)$/.test(this.text)
    await until(() => all() || this.closed, () => `answers: ${this.text.slice(-300)}`)
    return this.text
  }

  async ask(n) {
    for (; n > 0; n -= PIECE) {
      const opened = await this.say(Array(PIECE).fill(`GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: edge\r\n${this.headers}\r\n`))
      const sids = [...opened.matchAll(/"sid":"([\w-]{20})"/g)].map((m) => m[1])
      assert.equal(sids.length, PIECE, opened.slice(-200))
      const used = await this.say(sids.map((sid) => `POST /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: edge\r\nContent-Length: 1\r\n\r\n3`))
      assert.equal(used.split('\r\n\r\nok').length - 1, PIECE, used.slice(-200))
    }
  }

  close() {
    this.tcp.end()
    return until(() => this.closed, 'the end of the connection')
  }
}

test('handshakes without a token, each with one POST: everybody with a token gets in meanwhile', async () => {
  const edge = await w.edge({ BELLWIRE_MAX_CONNECTIONS: '256', BELLWIRE_TRUSTED_PROXIES: '127.0.0.1' })
  const [ann, bob] = await w.users('Анна', 'Борис')
  const before = await w.connect(ann, { edge, transport: 'polling' })
  const far = new Flood(edge, 'X-Forwarded-For: 203.0.113.7:50001\r\n')
  await far.ask(600)
  for (const transport of ['websocket', 'polling', 'upgrade']) {
    const flooding = far.ask(300)
    await w.connect(bob, { edge, transport })
    await flooding
  }
  const many = []
  for (let i = 0; i < 10; i++) {
    many.push(new Flood(edge, `X-Forwarded-For: 2001:db8:0:${i}::1\r\n`))
    await many.at(-1).ask(60)
  }
  await w.connect(bob, { edge, transport: 'polling' })
  assert.ok(await edge.metric('bellwire_sessions') <= 512)
  assert.ok(await edge.metric('bellwire_sessions_closed_total', { reason: 'limit' }) > 1000)
  await w.notify(ann)
  await before.hear('notification:new')
  assert.deepEqual(before.ends, [])
  await Promise.all([far, ...many].map((f) => f.close()))
  await edge.stop()
})
