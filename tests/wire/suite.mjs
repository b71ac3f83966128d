// What the public test suites of the Engine.IO and Socket.IO protocol repositories ask, over fetch() and raw WebSockets, with their clocks
// where a row waits for one. Their rows about cancelled and closed polls need to know what has arrived: polling.mjs has them (P5, P11).
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { binary, closeFrame, readFrame, row, text, upgrade } from './lib.mjs'
import { handshake101, openPacket, RS } from './clients.mjs'

const file = 'suite'
const INTERVAL = 300, TIMEOUT = 200
const calm = ['--max-payload', '1000000', '--cors', '*']
const theirs = [...calm, '--ping-interval', String(INTERVAL), '--ping-timeout', String(TIMEOUT), '--connect-timeout', '1000']
const beats = [...calm, '--ping-interval', String(INTERVAL)]
const add = (rule, name, run, args) => row({ file, rule, name, run, args, once: true, quiet: true })

// fetch() and WebSockets of one server and path.
async function site(t, path) {
  const { port } = await t.server()
  const url = (query) => `http://127.0.0.1:${port}${path}?${query}`
  return {
    fetch: (query, options) => fetch(url(query), options),
    post: (sid, body) => fetch(url(`EIO=4&transport=polling&sid=${sid}`), { method: 'POST', body }),
    get: (sid, options) => fetch(url(`EIO=4&transport=polling&sid=${sid}`), options),
    async open() { return openPacket(await (await fetch(url('EIO=4&transport=polling'))).text()).sid },
    async socket(sid = '') {
      const ws = await t.connect()
      ws.write(upgrade(`${path}?EIO=4&transport=websocket${sid && `&sid=${sid}`}`))
      return ws
    },
    async session() {
      const ws = await this.socket()
      await handshake101(ws)
      openPacket(await readFrame(ws))
      return ws
    },
  }
}
const body = (r) => r.text()
// The frames that are not heartbeats; heartbeats are answered.
async function next(ws) {
  for (;;) {
    const got = await readFrame(ws)
    if (got !== '2') return got
    ws.write(text('3'))
  }
}
async function ends(ws) {
  assert.equal((await next(ws))?.close, null)
  ws.write(closeFrame())
  await ws.end()
}
const engine = (rule, name, run, args = calm) => add(rule, `engine.io: ${name}`, async (t) => run(await site(t, '/engine.io/'), t), args)
const socket = (rule, name, run, args = calm) => add(rule, `socket.io: ${name}`, async (t) => run(await site(t, '/socket.io/'), t), args)

// ---- Engine.IO ----

engine('E2', 'HTTP long-polling: should successfully open a session', async (at) => {
  const r = await at.fetch('EIO=4&transport=polling')
  assert.equal(r.status, 200)
  const open = openPacket(await body(r))
  assert.deepEqual(Object.keys(open), ['sid', 'upgrades', 'pingInterval', 'pingTimeout', 'maxPayload'])
  assert.equal(typeof open.sid, 'string')
  assert.deepEqual(open.upgrades, ['websocket'])
  assert.deepEqual([open.pingInterval, open.pingTimeout, open.maxPayload], [INTERVAL, TIMEOUT, 1000000])
}, theirs)
for (const [name, query, method = 'GET'] of [['no EIO', 'transport=polling'], ['EIO=abc', 'EIO=abc&transport=polling'], ['no transport', 'EIO=4'],
  ['transport=abc', 'EIO=4&transport=abc'], ['POST', 'EIO=4&transport=polling', 'POST'], ['PUT', 'EIO=4&transport=polling', 'PUT']]) {
  engine('H6', `HTTP long-polling: should fail with ${name}`, async (at) => assert.equal((await at.fetch(query, { method })).status, 400))
}
engine('E2', 'WebSocket: should successfully open a session', async (at) => { await at.session() })
for (const query of ['transport=websocket', 'EIO=abc&transport=websocket', 'EIO=4', 'EIO=4&transport=abc']) {
  engine('H8', `WebSocket: should fail with ${query}`, async (at, t) => {
    const ws = await t.connect()
    ws.write(upgrade(`/engine.io/?${query}`))
    await ws.wait(() => undefined, 'the end')
    assert.match(ws.in.toString(), /^HTTP\/1\.1 400 /)
    assert.equal(ws.ended, 'FIN')
  })
}
for (const [name, packets] of [['one string packet', ['4hello']], ['several string packets', ['4test1', '4test2', '4test3']], ['plain text and binary', ['4hello', 'bAQIDBA==']]]) {
  engine('P1 P2', `HTTP long-polling: should send and receive ${name}`, async (at) => {
    const sid = await at.open()
    const pushed = await at.post(sid, packets.join(RS))
    assert.deepEqual([pushed.status, await body(pushed)], [200, 'ok'])
    const polled = await at.get(sid)
    assert.deepEqual([polled.status, await body(polled)], [200, packets.join(RS)])
  })
}
engine('P10', 'HTTP long-polling: should close the session upon invalid packet format', async (at) => {
  const sid = await at.open()
  await at.post(sid, 'abc').catch(() => {})
  assert.equal((await at.get(sid)).status, 400)
})
engine('P3', 'HTTP long-polling: should close the session upon duplicate poll requests', async (at) => {
  const sid = await at.open()
  const both = await Promise.all([at.get(sid), at.get(`${sid}&t=burst`)])
  const [first, second] = both.sort((a, b) => a.status - b.status)
  assert.deepEqual([first.status, await body(first)], [200, '1'])
  assert.equal(second.status, 400)
})
engine('W6', 'WebSocket: should send and receive plain text and binary', async (at) => {
  const ws = await at.session()
  ws.write([text('4hello'), binary([1, 2, 3, 4])])
  assert.equal(await next(ws), '4hello')
  assert.deepEqual(await next(ws), Buffer.from([1, 2, 3, 4]))
})
engine('E5', 'WebSocket: should close the session upon invalid packet format', async (at) => {
  const ws = await at.session()
  ws.write(text('abc'))
  await ends(ws)
})
engine('B1 B4', 'HTTP long-polling: should send ping/pong packets', async (at) => {
  const sid = await at.open()
  for (let i = 0; i < 3; i++) {
    assert.equal(await body(await at.get(sid)), '2')
    assert.equal((await at.post(sid, '3')).status, 200)
  }
}, beats)
engine('B5', 'HTTP long-polling: should close the session upon ping timeout', async (at) => {
  const sid = await at.open()
  await sleep(INTERVAL + TIMEOUT)
  assert.equal((await at.get(sid)).status, 400)
}, theirs)
engine('B1', 'WebSocket: should send ping/pong packets', async (at) => {
  const ws = await at.session()
  for (let i = 0; i < 3; i++) {
    assert.equal(await readFrame(ws), '2')
    ws.write(text('3'))
  }
}, beats)
engine('B3', 'WebSocket: should close the session upon ping timeout', async (at) => {
  const ws = await at.session()
  assert.equal(await readFrame(ws), '2')
  assert.equal((await readFrame(ws)).close, null)
}, theirs)
engine('E5', 'WebSocket: should forcefully close the session', async (at) => {
  const ws = await at.session()
  ws.write(text('1'))
  await ends(ws)
})
const upgraded = async (at) => {
  const sid = await at.open()
  const ws = await at.socket(sid)
  await handshake101(ws)
  ws.write(text('2probe'))
  assert.equal(await readFrame(ws), '3probe')
  ws.write(text('5'))
  return { sid, ws }
}
engine('U1', 'should successfully upgrade from HTTP long-polling to WebSocket', async (at) => {
  const { ws } = await upgraded(at)
  ws.write(text('4hello'))
  assert.equal(await next(ws), '4hello')
})
engine('U6', 'should ignore HTTP requests with same sid after upgrade', async (at) => {
  const { sid, ws } = await upgraded(at)
  assert.equal((await at.get(sid)).status, 400)
  ws.write(text('4hello'))
  assert.equal(await next(ws), '4hello')
})
engine('U6', 'should ignore WebSocket connection with same sid after upgrade', async (at) => {
  const { sid, ws } = await upgraded(at)
  const second = await at.socket(sid)
  await second.wait(() => undefined, 'the end')
  ws.write(text('4hello'))
  assert.equal(await next(ws), '4hello')
})

// ---- Socket.IO ----

const packets = async (at, sid, n) => {
  const got = []
  while (got.length < n) got.push(...(await body(await at.get(sid))).split(RS).filter((p) => p !== '2'))
  return got
}
for (const [name, connect, reply, event] of [
  ['to the main namespace', '40', /^40\{"sid":"[^"]+"\}$/, '42["auth",{}]'],
  ['to the main namespace with a payload', '40{"token":"123"}', /^40\{"sid":"[^"]+"\}$/, '42["auth",{"token":"123"}]'],
  ['to a custom namespace', '40/custom,', /^40\/custom,\{"sid":"[^"]+"\}$/, '42/custom,["auth",{}]'],
  ['to a custom namespace with a payload', '40/custom,{"token":"abc"}', /^40\/custom,\{"sid":"[^"]+"\}$/, '42/custom,["auth",{"token":"abc"}]'],
]) {
  socket('N1 N2', `should allow connection ${name}`, async (at) => {
    const ws = await at.session()
    ws.write(text(connect))
    assert.match(await next(ws), reply)
    assert.equal(await next(ws), event)
    const sid = await at.open()
    await at.post(sid, connect)
    const [first, second] = await packets(at, sid, 2)
    assert.match(first, reply)
    assert.equal(second, event)
  })
}
socket('N5', 'should disallow connection to an unknown namespace', async (at) => {
  const ws = await at.session()
  for (const [asked, answer] of [['40/random', '/random'], ['40/random,', '/random']]) {
    ws.write(text(asked))
    assert.equal(await next(ws), `44${answer},{"message":"Invalid namespace"}`)
  }
})
socket('S4', 'should disallow connection with an invalid handshake', async (at) => {
  const ws = await at.session()
  ws.write(text('4abc'))
  await ends(ws)
})
socket('N8', 'should close the connection if no handshake is received', async (at) => { await ends(await at.session()) }, theirs)
const joined = async (at, connect = '40') => {
  const ws = await at.session()
  ws.write(text(connect))
  await next(ws)
  await next(ws)
  return ws
}
for (const [name, connect, leave] of [['the main namespace', '40', '41'], ['a custom namespace', '40/custom', '41/custom']]) {
  socket('N6', `should disconnect from ${name}`, async (at) => {
    const ws = await joined(at, connect)
    ws.write(text(leave))
    for (let i = 0; i < 2; i++) { // heartbeats go on
      assert.equal(await readFrame(ws), '2')
      ws.write(text('3'))
    }
  }, beats)
}
socket('S8 V2', 'should send a plain-text packet, and one with an ack', async (at) => {
  const ws = await joined(at)
  ws.write(text('42["message",1,"2",{"3":[true]}]'))
  assert.equal(await next(ws), '42["message-back",1,"2",{"3":[true]}]')
  ws.write(text('42456["message-with-ack",1,"2",{"3":[false]}]'))
  assert.equal(await next(ws), '43456[1,"2",{"3":[false]}]')
})
socket('S7', 'should send a packet with binary attachments, and one with an ack', async (at) => {
  const ws = await joined(at)
  const two = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'
  for (const [header, answer] of [[`452-["message",${two}]`, `452-["message-back",${two}]`], [`452-789["message-with-ack",${two}]`, `462-789[${two}]`]]) {
    ws.write([text(header), binary([1, 2, 3]), binary([4, 5, 6])])
    assert.equal(await next(ws), answer)
    assert.deepEqual(await next(ws), Buffer.from([1, 2, 3]))
    assert.deepEqual(await next(ws), Buffer.from([4, 5, 6]))
  }
})
for (const [name, packet] of [['unknown packet type', '4abc'], ['invalid payload format', '42{}'], ['invalid ack id', '42abc["message-with-ack",1,"2",{"3":[false]}]']]) {
  socket('S1 S3 S4', `should close the connection upon invalid format (${name})`, async (at) => {
    const ws = await joined(at)
    ws.write(text(packet))
    await ends(ws)
  })
}
