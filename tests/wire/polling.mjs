// P of docs/wire.md, long-polling.
import assert from 'node:assert/strict'
import { bytes, request, response, row } from './lib.mjs'
import { ask, assertAlive, assertError, assertGone, openPolling, RS, SOCKET, settle } from './clients.mjs'

const file = 'polling'
const small = ['--max-payload', '200']
const add = (rule, name, run, more = {}) => row({ file, rule, name, run, ...more })

// Polls until n packets are here.
async function fetch(s, n) {
  const packets = []
  while (packets.length < n) {
    const r = await s.get()
    assert.equal(r.status, 200)
    assert.notEqual(r.text, '')
    packets.push(...r.text.split(RS))
  }
  return packets
}

// ---- P1, P2 ----

add('P1', 'queued packets are answered at once', async (t) => {
  const s = await openPolling(t)
  assert.equal((await s.post('4a')).text, 'ok')
  assert.equal((await s.post('4b')).text, 'ok')
  assert.equal((await s.get()).text, `4a${RS}4b`)
})
add('P1', 'an empty queue parks the poll until there is something', async (t) => {
  const s = await openPolling(t)
  await s.park()
  assert.equal(s.poll.in.length, 0)
  assert.equal((await s.post('4late')).text, 'ok')
  assert.equal((await s.answer()).text, '4late')
  await assertAlive(s)
})
add('P1', 'the connection of a parked poll is used again', async (t) => {
  const s = await openPolling(t)
  for (const m of ['4a', '4b', '4c']) {
    await s.park()
    await s.post(m)
    assert.equal((await s.answer()).text, m)
  }
})
add('P1', 'poll and push on one connection, pipelined', async (t) => {
  const s = await openPolling(t)
  s.push.write([request('POST', s.target, {}, '4a'), request('GET', s.target), request('POST', s.target, {}, '4b'), request('GET', s.target)])
  const texts = []
  for (let i = 0; i < 4; i++) texts.push((await response(s.push)).text)
  assert.deepEqual(texts, ['ok', '4a', 'ok', '4b'])
})
add('P1 E1', 'a GET with a body is refused or served, never parked on the body', async (t) => {
  const s = await openPolling(t)
  const r = await ask(s.push, 'GET', s.target, {}, 'body')
  assert.equal(r.status, 400)
  await assertAlive({ ...s, post: (b) => ask(s.poll, 'POST', s.target, {}, b), get: () => ask(s.poll, 'GET', s.target) })
})

const payloads = [
  ['one packet', ['4a']],
  ['three packets', ['4a', '4b', '4c']],
  ['text of many bytes', ['4€', '4😀', '4\u0000', '4 \r\n\t']],
  ['a packet that is longer than a segment', [`4${'x'.repeat(100000)}`]],
  ['binary between text', ['4a', 'bAQID', '4b']],
  ['empty messages', ['4', '4', '4x']],
]
for (const [name, packets] of payloads) {
  add('P2 E7', `${name}, in order`, async (t) => {
    const s = await openPolling(t)
    const r = await s.post(packets.join(RS))
    assert.deepEqual([r.status, r.text], [200, 'ok'])
    assert.deepEqual(await fetch(s, packets.length), packets)
  })
}
add('P2', 'a push while a poll is parked is answered by itself', async (t) => {
  const s = await openPolling(t)
  await s.park()
  assert.equal((await s.post('3')).text, 'ok')
  assert.equal((await s.post('6')).text, 'ok')
  assert.equal(s.poll.in.length, 0)
  await s.post('4x')
  assert.equal((await s.answer()).text, '4x')
})

// ---- P3, P4 ----

add('P3', 'a second poll', async (t) => {
  const s = await openPolling(t)
  await s.park()
  const second = await ask(s.push, 'GET', s.target)
  assert.equal(second.status, 400)
  const first = await s.answer()
  assert.deepEqual([first.status, first.text], [200, '1'])
  await assertGone(t, s)
})
add('P3', 'a second poll on the same connection waits its turn', async (t) => {
  const s = await openPolling(t)
  s.poll.write([request('GET', s.target), request('GET', s.target)])
  await settle(t, s.poll)
  await s.post('4a')
  assert.equal((await s.answer()).text, '4a')
  await settle(t, s.poll)
  await s.post('4b')
  assert.equal((await s.answer()).text, '4b')
})
add('P4', 'a second push', async (t) => {
  const s = await openPolling(t)
  await s.park()
  const first = await t.connect()
  first.write([request('POST', s.target, { 'Content-Length': 6 }), '4he'])
  await settle(t, first)
  const second = await s.post('4x')
  assert.equal(second.status, 400)
  const parked = await s.answer()
  assert.deepEqual([parked.status, parked.text], [200, '1'])
  assert.equal(await response(first), null, 'the first push has no answer')
  await assertGone(t, s)
})

// ---- P5, P6 ----

for (const how of ['finish', 'reset']) {
  add('P5', `the connection of a parked poll goes away: ${how}`, async (t) => {
    const s = await openPolling(t)
    await s.park()
    await s.poll[how]()
    assertError(await ask(s.push, 'GET', s.target), 1)
    await assertGone(t, s)
  })
  // Many at once, so that the server finds the abort and what follows it in one wakeup: it has to serve sockets in the order of arrival.
  for (const method of ['GET', 'POST']) {
    add('P5', `a ${method} right after the abort of a poll sees code 1: ${how}`, async (t) => {
      const all = await Promise.all(Array.from({ length: 40 }, () => openPolling(t)))
      await Promise.all(all.map((s) => s.park()))
      await Promise.all(all.map(async (s) => {
        await s.poll[how]()
        assertError(await (method === 'GET' ? ask(s.push, 'GET', s.target) : s.post('4x')), 1)
      }))
    })
  }
  for (const [name, headers, part] of [['a length', { 'Content-Length': 9 }, '4he'], ['chunks', { 'Transfer-Encoding': 'chunked' }, '3\r\n4he\r\n'],
    ['chunks, but for the last line', { 'Transfer-Encoding': 'chunked' }, '3\r\n4he\r\n0\r\n']]) {
    add('P6', `a push with ${name} is cut off: ${how}`, async (t) => {
      const s = await openPolling(t)
      await s.park()
      s.push.write([request('POST', s.target, headers), part])
      await settle(t, s.push)
      await s.push[how]()
      const parked = await s.answer()
      assert.deepEqual([parked.status, parked.text], [200, '1'], 'nothing was delivered')
      await assertGone(t, s)
    })
  }
  add('P5', `the connection of a parked poll goes away while a push is slow, which ends with it: ${how}`, async (t) => {
    const s = await openPolling(t)
    await s.park()
    s.push.write([request('POST', s.target, { 'Content-Length': 9 }), '4he'])
    await settle(t, s.push)
    await s.poll[how]()
    await s.push.end()
    await assertGone(t, s)
  })
  add('P5', `an idle connection may go: ${how}`, async (t) => {
    const s = await openPolling(t)
    await s.poll[how]()
    s.poll = await t.connect()
    assert.equal((await s.post('4a')).text, 'ok')
    assert.equal((await ask(s.poll, 'GET', s.target)).text, '4a')
  })
}
add('P6', 'only the head of a push is here, then nothing', async (t) => {
  const s = await openPolling(t)
  s.push.write(request('POST', s.target, { 'Content-Length': 9 }))
  await settle(t, s.push)
  await s.push.reset()
  await assertGone(t, s)
})

// ---- P7-P9 ----

add('P7', 'Content-Type: application/octet-stream', async (t) => {
  const s = await openPolling(t)
  await s.park()
  assert.equal((await s.post('4a', { 'Content-Type': 'application/octet-stream' })).status, 400)
  assert.equal((await s.answer()).text, '1')
  await assertGone(t, s)
})
for (const type of [null, 'text/plain', 'text/plain;charset=UTF-8', 'text/plain; charset=UTF-8', 'application/json', 'application/x-www-form-urlencoded', 'x', '']) {
  add('P7', `Content-Type: ${type} is text`, async (t) => {
    const s = await openPolling(t)
    assert.equal((await s.post('4é', { 'Content-Type': type })).text, 'ok')
    assert.equal((await s.get()).text, '4é')
  })
}
const notText = [[0xff], [0xc3], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xc0, 0xaf], [0xf5, 0x80, 0x80, 0x80], [0x80, 'x']]
for (const b of notText) {
  add('P8', `not UTF-8: ${bytes(b).toString('hex')} (DEV)`, async (t) => {
    const s = await openPolling(t)
    await s.park()
    assertError(await s.post(bytes('4', b)), 3)
    assert.equal((await s.answer()).text, '1')
    await assertGone(t, s)
  })
}
add('P8', 'a character may not be cut by a separator', async (t) => {
  const s = await openPolling(t)
  assertError(await s.post(bytes('4', 0xe2, 0x82, RS, 0xac)), 3)
  await assertGone(t, s)
})

const long = (n, unit = 'x') => `4${unit.repeat(n - 1)}`
for (const [name, headers, body, fine] of [
  ['exactly maxPayload', {}, long(200), true],
  ['exactly maxPayload in several packets', {}, [long(99), RS, long(100)].join(''), true],
  ['exactly maxPayload by chunks', { 'Transfer-Encoding': 'chunked' }, `64\r\n${long(100)}\r\n64\r\n${'x'.repeat(100)}\r\n0\r\n\r\n`, true],
  ['maxPayload + 1', {}, long(201), false],
  ['maxPayload + 1 in bytes', {}, `4${'é'.repeat(100)}`, false],
  ['maxPayload + 1 in several packets', {}, [long(99), RS, long(101)].join(''), false],
  ['maxPayload + 1 by chunks', { 'Transfer-Encoding': 'chunked' }, `64\r\n${long(100)}\r\n65\r\n${'x'.repeat(101)}\r\n0\r\n\r\n`, false],
  ['a chunk that announces too much', { 'Transfer-Encoding': 'chunked' }, 'c9\r\n4', false],
  ['a length that announces too much', { 'Content-Length': 201 }, '4', false],
  ['a length beyond 32 bits', { 'Content-Length': 2 ** 33 }, '', false],
]) {
  add('P9', name, async (t) => {
    const s = await openPolling(t)
    const r = await ask(s.push, 'POST', s.target, headers, body)
    assert.equal(r.status, fine ? 200 : 413)
    if (!fine) { // the session lives, the connection may not
      s.push = await t.connect()
      s.post = (b) => ask(s.push, 'POST', s.target, {}, b)
      await assertAlive(s)
      return
    }
    assert.equal(r.text, 'ok')
    const packets = body.includes(RS) ? 2 : 1
    assert.equal((await fetch(s, packets)).join('').length, packets === 2 ? 199 : 200)
  }, { args: small })
}
add('P9', 'the default of maxPayload, to the byte', async (t) => {
  const s = await openPolling(t)
  const whole = long(1000000)
  assert.equal((await s.post(whole)).text, 'ok')
  assert.equal((await s.get()).text, whole)
  assert.equal((await s.post(long(1000001))).status, 413)
})

// ---- P10-P12 ----

for (const body of ['', RS, `4a${RS}`, `${RS}4a`, `4a${RS}${RS}4b`, '7', '8', '9', 'x', ' 4a', '\n', `4a${RS}7${RS}4b`, 'b!', `4a${RS}b====`, '{"a":1}', 'd=4a', '2:4a', '\ufeff4a']) {
  add('P10 E5', `malformed: ${JSON.stringify(body)} (DEV)`, async (t) => {
    const s = await openPolling(t)
    await s.park()
    assertError(await s.post(body), 3)
    const parked = await s.answer()
    assert.deepEqual([parked.status, parked.text], [200, '1'])
    await assertGone(t, s)
  })
}
for (const body of ['2', '2probe']) {
  add('E5', `the wrong direction: ${body}`, async (t) => {
    const s = await openPolling(t)
    await s.park()
    await s.post(body)
    assert.equal((await s.answer()).text, '1')
    await assertGone(t, s)
  })
}
add('P10 S4', 'a Socket.IO violation in a valid payload: ok, and the session closes', async (t) => {
  const s = await openPolling(t, { path: SOCKET })
  assert.equal((await s.post('40')).text, 'ok')
  await fetch(s, 2)
  await s.park()
  const r = await s.post('4broken')
  assert.deepEqual([r.status, r.text], [200, 'ok'])
  assert.equal((await s.answer()).text, '1')
  await assertGone(t, s)
})
add('P10', 'packets before the malformed one are delivered', async (t) => {
  // their effects are lost with the session, but for what another namespace could tell: a close that was asked for before
  const s = await openPolling(t)
  await s.park()
  assert.equal((await s.post(`1${RS}7`)).text, 'ok')
  assert.equal((await s.answer()).text, '6')
})
for (const body of ['1', `1${RS}4a`, `3${RS}1`]) {
  add('P11', `the client closes: ${JSON.stringify(body)}`, async (t) => {
    const s = await openPolling(t)
    await s.park()
    const r = await s.post(body)
    assert.deepEqual([r.status, r.text], [200, 'ok'])
    const parked = await s.answer()
    assert.deepEqual([parked.status, parked.text], [200, '6'])
    await assertGone(t, s)
    assertError(await s.post('4a'), 1)
  })
}
add('P11', 'the client closes without a poll', async (t) => {
  const s = await openPolling(t)
  assert.equal((await s.post('1')).text, 'ok')
  assertError(await s.get(), 1)
})
add('P12', 'a poll and the close at the same moment', async (t) => {
  const all = await Promise.all(Array.from({ length: 40 }, () => openPolling(t)))
  await Promise.all(all.map(async (s) => {
    await s.poll.write(request('GET', s.target))
    await s.push.write(request('POST', s.target, {}, '1'))
    assert.equal((await s.answer()).text, '6')
    assert.equal((await response(s.push)).text, 'ok')
  }))
})

// ---- P13, P14 ----

add('P13 P14 E7', 'at most 16 packets in an answer, the rest later', async (t) => {
  const s = await openPolling(t)
  const packets = Array.from({ length: 40 }, (_, i) => `4${i}`)
  assert.equal((await s.post(packets.join(RS))).text, 'ok')
  const answers = []
  for (let i = 0; i < 3; i++) answers.push((await s.get()).text.split(RS))
  assert.deepEqual(answers.map((a) => a.length), [16, 16, 8])
  assert.deepEqual(answers.flat(), packets)
  await assertAlive(s)
})
add('P13 E7', 'a parked poll gets at most 16 packets too', async (t) => {
  const s = await openPolling(t)
  await s.park()
  const packets = Array.from({ length: 17 }, (_, i) => `4${i}`)
  await s.post(packets.join(RS))
  const first = (await s.answer()).text.split(RS)
  assert.ok(first.length <= 16)
  assert.deepEqual([...first, ...await fetch(s, packets.length - first.length)], packets)
})
add('P13', 'bytes of an answer stay near maxPayload', async (t) => {
  const s = await openPolling(t)
  for (const c of 'abcde') await s.post(`4${c.repeat(90)}`)
  const sizes = []
  while (sizes.reduce((a, b) => a + b, 0) < 5 * 91) sizes.push((await s.get()).text.replaceAll(RS, '').length)
  assert.deepEqual(sizes, [182, 182, 91])
}, { args: small })
add('P13', 'one packet always fits', async (t) => {
  const s = await openPolling(t)
  for (let i = 0; i < 2; i++) await s.post(long(200))
  assert.equal((await s.get()).text, long(200))
  assert.equal((await s.get()).text, long(200))
}, { args: small })
add('P14', 'no poll in flight: three hundred messages are kept', async (t) => {
  const s = await openPolling(t)
  const packets = Array.from({ length: 300 }, (_, i) => `4${i}`)
  for (let i = 0; i < 300; i += 30) assert.equal((await s.post(packets.slice(i, i + 30).join(RS))).text, 'ok')
  assert.deepEqual(await fetch(s, 300), packets)
})
