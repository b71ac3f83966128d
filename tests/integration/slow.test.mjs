// A reader that does not read is cut with a reason, and costs nobody else anything (X6, docs/limits.md).
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import net from 'node:net'
import { test } from 'node:test'
import { token, until, world } from './lib/world.mjs'

const w = await world(import.meta.url)
const edge = await w.edge({ BELLWIRE_MAX_QUEUE_BYTES: '200000' })

// A WebSocket client that is let in and then reads no more.
async function stuck(user) {
  const tcp = net.connect({ port: edge.port, host: '127.0.0.1', highWaterMark: 1024 })
  const connect = `40{"token":"${token(user)}"}`
  tcp.write(`GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: edge\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`)
  tcp.write(Buffer.concat([Buffer.from([0x81, 0xfe, connect.length >> 8, connect.length & 255, 0, 0, 0, 0]), Buffer.from(connect)]))
  let seen = ''
  await new Promise((resolve) => tcp.on('data', (d) => {
    seen += d.toString('latin1')
    if (!seen.includes('sync:required')) return
    tcp.pause()
    resolve()
  }))
  tcp.on('error', () => {})
  return tcp
}

const big = 'x'.repeat(20000)
const emit = (room, n) => w.sql('select rt.emit(array[$1], $2, jsonb_build_object($3::text, i, $4::text, $5::text)) from generate_series(1, $6::int) i',
  [room, 'test:big', 'i', 'text', big, n])

test('websocket: cut as slow, the others get everything meanwhile', async () => {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const b = await w.connect(bob)
  const poller = await w.connect(bob, { transport: 'polling' })
  const tcp = await stuck(ann)
  const slow = await edge.metric('bellwire_sessions_closed_total', { reason: 'slow' })
  // a burst fits into anybody's queue; the kernel's buffers are filled first
  let sent = 0
  await until(async () => {
    await emit(`participants:${chat.id}`, 5)
    sent += 5
    for (const c of [b, poller]) await c.hear('test:big', undefined, sent)
    return await edge.metric('bellwire_sessions_closed_total', { reason: 'slow' }) === slow + 1
  }, () => `the stuck reader is cut; sent ${sent}`, 60000)
  for (const c of [b, poller]) {
    assert.deepEqual(c.heard('test:big').map((x) => x.i), Array.from({ length: sent }, (_, i) => (i % 5) + 1))
    assert.equal(c.ends.length, 0)
  }
  await until(async () => await edge.metric('bellwire_queue_bytes') === 0, 'nothing is held for it any more')
  await until(async () => await w.value('select count(*) from bellwire.sockets where user_id = $1', [ann.id]) === 0, 'its socket is gone from the table')
  assert.match(edge.log, /reason=slow/)
  tcp.destroy()
})

test('polling: a client that sends no GET is cut at the same limit', async () => {
  const [ann] = await w.users('Анна')
  const url = `${edge.url}/socket.io/?EIO=4&transport=polling`
  const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1))
  await fetch(`${url}&sid=${sid}`, { method: 'POST', body: `40{"token":"${token(ann)}"}` })
  let text = ''
  while (!text.includes('sync:required')) text += await (await fetch(`${url}&sid=${sid}`)).text()
  const slow = await edge.metric('bellwire_sessions_closed_total', { reason: 'slow' })
  await emit(`user:${ann.id}`, 5)
  const { n } = await until(async () => ({ n: await edge.metric('bellwire_sessions_closed_total', { reason: 'slow' }) }))
  assert.equal(n, slow, '100 KB may wait')
  await emit(`user:${ann.id}`, 10)
  await until(async () => await edge.metric('bellwire_sessions_closed_total', { reason: 'slow' }) === slow + 1, 'cut')
  assert.equal((await fetch(`${url}&sid=${sid}`)).status, 400)
})
