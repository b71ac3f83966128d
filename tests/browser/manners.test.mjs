// How the page treats its user: toasts, focus, the log's place and keys, ticks, times, a line to copy, two devices.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, afterEach, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { until } from '../integration/lib/wait.mjs'
import { launch, Visit } from './lib/browser.mjs'
import { ANNA, BORIS, CHAT, CLARA, Demo, GROUP, POST } from './lib/demo.mjs'
import { axe, overlap } from './lib/looks.mjs'

const demo = new Demo('browser_manners')
let browser, edge, v, anna, boris

const visit = async (what) => {
  v = await Visit.open(browser, edge.url, what)
  ;({ anna, boris } = v)
  await anna.online()
  await boris.online()
  await anna.openChat('Boris')
}
const press = async (...keys) => { for (const key of keys) await v.page.keyboard.press(key) }

before(async () => {
  await demo.build()
  edge = await demo.edge()
  browser = await launch()
})
after(async () => {
  await browser?.close()
  await demo.close()
})
afterEach(async () => { await v?.end(); v = null })

describe('toasts', () => {
  for (const [width, height] of [[1440, 900], [390, 844], [844, 390]]) {
    it(`${width} x ${height}: over nothing that they tell of, and over no button`, async () => {
      await visit({ width, height })
      const toast = boris.$('.toast')
      const free = async (what, element) => {
        await toast.hover() // it stays then
        for (const e of [element, boris.$('.wire'), boris.$('.twin')]) assert.equal(await overlap(toast, e), false, `${what}: the toast covers ${e}`)
      }
      await boris.tab('chats')
      await demo.say(GROUP, CLARA, `said in the group ${width}`)
      await boris.text('.chat-list li:first-child .preview', `Clara: said in the group ${width}`)
      await free('a message', boris.$('.chat-list li').first())
      await toast.click()
      await boris.text('.chat-head .name', 'Anna, Clara, David')
      assert.equal(await toast.count(), 0)
      await demo.say(CHAT, ANNA, 'said in another chat')
      await free('a message of another chat', boris.$('.chat-head'))
      await boris.tab('post')
      const id = await demo.notify({ id: BORIS }, 'Look at the post')
      await boris.text('.toast strong', 'Look at the post')
      await free('a notification', boris.$('.post header'))
      // with what it tells of it goes
      await demo.sql('update platform.notifications set read_at = now() where id = $1', [id])
      await toast.waitFor({ state: 'detached' })
    })
  }
})

describe('a phone on its side', () => {
  it('the conversation, the line to write on and the tabs are all in sight', async () => {
    await visit({ width: 844, height: 390 })
    const seen = async (e, least) => {
      const box = await e.boundingBox()
      assert.ok(box.y >= 0 && box.y + box.height <= 390 && box.height >= least, `${e}: ${JSON.stringify(box)}`)
    }
    await seen(anna.$('.scroller'), 150)
    await seen(anna.$('.composer textarea'), 30)
    for (const tab of ['chats', 'post', 'alerts']) await seen(anna.$(`[data-tab=${tab}]`), 30)
    await anna.drop()
    await seen(anna.$('.banner'), 20)
    await seen(anna.$('.scroller'), 100)
    await anna.restore()
    await v.show('wire')
    await seen(v.page.locator('#log-lines'), 150)
    assert.ok(await v.page.evaluate(() => document.documentElement.scrollHeight <= innerHeight))
  })
})

describe('focus', () => {
  it('comes back from a chat to its row, which keeps it when it moves', async () => {
    await visit()
    await boris.tab('chats')
    await boris.$('.chat-list button').last().focus()
    await press('Enter')
    await boris.focused('.composer textarea')
    await boris.$('.back').focus()
    await press('Enter')
    await boris.focused('.chat-list button')
    const row = () => v.page.evaluate(() => document.activeElement.querySelector('.name').textContent)
    const was = await row()
    await demo.say(was === 'Anna' ? GROUP : CHAT, was === 'Anna' ? CLARA : ANNA, 'goes to the top')
    await boris.text('.chat-list li:first-child .preview', /goes to the top/)
    await demo.say(was === 'Anna' ? CHAT : GROUP, was === 'Anna' ? ANNA : CLARA, 'then this one')
    await boris.text('.chat-list li:first-child .preview', /then this one/)
    await boris.focused('.chat-list button')
    assert.equal(await row(), was)
  })

  it('does not go with what is hidden: buttons that have done their work, toasts, a lost connection', async () => {
    await visit()
    await anna.$('.more').focus()
    await press('Enter')
    await anna.focused('.samples button')
    await press('Escape')
    await anna.focused('.more')
    await boris.tab('alerts')
    const id = await demo.notify({ id: BORIS }, 'One more')
    await boris.$(`.alert-list [data-id="${id}"]`).waitFor()
    await boris.$('.page-head button').focus()
    await press('Enter')
    await boris.focused('.alert-list button')
    // a toast that is chosen leads to what it tells of
    await boris.tab('post')
    const next = await demo.notify({ id: BORIS }, 'And another')
    await boris.$('.toast').focus()
    await press('Enter')
    await boris.focused(`.alert-list [data-id="${next}"] button`)
    // one that goes while it has the focus leaves it on the page's tab
    await boris.tab('post')
    const last = await demo.notify({ id: BORIS }, 'The last one')
    await boris.$('.toast').focus()
    await demo.sql('update platform.notifications set read_at = now() where id = $1', [last])
    await boris.focused('[data-tab=post]')
    // a comment, and a connection that goes under the button
    await boris.$('.comment-form input').fill('by keyboard')
    await boris.$('.comment-form button').focus()
    await press('Enter')
    await boris.focused('.comment-form input')
    await boris.text('.comments li:first-child .text', 'by keyboard')
    await boris.$('.like').focus()
    await boris.$('.wire').evaluate((b) => b.click())
    await boris.text('.state', 'Connection dropped')
    await boris.focused('.like')
    await boris.restore()
    // a token that is refused, and taken again
    v.expected.push(/401/)
    await boris.$('.wire').focus()
    await demo.sql('update platform.users set disabled_at = now() where id = $1', [BORIS])
    await boris.focused('.banner button')
    await demo.sql('update platform.users set disabled_at = null where id = $1', [BORIS])
    await press('Enter')
    await boris.online()
    await boris.focused('.wire')
  })

  it('the newest, older messages, a second try: it stays in the conversation', async () => {
    const chat = await demo.chat({ id: ANNA }, { id: BORIS }, { id: CLARA })
    await demo.sql(`insert into platform.messages (chat_id, sender_id, type, content) select $1, $2, 'text', 'line ' || n from generate_series(1, 70) n`, [chat.id, CLARA])
    await visit()
    await boris.openChat('Anna, Clara')
    // again while the page is still drawn at its end
    await v.until('further up', (phone) => {
      document.querySelector(`${phone} .scroller`).scrollTop = 300
      return !document.querySelector(`${phone} .jump`).hidden
    }, boris.selector)
    await boris.$('.jump').focus()
    await press('Enter')
    await boris.focused('.scroller')
    await boris.$('.older').focus()
    await press('Enter')
    await boris.$('.message .text').filter({ hasText: /^line 1$/ }).waitFor({ state: 'attached' })
    await boris.focused('.scroller')
    await demo.setting('content_max', 20)
    await boris.write('rather too long for this setting')
    await boris.ticks('rather too long', 'failed')
    await demo.setting('content_max', 16384)
    await boris.$('.retry:visible').focus()
    await press('Enter')
    await boris.focused('.composer textarea')
    await demo.sql('delete from platform.chats where id = $1', [chat.id])
  })
})

describe('the log', () => {
  it('is one tab stop; arrows go from frame to frame', async () => {
    await visit()
    const stops = () => v.page.locator('#log-lines :is(button, [tabindex]):not([tabindex="-1"])').count()
    assert.ok(await v.page.locator('#log-lines li').count() > 8)
    assert.equal(await stops(), 1)
    await v.page.locator('#log-clear').focus()
    await press('Tab')
    await v.focused('#log-lines li:first-child button')
    await press('ArrowDown', 'ArrowDown')
    await v.focused('#log-lines li:nth-child(3) button')
    assert.equal(await stops(), 1)
    await press('Enter')
    assert.equal(await v.page.evaluate(() => document.activeElement.getAttribute('aria-expanded')), 'true')
    await press('End')
    await v.focused('#log-lines li:last-child button')
    await press('Home', 'ArrowDown', 'ArrowUp', 'ArrowUp')
    await v.focused('#log-lines li:first-child button')
    await press('Tab')
    await v.focused('#psql-copy')
    await press('Shift+Tab')
    await v.focused('#log-lines li:first-child button')
    // frames that come do not take the reader's place away, nor does a choice that hides it
    const place = await v.page.evaluate(() => { document.activeElement.closest('li').id = 'place'; return document.activeElement.closest('li').dataset.user })
    await demo.notify({ id: ANNA }, 'meanwhile')
    await v.page.locator('#log-lines li[data-event="notification:new"]').first().waitFor()
    await v.focused('#place button')
    await v.page.locator('#log-person').selectOption(place === ANNA ? BORIS : ANNA)
    assert.equal(await v.page.locator('#log-lines li:not([hidden]) button[tabindex="0"]').count(), 1)
  })

  it('counts what came while its reader was further down', async () => {
    await visit()
    const lines = v.page.locator('#log-lines')
    const button = v.page.locator('#log-new')
    await lines.evaluate((l) => { l.scrollTop = 200 })
    const top = () => lines.evaluate((l) => [...l.children].find((li) => li.getBoundingClientRect().bottom > l.getBoundingClientRect().top).textContent)
    const reading = await top()
    assert.equal(await button.isVisible(), false)
    await demo.notify({ id: ANNA }, 'one')
    await button.filter({ hasText: /^1 new$/ }).waitFor()
    await demo.notify({ id: ANNA }, 'two')
    await button.filter({ hasText: /^2 new$/ }).waitFor()
    assert.equal(await top(), reading)
    assert.equal(await v.page.locator('#log-lines :is(button, [tabindex]):not([tabindex="-1"])').count(), 1)
    assert.deepEqual(await axe(v.page), [])
    await button.focus()
    await press('Enter')
    await v.focused('#log-lines li:first-child button')
    assert.equal(await lines.evaluate((l) => l.scrollTop), 0)
    assert.equal(await button.isVisible(), false)
    // who is at the newest is told of none
    await demo.notify({ id: ANNA }, 'three')
    await v.page.locator('#log-lines li:first-child[data-event="notification:new"]').waitFor()
    assert.equal(await button.isVisible(), false)
    // and nothing counts that the reader does not want to see
    await v.page.locator('#log-person').selectOption(BORIS)
    await lines.evaluate((l) => { l.scrollTop = 200 })
    await demo.notify({ id: ANNA }, 'four')
    await demo.notify({ id: BORIS }, 'five')
    await button.filter({ hasText: /^1 new$/ }).waitFor()
  })
})

it('ticks differ by their shape', async () => {
  await visit()
  await boris.tab('chats')
  const shapes = {}
  const see = async (status) => {
    await anna.ticks(`tick ${status}`, status)
    shapes[status] = await anna.message(`tick ${status}`).locator('.ticks svg').evaluate((s) => s.innerHTML)
  }
  await anna.drop()
  await anna.write('tick pending')
  await see('pending')
  await boris.drop()
  await anna.restore()
  await anna.write('tick sent')
  await see('sent')
  await boris.restore()
  await anna.write('tick delivered')
  await see('delivered')
  await boris.openChat('Anna')
  await anna.write('tick read')
  await see('read')
  assert.equal(new Set(Object.values(shapes)).size, 4, JSON.stringify(shapes))
})

it('times agree: in two places, with the rows, and with the frames, whatever the clock and zone of the browser', async () => {
  const zone = { timeZone: 'Asia/Kolkata', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }
  await visit({ timezone: 'Asia/Kolkata', wrong: 47 * 60000 })
  await boris.tab('chats')
  await anna.write('what time is it')
  const pending = await anna.message('what time is it').locator('time').textContent()
  await anna.ticks('what time is it', 'delivered', 'read')
  const at = await demo.value('select created_at from platform.messages where content = $1', ['what time is it'])
  const right = new Intl.DateTimeFormat('en-GB', zone).format(at)
  for (const [where, time] of [['bubble', anna.message('what time is it').locator('time')], ['list', boris.$('.chat-list li').first().locator('time')]]) {
    assert.equal(await time.textContent(), right, where)
    assert.equal(new Date(await time.getAttribute('datetime')).getTime(), at.getTime(), where)
    assert.match(await time.getAttribute('title'), / 2\d{3} .*GMT\+5:30$/, where)
  }
  const minutes = (t) => Number(t.slice(0, 2)) * 60 + Number(t.slice(3, 5))
  assert.ok([0, 1].includes((minutes(right) - minutes(pending) + 1440) % 1440), `${pending} while it was sent, then ${right}`)
  // a line of the log is by the clock that its frame has
  const seconds = (t) => minutes(t) * 60 + Number(t.slice(6, -1))
  for (const [event, key] of [['connected', 'timestamp'], ['chat:message:new', 'created_at'], ['chat:message:delivered', 'delivered_at']]) {
    const line = v.log(ANNA, event, 'in').first()
    const framed = new RegExp(`"${key}":"[^T]*T([^"]*)"`).exec(await line.locator('.frame').textContent())[1]
    const logged = await line.locator('time').textContent()
    assert.match(logged, /Z$/)
    assert.ok((seconds(logged) - seconds(framed) + 86400) % 86400 < 20, `${event}: ${logged}, in the frame ${framed}`)
  }
  // what has just been is just now, and what tells of it is as old
  await demo.sql('insert into platform.post_comments (post_id, author_id, content) values ($1, $2, $3)', [POST, CLARA, 'look at the clock'])
  await anna.tab('post')
  await anna.text('.comments li:first-child .text', 'look at the clock')
  const age = (content) => anna.$('.comments li').filter({ hasText: content }).locator('time').textContent()
  assert.equal(await age('look at the clock'), 'just now')
  const ages = { 'look at the clock': 'just now', 'That wall turned out': await age('That wall turned out'), 'Saving my seat': await age('Saving my seat') }
  assert.deepEqual(Object.values(ages), ['just now', '2 h ago', '1 h ago'])
  await anna.tab('alerts')
  for (const [content, wanted] of Object.entries(ages)) assert.equal(await anna.$('.alert-list li').filter({ hasText: content }).locator('time').textContent(), wanted, content)
})

it('a psql line that is copied into a shell writes a row', async () => {
  await visit()
  await boris.tab('chats')
  const before = await anna.message('written with psql').count()
  await v.page.locator('#psql-copy').click()
  await v.page.locator('#psql-said', { hasText: 'Copied' }).waitFor({ state: 'attached' })
  const line = await v.page.evaluate(() => navigator.clipboard.readText())
  assert.equal(line.includes('\n'), false)
  await promisify(execFile)('bash', ['-c', line])
  await anna.message('written with psql').nth(before).waitFor({ state: 'attached' })
  await boris.text('.chat-list li:first-child .preview', 'written with psql')
})

it('a second device: both show the same, and what is read on one is read on the other', async () => {
  await visit()
  await boris.tab('chats')
  const other = await boris.second()
  await other.focused('.twin')
  await other.tab('chats')
  const unread = await demo.value('select count(*) from platform.messages m where m.chat_id = $1 and m.sender_id <> $2 and not exists (select from platform.message_receipts r where r.message_id = m.id and r.user_id = $2 and r.read_at is not null)', [CHAT, BORIS])
  for (const device of [boris, other]) {
    await demo.say(CHAT, ANNA, `to every device ${device.device}`)
    for (const d of [boris, other]) await d.text('.chat-list li:first-child .preview', `to every device ${device.device}`)
  }
  for (const d of [boris, other]) await d.text('.chat-list li:first-child .badge', String(unread + 2))
  // read on one: gone from the other, which has opened nothing
  await other.openChat('Anna')
  await anna.ticks('to every device 2', 'read')
  await boris.$('.chat-list li:first-child .badge').waitFor({ state: 'hidden' })
  // a notification as well, in the other direction
  const note = await demo.notify({ id: BORIS }, 'for both')
  for (const d of [boris, other]) { await d.tab('alerts'); await d.$(`.alert-list li.unread[data-id="${note}"]`).waitFor() }
  await boris.look()
  await boris.$(`.alert-list [data-id="${note}"] button`).click()
  await other.look()
  await other.$(`.alert-list li:not(.unread)[data-id="${note}"]`).waitFor()
  // what one device writes the other shows as its own, with its ticks, and nobody types to himself
  for (const d of [boris, other]) await d.openChat('Anna')
  await other.look()
  await other.$('.composer textarea').pressSequentially('Hm')
  await anna.text('p.typing', 'Boris is typing')
  await v.log(BORIS, 'chat:typing', 'in').first().waitFor()
  assert.equal(await boris.$('p.typing.shown').count(), 0)
  await other.write('by the second')
  await anna.look()
  for (const d of [other, boris]) await d.ticks('by the second', 'read')
  assert.equal(await boris.message('by the second').filter({ has: v.page.locator('.ticks') }).count(), 1)
  // a like, too
  for (const d of [boris, other]) await d.tab('post')
  const pressed = await other.$('.like').getAttribute('aria-pressed')
  await other.$('.like').click()
  for (const d of [boris, other]) await d.text('.like span', pressed === 'true' ? 'Like' : 'Liked')
  await other.$('.like').click()
  // the user is there as long as one of the devices is
  // (of the page before this one Anna may have heard it when she came)
  const offline = () => v.log(ANNA, 'user:offline', 'in').count()
  const before = await offline()
  await boris.drop()
  await until(async () => await demo.value('select count(*) from bellwire.sockets where user_id = $1', [BORIS]) === 1, 'his first socket is gone for Postgres')
  assert.equal(await demo.value('select offline_due from bellwire.presence where user_id = $1', [BORIS]), null)
  await other.look()
  await anna.text('.presence', 'online')
  await boris.restore()
  assert.equal(await offline(), before)
  // a reload brings both back; the second one goes with a goodbye
  await v.page.reload()
  await other.online()
  await other.look()
  await other.$('.twin').click()
  await other.root.waitFor({ state: 'detached' })
  await boris.focused('.twin')
  await v.until('it is gone for the server', () => [...document.querySelectorAll('#log-lines li.out[data-device="2"][data-event="disconnect"]')].length === 1)
})
