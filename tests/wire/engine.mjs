// E, U and C of docs/wire.md: the Engine.IO session, the upgrade from polling to WebSocket, closing.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { binary, bytes, close, closeFrame, readFrame, response, row, text, upgrade } from './lib.mjs'
import {
  ask, assertAlive, assertError, assertGone, ENGINE, expectFrames, handshake101, openPacket, openPolling, openWebSocket, pollTarget, probe,
  quietWebSocket, RS, settle, SOCKET, webSocketTable, wsTarget,
} from './clients.mjs'

const file = 'engine'
const add = (rule, name, run, more = {}) => row({ file, rule, name, run, ...more })
const table = (rows, open) => webSocketTable(file, rows, open)

// ---- E2-E4: the handshake ----

const openShape = (upgrades, interval = 25000, timeout = 20000, max = 1000000) => new RegExp(
  `^0\\{"sid":"[A-Za-z0-9_-]{20}","upgrades":\\[${upgrades}\\],"pingInterval":${interval},"pingTimeout":${timeout},"maxPayload":${max}\\}$`)
const options = ['--ping-interval', '7000', '--ping-timeout', '3000', '--max-payload', '5000']
for (const path of [ENGINE, SOCKET]) {
  for (const [args, numbers] of [[[], []], [options, [7000, 3000, 5000]]]) {
    add('E2 E1', `${path} ${args.join(' ')}`, async (t) => {
      const wire = await t.connect()
      assert.match((await ask(wire, 'GET', pollTarget(path))).text, openShape('"websocket"', ...numbers))
      const ws = await t.connect()
      ws.write(upgrade(wsTarget(path)))
      await handshake101(ws)
      assert.match(await readFrame(ws), openShape('', ...numbers))
      await quietWebSocket(ws)
    }, { args })
  }
}
add('E3', 'sids differ in every part', async (t) => {
  const sids = await Promise.all(Array.from({ length: 200 }, async () => {
    const wire = await t.connect()
    return openPacket((await ask(wire, 'GET', pollTarget())).text).sid
  }))
  assert.equal(new Set(sids).size, 200)
  for (let i = 0; i < 20; i++) assert.ok(new Set(sids.map((s) => s[i])).size > 30, `character ${i} takes many values`)
}, { once: true })
for (const eio of ['3', '2', '5', '44', 'x']) {
  add('E4', `EIO=${eio}`, async (t) => {
    const wire = await t.connect()
    assertError(await ask(wire, 'GET', `${ENGINE}?EIO=${eio}&transport=polling`), 5)
  })
}

// ---- E1, E5: packets on a WebSocket ----

table([
  { rule: 'E1', name: 'message', send: [text('4a')], expect: ['4a'] },
  { rule: 'E1', name: 'binary', send: [binary('abc')], expect: [Buffer.from('abc')] },
  { rule: 'E1', name: 'binary has no type character', send: [binary('4abc')], expect: [Buffer.from('4abc')] },
  ...['3', '3anything', '3probe', '0', '0{"sid":"x"}', '5', '6', '6x', '5probe'].map((p) => (
    { rule: 'E5', name: `${p} is ignored`, send: [text(p), text('4a')], expect: ['4a'] })),
  ...['2', '2probe', '1', '', '7', '8', '9', 'x', ' 4', '\n', '-', '{', 'a', 'B', '\x00', 'é'].map((p) => (
    { rule: 'E5', name: `${JSON.stringify(p)} closes the session`, send: [text(p)], expect: [close()] })),
  { rule: 'E5', name: 'messages before the bad packet are delivered', send: [text('4a'), text('4b'), text('x'), text('4c')], expect: ['4a', '4b', close()] },
])
add('E5 C1', 'the sid of a closed WebSocket session is forgotten', async (t) => {
  const wire = await openWebSocket(t)
  wire.write(text('2'))
  assert.deepEqual(await readFrame(wire), close())
  await assertGone(t, wire)
})
for (const p of ['0', '5', '6', '3', '3x']) {
  add('E5', `polling: ${p} is ignored`, async (t) => {
    const s = await openPolling(t)
    assert.equal((await s.post(`${p}${RS}4a`)).text, 'ok')
    assert.equal((await s.get()).text, '4a')
  })
}

// ---- E6: base64 ----

const inbound = [
  ['AQID', [1, 2, 3]], ['AQI=', [1, 2]], ['AQI', [1, 2]], ['AQ==', [1]], ['AQ', [1]], ['', []], ['+/8=', [0xfb, 0xff]], ['-_8=', [0xfb, 0xff]], ['-_8', [0xfb, 0xff]],
  ['AQID\n', [1, 2, 3]], ['AQ\r\nID\r\n', [1, 2, 3]], ['A Q\tI D', [1, 2, 3]], ['AQI=\n', [1, 2]], ['\nAQI\n=\n', [1, 2]],
  [Buffer.alloc(171, 7).toString('base64').replace(/.{76}/g, '$&\r\n') + '\n', [...Buffer.alloc(171, 7)]],
]
table(inbound.map(([b64, data]) => ({ rule: 'E6', name: `b${JSON.stringify(b64).slice(0, 40)} in a text frame`, send: [text(`b${b64}`)], expect: [Buffer.from(data)] })))
for (const [b64, data] of inbound) {
  add('E6', `b${JSON.stringify(b64).slice(0, 40)} by polling`, async (t) => {
    const s = await openPolling(t)
    assert.equal((await s.post(`4a${RS}b${b64}${RS}4b`)).text, 'ok')
    assert.equal((await s.get()).text, ['4a', `b${Buffer.from(data).toString('base64')}`, '4b'].join(RS))
  })
}
table([
  { rule: 'E6', name: 'not base64', send: [text('bAQ!D')], expect: [close()] },
  { rule: 'E6', name: 'something behind the padding', send: [text('bAQ==AQ==')], expect: [close()] },
])
table([[0xfb, 0xff], [], [1], Array(171).fill(0xff)].map((data) => (
  { rule: 'E6', name: `b64=1: ${data.length} bytes out as text`, options: { query: '&b64=1' }, send: [binary(data)], expect: [`b${Buffer.from(data).toString('base64')}`] })))
table([
  { rule: 'E6', name: 'b64=true', options: { query: '&b64=true' }, send: [binary([1]), text('4a')], expect: ['bAQ==', '4a'] },
  { rule: 'E6', name: 'an empty b64 asks for nothing', options: { query: '&b64=' }, send: [binary([1])], expect: [Buffer.from([1])] },
])
for (const [first, second, expected] of [['&b64=1', '', Buffer.from([1, 2])], ['', '&b64=1', 'bAQI='], ['', '', Buffer.from([1, 2])]]) {
  add('E6', `after an upgrade its own request counts: handshake ${first || 'without'}, upgrade ${second || 'without'}`, async (t) => {
    const s = await openPolling(t, { query: first })
    s.wsTarget += second
    const ws = await probe(t, s)
    ws.write([text('5'), text('bAQI=')])
    await expectFrames(ws, [expected])
  })
}

// ---- E7 and U: upgrade ----

const five = async (s, ws) => {
  ws.write(text('5'))
  await quietWebSocket(ws)
}
add('U1 U2', 'probe, upgrade, then both ways by WebSocket', async (t) => {
  const s = await openPolling(t)
  const ws = await probe(t, s)
  await quietWebSocket(ws, 'nothing but 3probe')
  await five(s, ws)
  ws.write([text('4a'), binary('b')])
  await expectFrames(ws, ['4a', Buffer.from('b')])
})
add('U1 W5', 'probe behind the request head', async (t) => {
  const s = await openPolling(t)
  const ws = await t.connect()
  ws.write([upgrade(s.wsTarget), text('2probe')])
  await handshake101(ws)
  await expectFrames(ws, ['3probe'])
  await five(s, ws)
})
add('U2 U4', 'nothing but 3probe before the 5; then the queue, in order', async (t) => {
  const s = await openPolling(t)
  assert.equal((await s.post('4before')).text, 'ok')
  const ws = await t.connect()
  ws.write(upgrade(s.wsTarget))
  await handshake101(ws)
  await quietWebSocket(ws, 'no open packet, no queue')
  assert.equal((await s.post(`4during${RS}bAQID`)).text, 'ok')
  ws.write(text('2probe'))
  assert.equal(await readFrame(ws), '3probe')
  assert.equal((await s.post('4late')).text, 'ok')
  await quietWebSocket(ws, 'no queue before the 5')
  ws.write([text('5'), text('4after')])
  await expectFrames(ws, ['4before', '4during', Buffer.from([1, 2, 3]), '4late', '4after'])
})
add('U3', 'a parked poll is released with 6 at the probe (DEV), and so is each further one', async (t) => {
  const s = await openPolling(t)
  await s.park()
  const ws = await probe(t, s)
  assert.equal((await s.answer()).text, '6')
  assert.equal((await s.get()).text, '6')
  assert.equal((await s.get()).text, '6')
  await five(s, ws)
})
add('U3', 'the request for the WebSocket alone releases nothing', async (t) => {
  const s = await openPolling(t)
  await s.park()
  const ws = await t.connect()
  ws.write(upgrade(s.wsTarget))
  await handshake101(ws)
  await settle(t, s.poll)
  assert.equal(s.poll.in.length, 0)
  await s.post('4a')
  assert.equal((await s.answer()).text, '4a')
})
add('U4', 'a poll that comes while the upgrade is pending gets the queue instead of the 6; never both', async (t) => {
  const s = await openPolling(t)
  const ws = await probe(t, s)
  assert.equal((await s.post(`4a${RS}4b`)).text, 'ok')
  assert.equal((await s.get()).text, `4a${RS}4b`)
  assert.equal((await s.get()).text, '6')
  assert.equal((await s.post('4c')).text, 'ok')
  ws.write(text('5'))
  await expectFrames(ws, ['4c'])
})
add('U4 E7 P13', 'forty packets across polls and the upgrade, in order', async (t) => {
  const s = await openPolling(t)
  const packets = Array.from({ length: 40 }, (_, i) => `4${i}`)
  await s.post(packets.join(RS))
  const polled = (await s.get()).text.split(RS)
  const ws = await probe(t, s)
  polled.push(...(await s.get()).text.split(RS))
  assert.deepEqual(polled, packets.slice(0, polled.length))
  ws.write([text('5'), text('4end')])
  await expectFrames(ws, [...packets.slice(polled.length), '4end'])
})
add('U5 U7', 'a 5 without a probe: a poll that is still parked gets 6 (DEV)', async (t) => {
  const s = await openPolling(t)
  await s.park()
  const ws = await t.connect()
  ws.write(upgrade(s.wsTarget))
  await handshake101(ws)
  ws.write(text('5'))
  const r = await s.answer()
  assert.deepEqual([r.status, r.text], [200, '6'])
  ws.write(text('4a'))
  await expectFrames(ws, ['4a'])
})
add('U6', 'after the 5 polling gets code 3, another WebSocket is closed at once, the session lives', async (t) => {
  const s = await openPolling(t)
  const ws = await probe(t, s)
  await five(s, ws)
  assertError(await s.get(), 3)
  assertError(await s.post('4x'), 3)
  const other = await t.connect()
  other.write(upgrade(s.wsTarget))
  await handshake101(other)
  await expectFrames(other, [close()])
  ws.write(text('4a'))
  await expectFrames(ws, ['4a'])
})
add('U6', 'the 5 is seen before a request that came after it', async (t) => {
  const all = await Promise.all(Array.from({ length: 40 }, async () => {
    const s = await openPolling(t)
    return { s, ws: await probe(t, s) }
  }))
  await Promise.all(all.map(async ({ s, ws }) => {
    await ws.write(text('5'))
    assertError(await s.get(), 3)
    await quietWebSocket(ws)
  }))
})
add('U7', 'several probes', async (t) => {
  const s = await openPolling(t)
  const ws = await probe(t, s)
  ws.write([text('2probe'), text('2probe')])
  await expectFrames(ws, ['3probe', '3probe'])
  await five(s, ws)
})
const intruders = [['4x', text('4x')], ['2', text('2')], ['2prob', text('2prob')], ['2probex', text('2probex')], ['3', text('3')], ['6', text('6')], ['1', text('1')],
  ['0', text('0')], ['an empty packet', text('')], ['x', text('x')], ['binary', binary('2probe')], ['5x', text('5x')]]
for (const [name, send] of intruders) {
  for (const probed of [false, true]) {
    add('U7', `${name} on the probing WebSocket${probed ? ', behind the probe' : ''} closes that one only`, async (t) => {
      const s = await openPolling(t)
      const ws = probed ? await probe(t, s) : await t.connect()
      if (!probed) {
        ws.write(upgrade(s.wsTarget))
        await handshake101(ws)
      }
      ws.write(send)
      await expectFrames(ws, [close()])
      await assertAlive(s)
      const again = await probe(t, s)
      await five(s, again)
    })
  }
}
for (const [name, leave] of [['FIN', (ws) => ws.finish()], ['RST', (ws) => ws.reset()], ['Close', (ws) => ws.write(closeFrame(1000))],
  ['a violation', (ws) => ws.write(text('x', { mask: false }))]]) {
  add('U7', `the probing WebSocket is lost by ${name}: polling goes on`, async (t) => {
    const s = await openPolling(t)
    const ws = await probe(t, s)
    await leave(ws)
    if (name !== 'RST') await ws.wait(() => (ws.in.length ? true : undefined))
    else await settle(t, s.poll)
    await assertAlive(s)
    await s.park()
    assert.equal(s.poll.in.length, 0, 'no 6 any more')
    const again = await probe(t, s)
    assert.equal((await s.answer()).text, '6')
    await five(s, again)
  })
}
add('U8', 'a second WebSocket while one is probing is closed, the first goes on', async (t) => {
  const s = await openPolling(t)
  const ws = await probe(t, s)
  const second = await t.connect()
  second.write([upgrade(s.wsTarget), text('2probe'), text('5')])
  await handshake101(second)
  await expectFrames(second, [close()])
  await five(s, ws)
})
add('U9', 'the client closes by polling: the probing WebSocket goes as well', async (t) => {
  const s = await openPolling(t)
  const ws = await probe(t, s)
  assert.equal((await s.post('1')).text, 'ok')
  await expectFrames(ws, [close()])
  await assertGone(t, s)
})
add('U9 P3', 'the session is destroyed while probing', async (t) => {
  const s = await openPolling(t)
  const ws = await probe(t, s)
  assertError(await s.post('x'), 3)
  await expectFrames(ws, [close()])
  await assertGone(t, s)
})
add('U9 C2', 'the server wants to close while probing: the upgrade is finished if the 5 comes, then Close', async (t) => {
  const s = await openPolling(t, { path: SOCKET })
  assert.equal((await s.post(`40${RS}42["message",1]`)).text, 'ok')
  const ws = await probe(t, s)
  assert.equal((await s.post('4broken')).text, 'ok')
  await quietWebSocket(ws, 'not closed yet')
  ws.write(text('5'))
  await expectFrames(ws, [/^40\{/, '42["auth",{}]', '42["message-back",1]', close()])
  await assertGone(t, s)
})
add('U9 C4', 'the server wants to close while probing: a poll may fetch the end as well', async (t) => {
  const s = await openPolling(t, { path: SOCKET })
  const ws = await probe(t, s)
  assert.equal((await s.post('4broken')).text, 'ok')
  assert.match((await s.get()).text, /^(6\x1e)?1$/)
  await expectFrames(ws, [close()])
  await assertGone(t, s)
})

// ---- C: closing ----

add('C1', 'a sid is forgotten whatever ended the session', async (t) => {
  const ends = [
    (s) => s.post('1'), (s) => s.post('x'), (s) => s.post('2'), (s) => s.post('4a', { 'Content-Type': 'application/octet-stream' }),
  ]
  for (const end of ends) {
    const s = await openPolling(t)
    await end(s)
    await assertGone(t, s)
    const ws = await t.connect()
    ws.write(upgrade(s.wsTarget))
    assert.equal((await response(ws)).text, 'Session ID unknown')
  }
})
const violated = async (t, before = '') => {
  const s = await openPolling(t, { path: SOCKET })
  assert.equal((await s.post(`40${RS}42["message",1]${before}`)).text, 'ok')
  return s
}
add('C3 C2', 'closing with a parked poll and nothing queued: 1 at once, gone', async (t) => {
  const s = await openPolling(t, { path: SOCKET })
  await s.park()
  assert.equal((await s.post('4broken')).text, 'ok')
  assert.equal((await s.answer()).text, '1')
  await assertGone(t, s)
})
add('C4 C2', 'closing without a poll: the next ones bring the queue and the 1', async (t) => {
  const s = await violated(t)
  assert.equal((await s.post('4broken')).text, 'ok')
  const packets = []
  while (!packets.includes('1')) packets.push(...(await s.get()).text.split(RS))
  assert.match(packets[0], /^40\{/)
  assert.deepEqual(packets.slice(1).filter((p) => p !== '6'), ['42["auth",{}]', '42["message-back",1]', '1'])
  await assertGone(t, s)
})
add('C4 P13', 'closing with more than one answer queued', async (t) => {
  const s = await violated(t, `${RS}42["message",2]`.repeat(30))
  assert.equal((await s.post('4broken')).text, 'ok')
  const sizes = []
  let last
  while (last !== '1') {
    const packets = (await s.get()).text.split(RS)
    sizes.push(packets.length)
    last = packets.at(-1)
  }
  assert.ok(sizes.every((n) => n <= 16), `${sizes}`)
  assert.ok(sizes.reduce((a, b) => a + b) >= 34)
  await assertGone(t, s)
})
add('C4', 'a push while closing gets ok and is discarded', async (t) => {
  const s = await violated(t)
  assert.equal((await s.post('4broken')).text, 'ok')
  assert.equal((await s.post('42["message","late"]')).text, 'ok')
  assert.equal((await s.post('x')).text, 'ok')
  const packets = []
  while (!packets.includes('1')) packets.push(...(await s.get()).text.split(RS))
  assert.ok(!packets.join().includes('late'))
})
add('C2 W9', 'a WebSocket: what is queued, then Close, then FIN', async (t) => {
  const ws = await openWebSocket(t, { path: SOCKET })
  ws.write([text('40'), ...Array.from({ length: 100 }, (_, i) => text(`42["message",${i}]`)), text('4broken'), text('42["message","late"]')])
  await expectFrames(ws, [/^40/, '42["auth",{}]', ...Array.from({ length: 100 }, (_, i) => `42["message-back",${i}]`), close()])
})

// ---- X6: the queue of a session: a burst of several times the limit, and the limit itself once it takes nothing ----

const PUSHES = 100 // more than any session may pile up

// The one that finds the session gone is told so; one that was half here when it ended gets no answer.
async function pushUntilGone(t, s, body) {
  let r = { status: 200 }
  for (let i = 0; i < PUSHES && r?.status === 200; i++) r = await s.post(body)
  if (r) assertError(r, 1)
  await assertGone(t, s)
}
add('X6 P14', 'a polling session that fetches nothing is closed at some number of packets', async (t) => {
  const s = await openPolling(t)
  const body = Array(1000).fill('4x').join(RS)
  await pushUntilGone(t, s, body)
})
add('X6 P14', 'a polling session that fetches nothing is closed at some number of bytes', async (t) => {
  const s = await openPolling(t)
  const body = `4${'x'.repeat(900000)}`
  await pushUntilGone(t, s, body)
})
add('X6', 'a WebSocket that does not read is closed, and the server lives', async (t) => {
  const ws = await openWebSocket(t)
  ws.socket.pause()
  const cut = new Promise((resolve) => { ws.socket.once('close', resolve) })
  const message = text(`4${'x'.repeat(900000)}`)
  for (let i = 0; i < 2 * PUSHES && !ws.socket.destroyed; i++) await Promise.race([ws.write(message), cut])
  await assertGone(t, ws)
}, { once: true })

// ---- C6: why a session ended, as the server's log has it ----

const reasons = (args, rows) => {
  for (const [why, name, run] of rows) {
    row({
      file, rule: 'C6', name: `${why}: ${name}`, args: ['--log', 'debug', ...args], once: true, quiet: true,
      async run(t) {
        const sid = await run(t)
        const server = await t.server()
        const line = new RegExp(`closed session=${sid.slice(0, 6)} .*reason=(\\w+)`)
        for (let i = 0; i < 200 && !line.test(server.stderr); i++) await sleep(20)
        assert.equal(line.exec(server.stderr)?.[1], why)
      },
    })
  }
}
const overWebSocket = (run) => async (t) => {
  const ws = await openWebSocket(t)
  await run(ws)
  return ws.sid
}
const overPolling = (run) => async (t) => {
  const s = await openPolling(t)
  await run(s, t)
  return s.sid
}
reasons([], [
  ['peer', 'the peer closed its WebSocket', overWebSocket((ws) => ws.write(closeFrame(1000)))],
  ['peer', 'FIN without a Close', overWebSocket((ws) => ws.finish())],
  ['peer', '1 by polling', overPolling((s) => s.post('1'))],
  ['transport', 'a request that overlaps', overPolling(async (s, t) => {
    await s.park()
    await ask(await t.connect(), 'GET', s.target)
  })],
  ['transport', 'a parked request that was aborted', overPolling(async (s) => {
    await s.park()
    s.poll.destroy()
  })],
  ['transport', 'a ping in the wrong direction', overWebSocket((ws) => ws.write(text('2')))],
  ['parse', 'a malformed packet', overWebSocket((ws) => ws.write(text('x')))],
  ['protocol', 'a malformed frame', overWebSocket((ws) => ws.write(bytes(0xc1, 0x80, 0, 0, 0, 0)))],
  ['too_large', 'a message over maxPayload', overWebSocket((ws) => ws.write(bytes(0x81, 0xff, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0)))],
])
reasons(['--ping-interval', '300', '--ping-timeout', '200'], [['ping', 'no pong in time', overWebSocket(() => {})]])
