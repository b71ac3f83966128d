// The stories of two people on the page, at one width of the window.
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { until } from '../../integration/lib/wait.mjs'
import { launch, Visit } from './browser.mjs'
import { ANNA, BORIS, CHAT, CLARA, Demo, GROUP, POST } from './demo.mjs'
import { overflow } from './looks.mjs'

export function stories(file, size) {
  const demo = new Demo(file)
  let browser, edge, v, anna, boris

  const visit = async (more = {}) => {
    v = await Visit.open(browser, edge.url, { ...size, ...more })
    ;({ anna, boris } = v)
    await anna.online()
    await boris.online()
    return v
  }
  // The badge's number is what the rows say.
  const unread = (user) => demo.value('select count(*) from platform.notifications where user_id = $1 and read_at is null', [user])

  describe(`the demo page, ${size.width} px wide`, () => {
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

    it('the first visit: a conversation at one, something unread at the other; opening it is told at once', async () => {
      await visit()
      await anna.text('.chat-head .name', 'Boris')
      await anna.text('.presence', 'online')
      await boris.badge('chats', 1)
      await anna.message('Bring the photo you showed me').waitFor()
      await boris.openChat('Anna')
      await boris.badge('chats', 0)
      await anna.ticks('Bring the photo you showed me', 'read')
    })

    it('a message is pending, sent, delivered, read, as it happens', async () => {
      await visit()
      await boris.tab('chats')
      await boris.drop()
      await anna.drop()
      await anna.write('one step after the other')
      await anna.ticks('one step after the other', 'pending')
      await anna.restore()
      await anna.ticks('one step after the other', 'sent')
      assert.equal(await demo.value('select count(*) from platform.message_receipts r join platform.messages m on m.id = r.message_id where m.content = $1', ['one step after the other']), 0)
      await boris.restore()
      await boris.badge('chats', 1)
      await anna.write('and another') // delivered needs no opened chat, only a connection
      await anna.ticks('and another', 'delivered')
      await boris.openChat('Anna')
      await anna.ticks('one step after the other', 'read')
      await anna.ticks('and another', 'read')
      assert.equal(await boris.message('one step after the other').count(), 1)
      assert.equal(await anna.message('one step after the other').count(), 1)
    })

    if (size.width <= 720) {
      it('who is not looking has not read', async () => {
        await visit()
        await boris.openChat('Anna')
        await anna.write('only when you look')
        await anna.ticks('only when you look', 'delivered')
        await v.page.locator(`#panes [data-show="${BORIS}"] .dot`).waitFor()
        assert.equal(await demo.value('select count(*) from platform.message_receipts r join platform.messages m on m.id = r.message_id where m.content = $1 and r.read_at is not null', ['only when you look']), 0)
        await boris.look()
        await anna.ticks('only when you look', 'read')
      })
    }

    it('typing is shown and goes: with an emptied line, with the message, with silence', async () => {
      await visit()
      await boris.openChat('Anna')
      const line = boris.$('.composer textarea')
      for (const end of [() => line.fill(''), () => line.press('Enter'), null]) {
        await boris.look()
        await line.pressSequentially('Hm')
        await anna.text('p.typing', 'Boris is typing')
        if (end) {
          await end() // said at once, silence need not be waited for
          assert.match(await v.log(BORIS, 'chat:typing', 'out').first().locator('.frame').textContent(), /"is_typing":false/)
        }
        await anna.text('p.typing', '')
      }
      assert.equal(await demo.value(`select count(*) from bellwire.outbox where event = 'chat:typing'`), 0, 'typing leaves no row')
    })

    it('likes and comments are live at both, and notify the author', async () => {
      await visit()
      await anna.tab('post')
      await boris.tab('post')
      const counts = async (likes, comments) => { for (const p of [anna, boris]) await p.text('.counts', `${likes} like${likes === 1 ? '' : 's'} · ${comments} comment${comments === 1 ? '' : 's'}`) }
      await counts(3, 2)
      const had = await unread(ANNA)
      await boris.$('.like').click()
      await counts(4, 2)
      assert.equal(await boris.$('.like').getAttribute('aria-pressed'), 'true')
      await anna.text('.toast strong', 'Boris liked your post')
      await anna.badge('alerts', had + 1)
      await boris.$('.like').click()
      await counts(3, 2)
      await boris.$('.comment-form input').fill('What a light!')
      await boris.$('.comment-form button').click()
      await counts(3, 3)
      for (const p of [anna, boris]) await p.text('.comments li:first-child .text', 'What a light!')
      await anna.badge('alerts', had + 2)
      await anna.look()
      await anna.$('.comment-form input').fill('Thank you')
      await anna.$('.comment-form input').press('Enter')
      await counts(3, 4)
      await boris.text('.comments li:first-child .text', 'Thank you')
      await demo.sql('insert into platform.post_comments (post_id, author_id, content) values ($1, $2, $3)', [POST, CLARA, 'by a row'])
      await demo.sql('delete from platform.post_likes where post_id = $1 and user_id = $2', [POST, CLARA])
      await counts(2, 5)
      for (const p of [anna, boris]) { await p.text('.comments li:first-child .text', 'by a row'); assert.equal(await p.$('.comments li', { hasText: 'by a row' }).filter({ hasText: 'by a row' }).count(), 1) }
      await demo.sql('insert into platform.post_likes (post_id, user_id) values ($1, $2)', [POST, CLARA])
      await counts(3, 5)
    })

    it('a notification is marked as read, one and all; a row read elsewhere is read here', async () => {
      await visit()
      await anna.tab('alerts')
      const had = await unread(ANNA)
      const [one, two] = [await demo.notify({ id: ANNA }, 'You were mentioned'), await demo.notify({ id: ANNA }, 'Again')]
      await anna.badge('alerts', had + 2)
      const item = (id) => anna.$(`.alert-list li[data-id="${id}"]`)
      await anna.look()
      await item(one).locator('button').click()
      await anna.badge('alerts', had + 1)
      assert.ok(await demo.value('select read_at from platform.notifications where id = $1', [one]))
      await demo.sql('update platform.notifications set read_at = now() where id = $1', [two])
      await anna.badge('alerts', had)
      assert.equal(await item(two).evaluate((e) => e.classList.contains('unread')), false)
      await anna.$('.page-head button').click()
      await anna.badge('alerts', 0)
      await until(async () => await unread(ANNA) === 0, 'all read in the table')
    })

    it('the other one drops: last seen after the grace; and comes back', async () => {
      await visit()
      await anna.text('.presence', 'online')
      await boris.drop()
      await boris.text('.state', 'Connection dropped')
      await anna.text('.presence', /^last seen/)
      await boris.restore()
      await anna.text('.presence', 'online')
      await boris.text('.state', /in sync after reconnection/)
    })

    it('a dropped connection is made good by reading again: everything once', async () => {
      await visit()
      await boris.openChat('Anna')
      await boris.drop()
      await anna.write('written by Anna meanwhile')
      await anna.ticks('written by Anna meanwhile', 'sent')
      await demo.say(CHAT, ANNA, 'written by a row meanwhile')
      const note = await demo.notify({ id: BORIS }, 'rung by a row meanwhile')
      await boris.write('written by Boris in the tunnel')
      await boris.ticks('written by Boris in the tunnel', 'pending')
      assert.equal(await boris.message('meanwhile').count(), 0)
      await v.show('wire')
      const syncs = await v.log(BORIS, 'sync:required').count()
      await boris.restore()
      await boris.ticks('written by Boris in the tunnel', 'delivered', 'read')
      await anna.look() // and so read
      for (const p of [anna, boris]) {
        for (const text of ['written by Anna meanwhile', 'written by a row meanwhile', 'written by Boris in the tunnel']) {
          await p.message(text).waitFor({ state: 'attached' })
          assert.equal(await p.message(text).count(), 1, text)
        }
      }
      await boris.look()
      await anna.ticks('written by a row meanwhile', 'read')
      await boris.ticks('written by Boris in the tunnel', 'read')
      assert.equal(await v.log(BORIS, 'sync:required').count(), syncs + 1)
      assert.match(await v.log(BORIS, 'sync:required').first().locator('.frame').textContent(), /"reason":"reconnection"/)
      await boris.tab('alerts')
      assert.equal(await boris.$(`.alert-list li[data-id="${note}"]`).count(), 1)
      assert.equal(await demo.value('select count(*) from platform.messages where content = $1', ['written by Boris in the tunnel']), 1)
    })

    it('the log has each frame with its SQL, which does what it says', async () => {
      await visit()
      await boris.openChat('Anna')
      await boris.write('for the record')
      await anna.message('for the record').waitFor({ state: 'attached' })
      await boris.ticks('for the record', 'delivered', 'read')
      await v.show('wire')
      const out = v.log(BORIS, 'chat:message:send', 'out').first()
      assert.match(await out.locator('.frame').textContent(), /^42\d+\["chat:message:send",\{.*"content":"for the record"/)
      assert.match(await out.locator('.sql').textContent(), new RegExp(`^select rt\\.chat_message_send\\('${BORIS}', '\\{"chat_id":"${CHAT}"`))
      assert.match(await v.log(BORIS, 'ack of chat:message:send', 'in').first().locator('.frame').textContent(), /^43\d+\[\{.*"status":"sent"/)
      const into = v.log(ANNA, 'chat:message:new', 'in').first()
      assert.match(await into.locator('.frame').textContent(), /^42\["chat:message:new",\{/)
      const sql = await into.locator('.sql').textContent()
      assert.match(sql, /^insert into platform\.messages/)
      assert.match(await v.log(BORIS, 'chat:message:delivered', 'in').or(v.log(BORIS, 'chat:message:read', 'in')).first().locator('.sql').textContent(), /update platform\.message_receipts set (delivered|read)_at/)
      assert.match(await v.log(ANNA, 'GET /api/v2/chats', 'http').first().locator('.sql').textContent(), new RegExp(`^select rt\\.get_chats\\('${ANNA}'`))
      // The statement again is the message again, as from any psql.
      const before = await anna.message('for the record').count()
      await demo.sql(sql)
      await v.until('the statement of the log has the effect', ([id, n]) => [...document.querySelectorAll(`.phone[data-user="${id}"] .message`)].filter((m) => m.textContent.includes('for the record')).length === n, [ANNA, before + 1])
      const text = await v.page.locator('#log-lines').textContent()
      assert.doesNotMatch(text, /eyJ/, 'no token is shown')
      assert.match(text, /40\{"token":"…"\}/)
      assert.match(text, /0\{"sid":/)
      // Whose frames, heartbeats, long ones, nothing.
      await v.page.locator('#log-person').selectOption(ANNA)
      assert.equal(await v.page.locator(`#log-lines li:visible[data-user="${BORIS}"]`).count(), 0)
      await v.page.locator('#log-person').selectOption('')
      const head = await v.page.locator('#log-lines .line-head:visible').first().elementHandle() // a line that comes meanwhile is another one, and may be hidden
      await head.click()
      assert.equal(await head.getAttribute('aria-expanded'), 'true')
      assert.equal(await v.page.locator('#log-lines li[data-beat]:visible').count(), 0)
      await v.page.locator('#log-heartbeat').check()
      await v.page.locator('#log-lines li[data-beat]:visible').first().waitFor() // the fence's ping is one
      await v.page.locator('#log-clear').click()
      await v.page.locator('#log-empty').waitFor()
    })

    it('text is text: markup in messages, names, comments, notifications and metadata does nothing', async () => {
      const bad = '<img src=x onerror="window.pwned = 1">'
      await demo.sql('update platform.users set name = $2 where id = $1', [CLARA, `Clara ${bad}`])
      await demo.page()
      await visit()
      await boris.openChat('Anna')
      await boris.write(bad)
      await anna.message(bad).first().waitFor({ state: 'attached' })
      await demo.say(GROUP, CLARA, bad)
      await demo.say(CHAT, ANNA, 'https://example.com/a.jpg', 'photo', { art: '../../etc/x.svg', thumbnail: 'https://example.com/t.jpg' })
      await demo.say(CHAT, ANNA, CLARA, 'profile_share', { name: bad, avatar: 'https://example.com/t.jpg' })
      await demo.say(CHAT, ANNA, bad, 'booking_proposal', { service_id: bad, service_name: bad, price: 1, duration: 1, currency: bad })
      await demo.say(CHAT, ANNA, '1.5,2', 'location', { lat: 1.5, lng: 2, address: bad })
      await demo.notify({ id: ANNA }, bad, { body: bad, data: { user_name: bad, user_id: bad }, type: 'mention' })
      await demo.sql('insert into platform.post_comments (post_id, author_id, content) values ($1, $2, $3)', [POST, CLARA, bad])
      await boris.$('.message[data-type=location]').filter({ hasText: bad }).first().waitFor()
      for (const p of [anna, boris]) {
        await p.tab('post')
        await p.text('.comments li:first-child .text', bad)
        await p.openChat(p === anna ? `Boris, Clara ${bad}, David` : `Anna, Clara ${bad}, David`)
        await p.$('.messages .bubble').filter({ hasText: bad }).first().waitFor()
      }
      await anna.tab('alerts')
      await anna.$('.alert-list strong').filter({ hasText: bad }).first().waitFor()
      assert.equal(await v.page.evaluate(() => window.pwned), undefined)
      assert.deepEqual(await v.page.evaluate(() => [...document.images].map((i) => new URL(i.src).pathname).filter((s) => !/^\/demo\/(icon|studio)\.svg$/.test(s))), [])
      await demo.sql('update platform.users set name = $2 where id = $1', [CLARA, 'Clara'])
      await demo.page()
    })

    it('messages of every type, sent from the page', async () => {
      await visit()
      await boris.openChat('Anna')
      const kinds = { Photo: 'photo', Video: 'video', Voice: 'voice', Location: 'location', Profile: 'profile_share', Booking: 'booking_proposal' }
      for (const [label, type] of Object.entries(kinds)) {
        const before = await anna.$(`.message[data-type=${type}]`).count()
        await boris.look()
        await boris.$('.more').click()
        await boris.$('.samples button').filter({ hasText: label }).click()
        await v.until(`${type} at Anna`, ([id, t, n]) => document.querySelectorAll(`.phone[data-user="${id}"] .message[data-type=${t}]`).length > n, [ANNA, type, before])
        await boris.$(`.message.mine[data-type=${type}]`).last().and(v.page.locator('[data-status=delivered], [data-status=read]')).waitFor()
      }
    })

    it('a long history comes by pages, stands at its end, and keeps its place when older pages come', async () => {
      const chat = await demo.chat({ id: ANNA }, { id: BORIS }, { id: CLARA })
      await demo.sql(`insert into platform.messages (chat_id, sender_id, type, content) select $1, case when n % 3 = 0 then $2::uuid else $3::uuid end, 'text', 'line ' || n || ' ' || repeat('word ', n % 17)
        from generate_series(1, 130) n`, [chat.id, ANNA, CLARA])
      await visit()
      await boris.openChat('Anna, Clara')
      const scroller = boris.$('.scroller')
      await boris.message('line 130').waitFor()
      assert.equal(await boris.$('.message').count(), 50)
      await v.until('the end is in view', (id) => { const s = document.querySelector(`.phone[data-user="${id}"] .scroller`); return s.scrollHeight - s.scrollTop - s.clientHeight < 2 }, BORIS)
      await scroller.evaluate((s) => { s.scrollTop = 0 })
      await boris.message(/line 31 /).waitFor({ state: 'attached' })
      assert.ok(await scroller.evaluate((s) => s.scrollTop) > 200, 'the line that was on top still is there')
      await boris.$('.jump').click()
      await boris.message('line 130').waitFor()
      await scroller.evaluate((s) => { s.scrollTop = 0 })
      await boris.message(/line 1 /).waitFor({ state: 'attached' })
      assert.equal(await boris.$('.message').count(), 130)
      assert.deepEqual(await boris.$('.message .text').evaluateAll((all) => all.map((e) => Number(/^line (\d+)/.exec(e.textContent)[1]))), Array.from({ length: 130 }, (_, i) => i + 1))
      await boris.$('.jump').click()
      await demo.say(chat.id, CLARA, 'line 131')
      await boris.message('line 131').waitFor()
      await v.until('the end is in view again', (id) => { const s = document.querySelector(`.phone[data-user="${id}"] .scroller`); return s.scrollHeight - s.scrollTop - s.clientHeight < 2 }, BORIS)
      await demo.sql('delete from platform.chats where id = $1', [chat.id])
    })

    it('nothing is wider than the window: long names, long words, every page', async () => {
      const [name, word] = ['Wolfeschlegelsteinhausenbergerdorffvoralternwarengewissenhaft the Third of Somewhere', 'x'.repeat(300)]
      await demo.sql('update platform.users set name = $2 where id = $1', [BORIS, name])
      await demo.page()
      await demo.say(GROUP, BORIS, word)
      await demo.say(CHAT, BORIS, word)
      await demo.say(CHAT, BORIS, `https://${'y'.repeat(200)}.example/`, 'photo')
      await demo.say(CHAT, BORIS, word, 'booking_proposal', { service_id: 'x', service_name: word, price: 1e12, duration: 1e6 })
      await demo.notify({ id: ANNA }, word, { body: word })
      await demo.sql('insert into platform.post_comments (post_id, author_id, content) values ($1, $2, $3)', [POST, BORIS, word])
      await visit()
      await anna.message(word).first().waitFor()
      const check = async (where) => assert.deepEqual(await overflow(v.page), [], where)
      await check('a conversation')
      for (const tab of ['chats', 'post', 'alerts']) { await anna.tab(tab); await check(tab) }
      await anna.openChat(`${name}, Clara, David`)
      await anna.message(word).first().waitFor()
      await check('a group')
      await v.show('wire')
      await check('the log')
      await demo.sql('update platform.users set name = $2 where id = $1', [BORIS, 'Boris'])
      await demo.page()
    })

    it('a reload comes back to what was open', async () => {
      await visit()
      await boris.openChat('Anna, Clara, David')
      await anna.tab('post')
      await v.page.reload()
      await anna.online()
      await boris.online()
      await boris.text('.chat-head .name', 'Anna, Clara, David')
      await boris.message('Me, from six.').waitFor({ state: 'attached' })
      await anna.look()
      await anna.$('.post .picture').waitFor()
    })

    it('the edge goes and another comes: the page returns by itself', async () => {
      await visit()
      const { port } = edge
      v.expected.push(/WebSocket connection to|Failed to load resource|ERR_CONNECTION_REFUSED/)
      await edge.kill()
      await anna.text('.state', 'Reconnecting…')
      await demo.say(CHAT, BORIS, `said without an edge ${size.width}`)
      edge = await demo.edge({ BELLWIRE_LISTEN: `127.0.0.1:${port}` })
      await anna.online()
      await anna.message(`said without an edge ${size.width}`).waitFor({ state: 'attached' })
      assert.equal(await anna.message(`said without an edge ${size.width}`).count(), 1)
    })
  })
}
