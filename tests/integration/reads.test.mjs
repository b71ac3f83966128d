// docs/reads.md: the HTTP reads.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { keys, TIME } from './lib/client.mjs'
import { seconds, sign, token, world } from './lib/world.mjs'

const w = await world(import.meta.url)
const edge = await w.edge()

// Status, headers and the JSON of one read.
async function get(user, path, { on = edge, headers = {}, ...options } = {}) {
  const r = await fetch(`${on.url}/api/v2/${path}`, { headers: { ...(user && { authorization: `Bearer ${token(user)}` }), ...headers }, ...options })
  const text = await r.text()
  if (text) assert.match(r.headers.get('content-type'), /^application\/json/)
  return { status: r.status, headers: r.headers, body: text ? JSON.parse(text) : null }
}

async function items(user, path) {
  const { status, body } = await get(user, path)
  assert.equal(status, 200, JSON.stringify(body))
  keys(body, 'items', 'next_before')
  return body
}

// All pages of a list, of the size given.
async function pages(user, path, limit) {
  const all = []
  for (let before = ''; ;) {
    const page = await items(user, `${path}${path.includes('?') ? '&' : '?'}limit=${limit}${before}`)
    assert.ok(page.items.length <= limit)
    all.push(...page.items)
    if (page.next_before === null) return all
    assert.equal(page.items.length, limit)
    assert.equal(encodeURIComponent(page.next_before), page.next_before)
    before = `&before=${page.next_before}`
  }
}

async function refused(user, path, status, code, options) {
  const r = await get(user, path, options)
  assert.deepEqual([r.status, r.body.code], [status, code], `${path}: ${JSON.stringify(r.body)}`)
  keys(r.body, 'code', 'message', 'timestamp')
  assert.match(r.body.timestamp, TIME)
  return r
}

describe('chats', { concurrency: true }, () => {
  test('items key for key, newest activity first', async () => {
    const [ann, bob, eve] = await w.users('Анна', 'Борис', 'Ева')
    await w.sql("update platform.users set avatar_url = 'https://x.example/b.png' where id = $1", [bob.id])
    const quiet = await w.chat(ann, eve)
    const chat = await w.chat(ann, bob)
    const c = await w.connect(bob)
    await w.message(chat, bob, 'one')
    const last = await w.message(chat, bob, 'two')
    await w.message(chat, ann, 'mine')
    const { items: list, next_before } = await items(ann, 'chats')
    assert.equal(next_before, null)
    assert.deepEqual(list.map((x) => x.id), [chat.id, quiet.id])
    const [first, second] = list
    keys(first, 'id', 'participants', 'participants_count', 'last_message', 'unread_count', 'created_at')
    assert.match(first.created_at, TIME)
    assert.equal(first.unread_count, 2)
    assert.deepEqual([first.last_message.content, first.last_message.sender_id, first.last_message.metadata], ['mine', ann.id, {}])
    keys(first.last_message, 'id', 'chat_id', 'sender_id', 'sender_name', 'sender_avatar', 'type', 'content', 'metadata', 'created_at', 'status', 'seq')
    assert.deepEqual([second.last_message, second.unread_count], [null, 0])
    const b = first.participants.find((p) => p.user_id === bob.id)
    keys(b, 'user_id', 'name', 'avatar_url', 'online', 'last_seen')
    assert.deepEqual([b.name, b.avatar_url, b.online], ['Борис', 'https://x.example/b.png', true])
    assert.match(b.last_seen, TIME)
    const [a] = first.participants // the user first
    assert.deepEqual([a.user_id, first.participants_count], [ann.id, 2])
    assert.deepEqual([a.avatar_url, a.online, a.last_seen], [null, false, null])
    // reading brings the count down
    await w.sql('insert into platform.message_receipts (message_id, user_id, read_at) values ($1, $2, now())', [last.id, ann.id])
    assert.equal((await items(ann, 'chats')).items[0].unread_count, 1)
    c.close()
  })

  test('activity moves a chat to the front; pages', async () => {
    const [ann, bob] = await w.users('Анна', 'Борис')
    const chats = []
    for (let i = 0; i < 7; i++) chats.push(await w.chat(ann, bob))
    await w.message(chats[2], bob)
    const order = (await items(ann, 'chats')).items.map((c) => c.id)
    assert.deepEqual(order, [chats[2], ...chats.filter((_, i) => i !== 2).reverse()].map((c) => c.id))
    for (const limit of [1, 3, 7, 100]) assert.deepEqual((await pages(ann, 'chats', limit)).map((c) => c.id), order)
    assert.deepEqual((await items(await w.user(), 'chats')), { items: [], next_before: null })
  })

  test('paged while the cursor\'s chat changes, and while it goes', async () => {
    const [ann, bob] = await w.users('Анна', 'Борис')
    const chats = []
    for (let i = 0; i < 6; i++) chats.unshift(await w.chat(ann, bob))
    const first = await items(ann, 'chats?limit=2')
    await w.message(chats[1], bob) // the one that the page ended with is on top now
    const second = await items(ann, `chats?limit=2&before=${first.next_before}`)
    assert.deepEqual(second.items.map((c) => c.id), [chats[2].id, chats[3].id])
    await w.sql('delete from platform.chats where id = $1', [chats[3].id])
    assert.deepEqual((await items(ann, `chats?before=${second.next_before}`)).items.map((c) => c.id), [chats[4].id, chats[5].id])
  })

  test('unread counts others\' messages since joining', async () => {
    const [ann, bob] = await w.users('Анна', 'Борис')
    const chat = await w.chat(bob)
    await w.message(chat, bob, 'before')
    await w.sql('insert into platform.chat_participants (chat_id, user_id) values ($1, $2)', [chat.id, ann.id])
    await w.message(chat, bob, 'after')
    await w.message(chat, ann, 'mine')
    assert.equal((await items(ann, 'chats')).items[0].unread_count, 1)
    assert.equal((await items(ann, `chats/${chat.id}/messages`)).items.length, 3, 'history before joining is visible')
  })
})

describe('messages', { concurrency: true }, () => {
  test('keys of chat:message:new, newest first, pages', async () => {
    const [ann, bob] = await w.users('Анна', 'Борис')
    const chat = await w.chat(ann, bob)
    const b = await w.connect(bob)
    const sent = []
    for (let i = 0; i < 12; i++) sent.push((await w.message(chat, ann, `m${i}`)).id)
    await b.hear('chat:message:new', undefined, 12)
    const list = (await items(bob, `chats/${chat.id}/messages`)).items
    assert.deepEqual(list.map((m) => m.id), [...sent].reverse())
    const event = b.heard('chat:message:new', { id: list[0].id })[0]
    assert.deepEqual({ ...list[0], status: 'sent' }, event)
    for (const limit of [1, 5, 12, 100]) assert.deepEqual((await pages(bob, `chats/${chat.id}/messages`, limit)).map((m) => m.id), [...sent].reverse())
    assert.equal((await items(bob, `chats/${chat.id}/messages?before=${sent[0]}`)).items.length, 0)
    assert.equal((await get(bob, `chats/${chat.id.toUpperCase()}/messages`)).status, 200)
    // the row that a page ended with goes, and an id says a place as well
    const page = await items(bob, `chats/${chat.id}/messages?limit=5`)
    await w.sql('delete from platform.messages where id = $1', [page.items[4].id])
    assert.deepEqual((await items(bob, `chats/${chat.id}/messages?before=${page.next_before}`)).items.map((m) => m.id), sent.slice(0, 7).reverse())
    assert.deepEqual((await items(bob, `chats/${chat.id}/messages?before=${sent[8]}`)).items.map((m) => m.id), sent.slice(0, 7).reverse())
  })

  test('fifty unless asked otherwise', async () => {
    const [ann, bob] = await w.users('Анна', 'Борис')
    const chat = await w.chat(ann, bob)
    await w.sql("insert into platform.messages (chat_id, sender_id, type, content) select $1, $2, 'text', 'm' || i from generate_series(1, 51) i", [chat.id, bob.id])
    const { items: list, next_before } = await items(ann, `chats/${chat.id}/messages`)
    assert.equal(list.length, 50)
    assert.ok(next_before)
  })

  test('status of own messages: sent, delivered, read, by anyone', async () => {
    const [ann, bob, eve] = await w.users('Анна', 'Борис', 'Ева')
    const chat = await w.chat(ann, bob, eve)
    const [m1, m2, m3] = [await w.message(chat, ann), await w.message(chat, ann), await w.message(chat, ann)]
    await w.sql('insert into platform.message_receipts (message_id, user_id, delivered_at) values ($1, $2, now())', [m2.id, bob.id])
    await w.sql('insert into platform.message_receipts (message_id, user_id, read_at) values ($1, $2, now())', [m3.id, eve.id])
    const status = async () => Object.fromEntries((await items(ann, `chats/${chat.id}/messages`)).items.map((m) => [m.id, m.status]))
    assert.deepEqual(await status(), { [m3.id]: 'read', [m2.id]: 'delivered', [m1.id]: 'sent' })
    // fetched history counts as delivered, and is announced
    const a = await w.connect(ann)
    await items(bob, `chats/${chat.id}/messages`)
    await a.hear('chat:message:delivered', { message_id: m1.id, delivered_to: bob.id })
    assert.equal((await status())[m1.id], 'delivered')
  })

  test('a page may be larger than what a slow client is left with', async () => {
    const ann = await w.user()
    const chat = await w.chat(ann)
    const text = 'x'.repeat(16384)
    await w.sql(`insert into platform.messages (chat_id, sender_id, type, content) select $1, $2, 'text', $3 from generate_series(1, 100)`, [chat.id, ann.id, text])
    const list = (await items(ann, `chats/${chat.id}/messages?limit=100`)).items
    assert.deepEqual([list.length, list[0].content, list[99].content], [100, text, text])
  })

  test('not mine, not there, no uuid', async () => {
    const [ann, bob] = await w.users('Анна', 'Борис')
    const chat = await w.chat(bob)
    await refused(ann, `chats/${chat.id}/messages`, 403, 'FORBIDDEN')
    await refused(ann, `chats/${randomUUID()}/messages`, 404, 'CHAT_NOT_FOUND')
    for (const id of ['x', '1', `${randomUUID()}x`, '%00', "';select 1", '%D0%AF', 'x'.repeat(500)]) {
      await refused(ann, `chats/${id}/messages`, 400, 'INVALID_DATA')
    }
    await refused(ann, 'chats//messages', 404, 'NOT_FOUND')
    await refused(ann, 'chats/x/y/messages', 404, 'NOT_FOUND')
    await refused(ann, 'chats/x/messages', 405, 'METHOD_NOT_ALLOWED', { method: 'DELETE' })
  })
})

describe('notifications', { concurrency: true }, () => {
  test('keys of notification:new and read_at; is_read; pages', async () => {
    const ann = await w.user()
    const ids = []
    for (let i = 0; i < 9; i++) ids.unshift(await w.notify(ann, `n${i}`, { data: { i } }))
    await w.notify(await w.user(), 'not hers')
    await w.sql("update platform.notifications set read_at = '2026-01-09T12:10:00Z' where id = any ($1)", [ids.slice(0, 4)])
    const list = (await items(ann, 'notifications')).items
    assert.deepEqual(list.map((n) => n.id), ids)
    keys(list[0], 'id', 'type', 'title', 'body', 'data', 'created_at', 'is_read', 'read_at')
    assert.deepEqual([list[0].title, list[0].data, list[0].is_read, list[0].read_at], ['n8', { i: 8 }, true, '2026-01-09T12:10:00.000Z'])
    assert.deepEqual([list[8].is_read, list[8].read_at], [false, null])
    assert.deepEqual((await items(ann, 'notifications?is_read=false')).items.map((n) => n.id), ids.slice(4))
    assert.deepEqual((await items(ann, 'notifications?is_read=true')).items.map((n) => n.id), ids.slice(0, 4))
    for (const path of ['notifications', 'notifications?is_read=false', 'notifications?is_read=true']) {
      const whole = (await items(ann, path)).items.map((n) => n.id)
      for (const limit of [1, 2, 9]) assert.deepEqual((await pages(ann, path, limit)).map((n) => n.id), whole)
    }
    const page = await items(ann, 'notifications?limit=4')
    await w.sql('delete from platform.notifications where id = $1', [ids[3]])
    for (const before of [page.next_before, ids[2]]) assert.deepEqual((await items(ann, `notifications?before=${before}`)).items.map((n) => n.id), ids.slice(4))
    for (const v of ['yes', '1', 'TRUE', '']) await refused(ann, `notifications?is_read=${v}`, 400, 'INVALID_DATA')
  })
})

describe('questions that are refused', { concurrency: true }, () => {
  test('limit and before', async () => {
    const [ann, bob] = await w.users('Анна', 'Борис')
    const chat = await w.chat(ann, bob)
    const theirs = await w.message(await w.chat(bob), bob)
    for (const path of ['chats', `chats/${chat.id}/messages`, 'notifications']) {
      for (const q of ['limit=0', 'limit=101', 'limit=-1', 'limit=1.5', 'limit=ten', 'limit=', 'limit=99999999999999999999', 'before=x', 'before=', `before=${randomUUID()}`, `before=${theirs.id}`,
        'limit=%00', 'before=%ff', "before=';--"]) {
        await refused(ann, `${path}?${q}`, 400, 'INVALID_DATA')
      }
      assert.equal((await get(ann, `${path}?unknown=1&limit=5&x`)).status, 200)
    }
  })

  test('tokens', async () => {
    const user = await w.user()
    const exp = seconds() + 100
    const disabled = await w.user()
    await w.sql('update platform.users set disabled_at = now() where id = $1', [disabled.id])
    for (const [what, authorization] of Object.entries({ absent: undefined, empty: '', basic: `Basic ${token(user)}`, bare: token(user), broken: 'Bearer x.y.z', expired: `Bearer ${token(user, { exp: 1 })}`,
      none: `Bearer ${sign({ alg: 'none' }, { sub: user.id, exp })}`, other: `Bearer ${sign({ alg: 'HS256' }, { sub: user.id, exp }, 'another secret, as long as a secret has to be')}`,
      nobody: `Bearer ${token(randomUUID())}`, disabled: `Bearer ${token(disabled)}` })) {
      for (const path of ['chats', `chats/${randomUUID()}/messages`, 'notifications']) {
        const r = await refused(null, path, 401, 'UNAUTHORIZED', { headers: authorization === undefined ? {} : { authorization } }).catch((e) => { throw new Error(`${what}: ${e.message}`) })
        assert.equal(r.body.message, 'Invalid token')
        assert.match(r.headers.get('www-authenticate'), /^Bearer/)
      }
    }
    assert.equal((await get(null, `chats?token=${token(user)}`)).status, 401, 'never from the URL')
    assert.equal((await get(null, 'chats', { headers: { authorization: `bearer ${token(user)}` } })).status, 200)
  })

  test('other paths and methods', async () => {
    const ann = await w.user()
    for (const path of ['', 'chat', 'chats/', 'chats/x', `chats/${randomUUID()}`, `chats/${randomUUID()}/message`, 'users', 'chats/../chats', '%63hats']) {
      const r = await get(ann, path)
      if (r.status !== 404) assert.equal(path, 'chats/../chats', `${path}: ${r.status}`) // fetch resolves that one itself
    }
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) assert.equal((await get(ann, 'chats', { method, ...(method !== 'DELETE' && { body: '{}' }) })).status, 405, method)
    const head = await get(ann, 'chats', { method: 'HEAD' })
    assert.deepEqual([head.status, head.body], [200, null])
  })
})

test('one user in a loop is told to wait; others are not, nor is the same user at another edge', async () => {
  const [ann, bob] = await w.users('Анна', 'Борис')
  const began = Date.now()
  const all = []
  const loop = async () => { while (!all.some((r) => r.status === 429)) all.push(await get(ann, 'chats?limit=1')) }
  await Promise.all(Array.from({ length: 50 }, loop))
  const late = all.filter((r) => r.status === 429)
  const done = all.length - late.length
  assert.ok(done >= 200 && done <= 201 + 20 * (Date.now() - began) / 1000, `${done} in ${Date.now() - began} ms`)
  for (const r of late) {
    keys(r.body, 'code', 'message', 'timestamp', 'retry_after_ms')
    assert.equal(r.body.code, 'RATE_LIMIT')
    assert.ok(r.body.retry_after_ms > 0 && r.body.retry_after_ms <= 50)
  }
  assert.equal((await get(bob, 'chats')).status, 200)
  const other = await w.edge()
  assert.equal((await get(ann, 'chats', { on: other })).status, 200)
  await other.stop()
})

describe('CORS', { concurrency: true }, () => {
  test('any origin by default, on answers, errors and preflights', async () => {
    const ann = await w.user()
    const origin = 'https://app.example'
    for (const r of [await get(ann, 'chats', { headers: { origin } }), await get(null, 'chats', { headers: { origin } }), await get(ann, 'nothing', { headers: { origin } })]) {
      assert.equal(r.headers.get('access-control-allow-origin'), '*')
      assert.match(r.headers.get('cache-control'), /no-store/)
    }
    const pre = await get(null, 'chats', { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization' } })
    assert.ok([200, 204].includes(pre.status))
    assert.equal(pre.headers.get('access-control-allow-origin'), '*')
    assert.match(pre.headers.get('access-control-allow-methods'), /GET/)
    assert.match(pre.headers.get('access-control-allow-headers'), /authorization/i)
  })

  test('a list of origins, or reads turned off', async () => {
    const listed = await w.edge({ BELLWIRE_CORS_ORIGIN: 'https://a.example, https://b.example' })
    const ann = await w.user()
    for (const [origin, allowed] of [['https://a.example', 'https://a.example'], ['https://b.example', 'https://b.example'], ['https://c.example', null], ['https://a.example.evil', null]]) {
      const r = await get(ann, 'chats', { on: listed, headers: { origin } })
      assert.equal(r.headers.get('access-control-allow-origin'), allowed)
      assert.match(r.headers.get('vary') ?? '', /origin/i)
    }
    await listed.stop()
    const off = await w.edge({ BELLWIRE_REST: 'off' })
    const r = await fetch(`${off.url}/api/v2/chats`, { headers: { authorization: `Bearer ${token(ann)}` } })
    assert.equal(r.status, 404)
    await off.stop()
  })
})
