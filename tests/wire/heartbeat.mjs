// B of docs/wire.md, the heartbeat, and the other clocks: upgrade, closing linger. Rows about time run once, after the others. A clock that the row has to be
// faster than is long, one that it waits for is short: a machine that is busy makes rows slow, not wrong.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { binary, close, frame, OP, readFrame, row, text, upgrade } from './lib.mjs'
import { ask, assertAlive, assertError, assertGone, expectFrames, handshake101, openPolling, openWebSocket, probe, RS, SOCKET } from './clients.mjs'

const file = 'heartbeat'
const INTERVAL = 300, TIMEOUT = 200
const PATIENCE = 2500
const clocks = (interval, timeout) => ['--ping-interval', String(interval), '--ping-timeout', String(timeout)]
const quick = clocks(INTERVAL, TIMEOUT), patient = clocks(INTERVAL, PATIENCE), beats = clocks(INTERVAL, 20000)
const add = (rule, name, run, args = beats) => row({ file, rule, name, run, args, once: true, quiet: true })
const now = () => performance.now()

// Every measure errs in one direction only: a session began before its open packet was here, and what arrived was sent before.
const atLeast = (since, ms, what) => assert.ok(now() - since >= ms - 2, `${what}: after ${now() - since} ms`)

// ---- B1-B3 ----

add('B1', 'WebSocket: the first ping comes an interval after the handshake, the next one an interval after the pong', async (t) => {
  const before = now()
  const ws = await openWebSocket(t)
  assert.equal(await readFrame(ws), '2')
  atLeast(before, INTERVAL, 'first')
  for (let i = 0; i < 3; i++) {
    const ponged = now()
    ws.write(text('3'))
    assert.equal(await readFrame(ws), '2')
    atLeast(ponged, INTERVAL, 'next')
  }
})
add('B1 B4', 'polling: pings are packets of the queue', async (t) => {
  const s = await openPolling(t)
  for (let i = 0; i < 3; i++) {
    assert.equal((await s.get()).text, '2')
    assert.equal((await s.post('3')).text, 'ok')
  }
  await assertAlive(s)
})
add('B1', 'the server pings; a client\'s 3 is enough, whatever follows it', async (t) => {
  const ws = await openWebSocket(t)
  for (const pong of ['3', '3probe', '3x']) {
    assert.equal(await readFrame(ws), '2')
    ws.write(text(pong))
  }
  assert.equal(await readFrame(ws), '2')
})
add('B2', 'pings are sent even when there is other traffic', async (t) => {
  const ws = await openWebSocket(t)
  let stop = false
  const talk = (async () => { while (!stop) { await ws.write(text('4x')); await sleep(20) } })()
  for (let pings = 0; pings < 3;) {
    const got = await readFrame(ws)
    if (got === '2') { pings++; ws.write(text('3')) } else assert.equal(got, '4x')
  }
  stop = true
  await talk
})
add('B3', 'WebSocket: no pong within the timeout: Close', async (t) => {
  const ws = await openWebSocket(t)
  assert.equal(await readFrame(ws), '2')
  await expectFrames(ws, [close()])
  await assertGone(t, ws)
}, quick)
add('B3', 'polling: no pong within the timeout: a parked poll gets 1', async (t) => {
  const before = now()
  const s = await openPolling(t)
  assert.equal((await s.get()).text, '2')
  const parked = await s.get()
  atLeast(before, INTERVAL + PATIENCE, 'the end')
  assert.equal(parked.text, '1')
  await assertGone(t, s)
}, patient)
add('B3', 'bytes that arrive are life: an upload that moves is not cut, one that stands is', async (t) => {
  const ws = await openWebSocket(t)
  const f = text(`4${'x'.repeat(118)}`)
  const started = now()
  for (let i = 0; i < f.length; i++) { // beyond interval and timeout, without a pong
    ws.write(f.subarray(i, i + 1))
    await sleep(30)
  }
  assert.ok(now() - started > INTERVAL + PATIENCE)
  assert.equal(await readFrame(ws), '2')
  assert.equal(await readFrame(ws), `4${'x'.repeat(118)}`)
  ws.write(text('4half').subarray(0, 3))
  await expectFrames(ws, [close()])
}, patient)
add('B3', 'a control ping is life, too, and is answered', async (t) => {
  const ws = await openWebSocket(t)
  assert.equal(await readFrame(ws), '2')
  const started = now()
  for (let i = 0; now() - started < PATIENCE + 300; i++) {
    ws.write(frame(OP.ping, `${i}`))
    assert.deepEqual(await readFrame(ws), { pong: `${i}` })
    await sleep(50)
  }
  ws.write([text('3'), text('4a')])
  assert.equal(await readFrame(ws), '4a')
}, patient)
add('E5', 'pongs that nobody asked for move no clock', async (t) => {
  const eager = await openWebSocket(t), quiet = await openWebSocket(t) // in this order, so the eager one hears its ping first
  for (let i = 0; i < 10; i++) { eager.write(text('3')); await sleep(20) }
  assert.equal(await readFrame(quiet), '2')
  eager.write(frame(OP.ping, 'here'))
  assert.equal(await readFrame(eager), '2')
  assert.deepEqual(await readFrame(eager), { pong: 'here' })
})

// ---- B4, B5 ----

add('B4 B5', 'an abandoned polling session is gone after interval and timeout, to the millisecond', async (t) => {
  const all = await Promise.all(Array.from({ length: 20 }, () => openPolling(t)))
  await sleep(INTERVAL + TIMEOUT) // since the last of them was opened: for all of them the deadline has passed
  const errors = await Promise.all(all.map((s) => s.get()))
  for (const r of errors) assertError(r, 1)
}, quick)
add('B3 B4', 'a poll is a sign of life, but no pong: the session ends a timeout behind the last one', async (t) => {
  const s = await openPolling(t)
  await sleep(INTERVAL + 50)
  assert.equal((await s.get()).text, '2') // waited in the queue
  await sleep(PATIENCE)
  assertError(await s.get(), 1)
}, patient)
// The server stands still while the deadline passes: a request that comes then finds the session ended, although no timer could fire.
const frozen = (n) => clocks(INTERVAL + n, PATIENCE)
const stand = async (t, late) => {
  const { child } = await t.server()
  child.kill('SIGSTOP')
  await sleep(PATIENCE + 50)
  await late()
  child.kill('SIGCONT')
}
add('B5', 'WebSocket: a pong behind the deadline is none', async (t) => {
  const ws = await openWebSocket(t)
  assert.equal(await readFrame(ws), '2')
  await stand(t, () => ws.write([text('3'), text('4late')]))
  await expectFrames(ws, [close()])
}, frozen(1))
add('B5', 'polling: a pong behind the deadline meets code 1', async (t) => {
  const s = await openPolling(t)
  assert.equal((await s.get()).text, '2')
  let answer
  await stand(t, async () => { answer = s.post('3'); await s.push.writes })
  assertError(await answer, 1)
}, frozen(2))
add('B5', 'polling: so does a poll behind the deadline', async (t) => {
  const s = await openPolling(t)
  assert.equal((await s.get()).text, '2')
  let answer
  await stand(t, async () => { answer = s.get(); await s.poll.writes })
  assertError(await answer, 1)
}, frozen(3))
add('B6', 'the two numbers of the handshake are those that are kept to', async (t) => {
  const ws = await openWebSocket(t)
  assert.deepEqual([ws.open.pingInterval, ws.open.pingTimeout], [INTERVAL, TIMEOUT])
}, quick)

// ---- U8, U10 ----

const impatient = ['--upgrade-timeout', String(PATIENCE)]
add('U8', 'no 5 in time: the probing WebSocket is closed, the session goes on', async (t) => {
  const s = await openPolling(t)
  const before = now()
  const ws = await probe(t, s)
  const silent = await openPolling(t)
  const mute = await t.connect()
  mute.write(upgrade(silent.wsTarget))
  await handshake101(mute)
  assert.deepEqual(await readFrame(ws), close())
  atLeast(before, PATIENCE, 'the probe\'s end')
  assert.deepEqual(await readFrame(mute), close())
  await assertAlive(s)
  await assertAlive(silent)
  const again = await probe(t, s)
  again.write([text('5'), text('4a')])
  await expectFrames(again, ['4a'])
}, impatient)
add('U10', 'a ping sent by polling stays armed over the upgrade: no pong, the session ends', async (t) => {
  const s = await openPolling(t)
  assert.equal((await s.get()).text, '2')
  const ws = await probe(t, s)
  ws.write(text('5'))
  await expectFrames(ws, [close()])
  await assertGone(t, s)
}, patient)
add('U10', 'the pong may come by WebSocket', async (t) => {
  const s = await openPolling(t)
  assert.equal((await s.get()).text, '2')
  const ws = await probe(t, s)
  ws.write([text('5'), text('3')])
  assert.equal(await readFrame(ws), '2')
  ws.write(text('3'))
  assert.equal(await readFrame(ws), '2')
})
add('U10 U4', 'a ping that no poll fetched goes out behind the 5', async (t) => {
  const s = await openPolling(t)
  const ws = await probe(t, s)
  await sleep(INTERVAL + 20)
  ws.write(text('5'))
  assert.equal(await readFrame(ws), '2')
  ws.write(text('3'))
  assert.equal(await readFrame(ws), '2')
})

// ---- C5 ----

add('C5', 'a closing session is forgotten after the linger time', async (t) => {
  const [fetched, forgotten] = await Promise.all([openPolling(t, { path: SOCKET }), openPolling(t, { path: SOCKET })])
  for (const s of [fetched, forgotten]) assert.equal((await s.post('4broken')).text, 'ok')
  assert.equal((await fetched.get()).text, '1')
  await sleep(PATIENCE)
  assertError(await forgotten.get(), 1)
}, ['--linger', String(PATIENCE)])
add('C5 B4', 'no ping goes to a closing session', async (t) => {
  const s = await openPolling(t, { path: SOCKET })
  assert.equal((await s.post('4broken')).text, 'ok')
  await sleep(INTERVAL + TIMEOUT)
  assert.equal((await s.get()).text, '1')
}, [...quick, '--linger', '20000'])

// ---- E7 ----

add('E7 S7', 'pings may come between the parts of what is sent, never within', async (t) => {
  const ws = await openWebSocket(t)
  for (let i = 0; i < 30; i++) {
    ws.write([text('4a'), binary('b')])
    await sleep(20)
  }
  const seen = []
  while (seen.length < 60) {
    const got = await readFrame(ws)
    if (got === '2') ws.write(text('3'))
    else seen.push(String(got))
  }
  assert.deepEqual(seen, Array.from({ length: 60 }, (_, i) => (i % 2 ? 'b' : '4a')))
})
