// Connection state recovery (docs/recovery.md, docs/wire.md R): every missed event once and in order.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Dart } from './lib/dart.mjs'
import { recovery } from './lib/recovery.mjs'
import { sleep, token, until, world } from './lib/world.mjs'

const w = await world(import.meta.url, { login: true })
const [one, two] = [await w.edge(), await w.edge()]
const { asking, connected, offset, cut, cutAtOffset, back, recovered, write, exactlyOnce } = recovery(w)

// ---- not asked for ----

test('who does not ask sees nothing of it', async () => {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  for (const auth of [{}, { recovery: false }, { recovery: 'true' }, { recovery: 1 }, { recovery: false, pid: 'x'.repeat(24), offset: 'y' }]) {
    const d = await Dart.up(one, bob, { auth: { token: token(bob), ...auth } })
    assert.deepEqual(Object.keys(d.connectReply), ['sid'])
    await w.message(chat, ann)
    await d.hear('chat:message:new')
    await d.ask('chat:join', { chat_id: chat.id })
    await w.sql('select rt.emit(array[$1], $2, $3)', [d.id, 'test:end', {}])
    await d.hear('test:end')
    assert.deepEqual(d.heard('$o'), [])
    for (const f of d.frames.filter((x) => x.startsWith('42'))) assert.equal(JSON.parse(f.slice(2)).length, 2, f)
    d.onlyMaps()
    d.close()
  }
  assert.equal(await w.value('select count(*) from bellwire.recoveries where user_id = $1', [bob.id]), 0)
})

test('who asks: a private id, offsets of their own, events untouched', async () => {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const d = await Dart.up(one, bob, { auth: { token: token(bob), recovery: true } })
  assert.deepEqual(Object.keys(d.connectReply), ['sid', 'pid'])
  assert.match(d.connectReply.pid, /^[\w-]{24}$/)
  assert.notEqual(d.connectReply.pid, d.connectReply.sid)
  await d.hear('$o')
  const names = (first) => d.events.slice(d.events.findIndex((e) => e.event === first)).map((e) => e.event).filter((e) => !/^user:/.test(e))
  await w.sql('select rt.emit(array[$1], $2, $3) from generate_series(1, 20)', [`participants:${chat.id}`, 'test:one', {}])
  await d.hear('test:one', {}, 20)
  await until(() => names('test:one').length > 20)
  assert.deepEqual(names('test:one'), [...Array(20).fill('test:one'), '$o'], 'one for a batch, behind what it covers')
  await w.transaction(async (sql) => {
    for (let i = 0; i < 20; i++) await sql("insert into platform.messages (chat_id, sender_id, type, content) values ($1, $2, 'text', 'x')", [chat.id, ann.id])
  })
  await d.hear('chat:message:new', {}, 20)
  await until(() => d.events.at(-1).event === '$o')
  const told = names('chat:message:new').join()
  assert.match(told, /^(chat:message:new,\$o,(chat:message:new,){19}|(chat:message:new,){20})\$o$/, 'and for the row that its bell may have brought before')
  // handlers of the application get Maps; stock clients take the last of two values for their offset
  for (const { event, data } of d.events) {
    if (event === '$o') assert.ok(Array.isArray(data) && data.length === 2 && data[0] === 0 && /^[\w-]+$/.test(data[1]), JSON.stringify(data))
    else assert.equal(Object.prototype.toString.call(data), '[object Object]', event)
  }
  d.close()
})

test('Dart: keeps the offset, presents it, is recovered', async () => {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const d = await Dart.up(one, bob, { auth: { token: token(bob), recovery: true } })
  await d.hear('$o')
  d.tcp.destroy()
  const ids = []
  for (let i = 0; i < 3; i++) ids.push((await w.message(chat, ann)).id)
  const e = new Dart(two, { auth: { pid: d.connectReply.pid, offset: d.heard('$o').at(-1)[1], token: token(bob), recovery: true } })
  await e.open()
  await e.hear('connected')
  assert.equal(e.connectReply.pid, d.connectReply.pid)
  assert.deepEqual(e.heard('connected')[0].recovered, true)
  assert.deepEqual(e.heard('chat:message:new').map((m) => m.id), ids)
  assert.deepEqual(e.events.filter((x) => x.event !== '$o' && !/^user:/.test(x.event)).map((x) => x.event), ['chat:message:new', 'chat:message:new', 'chat:message:new', 'connected'])
  assert.match(e.frames[1], /^40/, 'CONNECT\'s reply comes first')
  // an offset that is not known yet is null in Dart
  const f = new Dart(two, { auth: { pid: d.connectReply.pid, offset: null, token: token(bob), recovery: true } })
  await f.open()
  await f.hear('sync:required')
  assert.equal(f.heard('sync:required')[0].reason, 'reconnection')
  assert.notEqual(f.connectReply.pid, d.connectReply.pid)
  for (const x of [d, e, f]) x.close()
})

test('takes a message and the offset behind it, its pong is lost, it recovers with that offset: delivered', async () => {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const a = await connected(ann)
  const d = await Dart.up(one, bob, { auth: { token: token(bob), recovery: true }, pong: false })
  await d.hear('$o')
  const known = d.events.length
  const taken = []
  for (let i = 0; i < 3; i++) taken.push((await w.message(chat, ann)).id)
  const behind = () => d.events.slice(known).map((e) => (e.event === '$o' ? '$o' : e.data.id))
  await until(() => taken.every((id) => behind().indexOf(id) >= 0 && behind().lastIndexOf('$o') > behind().indexOf(id)), 'the offset behind them')
  d.tcp.destroy()
  const missed = (await w.message(chat, ann)).id
  assert.deepEqual(await w.sql('select 1 from platform.message_receipts where user_id = $1', [bob.id]), [])
  const e = new Dart(two, { auth: { pid: d.connectReply.pid, offset: d.heard('$o').at(-1)[1], token: token(bob), recovery: true }, pong: false })
  await e.open()
  await e.hear('connected')
  assert.equal(e.heard('connected')[0].recovered, true)
  assert.deepEqual(e.heard('chat:message:new').map((m) => m.id), [missed])
  for (const id of taken) await a.hear('chat:message:delivered', { message_id: id, delivered_to: bob.id })
  // the one that no offset and no pong tells of is not claimed
  assert.equal(await w.value('select count(*) from platform.message_receipts where user_id = $1', [bob.id]), taken.length)
  for (const x of [a, d, e]) x.close()
})

test('no offset between the pages of a fetch, nor while presence waits its turn', async () => {
  const bob = await w.user('Борис')
  const c = await connected(bob)
  await c.barrier()
  await until(() => c.events.at(-1).event === '$o', 'the offset of that')
  const since = (n, name) => c.events.slice(n).map((e) => e.event).filter((e) => e === name || e === '$o')
  let n = c.events.length
  await w.sql("select rt.emit(array[$1], 'test:page', '{}') from generate_series(1, 2500)", [c.id])
  await c.hear('test:page', undefined, 2500)
  await until(() => since(n, 'test:page').includes('$o'))
  const pages = since(n, 'test:page')
  assert.equal(pages.indexOf('$o', pages.indexOf('test:page')) - pages.indexOf('test:page'), 2500)
  // 50 changes every 250 ms
  await until(() => c.events.at(-1).event === '$o')
  n = c.events.length
  await w.sql("select rt.emit(array[$1], 'user:online', jsonb_build_object('user_id', n)) from generate_series(1, 120) n", [c.id])
  await until(() => since(n, 'user:online').length >= 121, () => JSON.stringify(since(n, 'user:online')))
  assert.equal(since(n, 'user:online').indexOf('$o'), 120)
})

// ---- exactly once ----

for (const transport of ['websocket', 'polling', 'upgrade']) {
  test(`every missed event once and in order, writers running, again and again (${transport})`, async () => {
    const [ann, bob] = await w.users('Анна', 'Борис')
    const chats = await Promise.all(Array.from({ length: 4 }, () => w.chat(ann, bob)))
    const c = await connected(bob, { transport })
    const committed = []
    let writing = true
    const writers = Promise.all(Array.from({ length: 8 }, (_, i) => write(chats[i % 4], ann, 40, committed))).then(() => {
      writing = false
      return write(chats[0], ann, 1, committed) // an offset for a cut that still waits for one
    })
    const ids = new Set([c.id])
    let rounds = 0
    for (; writing && rounds < 12; rounds++) {
      await cutAtOffset(c)
      await sleep(Math.random() * 150)
      await back(c, { edge: rounds % 2 ? one : two })
      recovered(c)
      assert.ok(!ids.has(c.id), 'a socket id of its own')
      ids.add(c.id)
    }
    await writers
    assert.ok(rounds >= 2, `${rounds} rounds`)
    await exactlyOnce(c, committed)
  })
}

test('hundreds while away', async () => {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chats = await Promise.all(Array.from({ length: 4 }, () => w.chat(ann, bob)))
  const c = await connected(bob)
  await cut(c)
  const committed = []
  await Promise.all(Array.from({ length: 8 }, (_, i) => write(chats[i % 4], ann, 60, committed)))
  assert.equal(committed.length, 384)
  await back(c, { edge: two })
  recovered(c)
  await exactlyOnce(c, committed)
  assert.equal(c.events.slice(c.away).findIndex((e) => e.event === 'connected') >= 384, true, 'what was missed comes before `connected`')
})

test('before the old connection is noticed to be dead: it is taken over and ended', async () => {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  for (const edge of [one, two]) {
    const old = await connected(bob)
    const pid = old.socket._pid
    const c = asking(bob, { edge, auth: { pid, offset: await offset(old) } })
    await c.hear('connected')
    assert.equal(c.heard('connected')[0].recovered, true, 'it goes on here')
    assert.equal(await old.down(), 'io server disconnect', 'and no longer there')
    assert.equal(c.ends.length, 0)
    const m = await w.message(chat, ann)
    await c.hear('chat:message:new', { id: m.id })
    assert.equal(await w.value('select count(*) from bellwire.recoveries where user_id = $1', [bob.id]), 1)
    await until(async () => await w.value('select count(*) from bellwire.sockets where user_id = $1', [bob.id]) === 1, 'one socket')
    c.close()
    await c.down()
    await until(async () => await w.value('select count(*) from bellwire.recoveries where user_id = $1', [bob.id]) === 0, 'forgotten')
  }
})

test('two connections present one id at the same moment: one lives', async () => {
  const [ann, bob] = await w.users('Анна', 'Борис')
  await w.chat(ann, bob)
  const old = await connected(bob)
  const auth = { pid: old.socket._pid, offset: await offset(old) }
  await cut(old)
  const both = [asking(bob, { edge: one, auth }), asking(bob, { edge: two, auth }), asking(bob, { edge: one, auth })]
  await until(() => both.filter((c) => c.ends.length > 0).length === 2, () => both.map((c) => c.story()).join('\n'))
  const alive = both.find((c) => c.ends.length === 0)
  await alive.hear('connected', { recovered: true })
  await alive.barrier()
  assert.equal(alive.ends.length, 0)
})

test('an edge killed, another one started', async () => {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const doomed = await w.edge()
  const c = await connected(bob, { edge: doomed })
  const committed = []
  const writers = Promise.all(Array.from({ length: 4 }, () => write(chat, ann, 30, committed)))
  await until(() => c.heard('chat:message:new').length > 10)
  await cutAtOffset(c)
  await doomed.kill()
  const heir = await w.edge()
  await back(c, { edge: heir })
  recovered(c)
  await writers
  await exactlyOnce(c, committed)
  c.close()
  await c.down()
  await heir.stop()
})

test('delivered is claimed for what a recovered client has taken', async () => {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const a = await w.connect(ann, { edge: one })
  for (const transport of ['websocket', 'polling']) {
    const c = await connected(bob, { transport })
    await cut(c)
    const ids = [(await w.message(chat, ann)).id, (await w.message(chat, ann)).id]
    await a.barrier()
    assert.deepEqual(a.heard('chat:message:delivered', (d) => ids.includes(d.message_id)), [])
    await back(c, { edge: two })
    recovered(c)
    for (const message_id of ids) await a.hear('chat:message:delivered', { message_id })
    c.close()
    await until(async () => await w.value('select count(*) from bellwire.sockets where user_id = $1', [bob.id]) === 0, 'nobody takes the next ones')
  }
})

test('a polling client whose one POST meets a 503 says 1 alone: nobody hears that it left, and it is recovered', async () => {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const chat = await w.chat(ann, bob)
  const a = await w.connect(ann)
  const c = await connected(bob, { transport: 'polling' })
  const sid = c.socket.io.engine.id
  assert.equal(await (await fetch(`${one.url}/socket.io/?EIO=4&transport=polling&sid=${sid}`, { method: 'POST', body: '1' })).text(), 'ok')
  await c.down()
  await w.message(chat, ann, 'missed')
  await back(c)
  recovered(c)
  await c.hear('chat:message:new', { content: 'missed' })
  await a.barrier()
  assert.deepEqual(a.heard('user:offline', { user_id: bob.id }), [])
  c.close()
})
