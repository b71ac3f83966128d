// The page's files, tokens that end, and what can be measured of its looks.
import assert from 'node:assert/strict'
import { rename, symlink, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { launch, Visit } from './lib/browser.mjs'
import { ANNA, CHAT, Demo } from './lib/demo.mjs'
import { axe, faint, nameless, overflow } from './lib/looks.mjs'

const demo = new Demo('browser_page')
let browser, edge, v

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

// The path as it is written, which fetch would tidy up.
const get = (e, path, method = 'GET') => new Promise((resolve, reject) => {
  const r = request({ host: '127.0.0.1', port: e.port, path, method }, (res) => {
    let text = ''
    res.on('data', (d) => { text += d })
    res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, text }))
  })
  r.on('error', reject)
  r.end()
})

describe('the files', () => {
  it('without demo mode there is no page', async () => {
    const plain = await demo.edge({ BELLWIRE_DEMO_DIR: '' })
    for (const path of ['/demo/', '/demo', '/', '/demo/index.html', '/demo/people.json']) assert.equal((await get(plain, path)).status, 404, path)
    await plain.stop()
  })

  it('with it: types, no caching, nothing but plain files of the folder', async () => {
    for (const [path, type] of [['/demo/', 'text/html; charset=utf-8'], ['/demo/main.js', 'text/javascript'], ['/demo/style.css', 'text/css'], ['/demo/people.json', 'application/json'], ['/demo/icon.svg', 'image/svg+xml']]) {
      const r = await get(edge, path)
      assert.deepEqual([r.status, r.headers['content-type'], r.headers['cache-control'], r.headers['x-content-type-options']], [200, type, 'no-store', 'nosniff'], path)
      assert.match(r.headers['content-security-policy'], /default-src 'self'/)
    }
    for (const path of ['/', '/demo']) assert.deepEqual([(await get(edge, path)).status, (await get(edge, path)).headers.location], [302, '/demo/'], path)
    const head = await get(edge, '/demo/', 'HEAD')
    assert.deepEqual([head.status, head.text], [200, ''])
    await writeFile(join(demo.dir, '.secret'), 'x')
    await symlink('/etc/passwd', join(demo.dir, 'passwd'))
    for (const path of ['/demo/../demo/index.html', '/demo/%2e%2e/passwd', '/demo//etc/passwd', '/demo/.secret', '/demo/passwd', '/demo/sub/x', '/demo/data.sql', '/demo/nothing.js', '/demo/index.html%00.js']) {
      assert.equal((await get(edge, path)).status, 404, path)
    }
    assert.equal((await get(edge, '/demo/', 'POST')).status, 404)
  })

  it('without its people the page says what to do', async () => {
    await rename(join(demo.dir, 'people.json'), join(demo.dir, 'kept'))
    v = await Visit.open(browser, edge.url)
    v.expected.push(/404/)
    await v.page.locator('#broken', { hasText: 'make run' }).waitFor()
    await rename(join(demo.dir, 'kept'), join(demo.dir, 'people.json'))
  })
})

describe('tokens', () => {
  it('a token that ends is said clearly, and a new one takes the page back', async () => {
    await demo.page(8)
    v = await Visit.open(browser, edge.url)
    v.expected.push(/401/)
    await v.anna.text('.chat-head .name', 'Boris')
    await v.anna.root.and(v.page.locator('[data-state=expired]')).waitFor()
    await v.anna.text('.state', 'Token expired')
    await v.anna.text('.banner p', /token has expired/)
    // a message that is written now waits for the new one
    await v.anna.write('written without a token')
    await v.anna.ticks('written without a token', 'pending')
    await demo.page()
    await v.anna.$('.banner button').click()
    await v.anna.online()
    await v.anna.text('.state', /in sync with a new token/)
    await v.anna.ticks('written without a token', 'sent', 'delivered', 'read')
    assert.equal(await demo.value('select count(*) from platform.messages where content = $1', ['written without a token']), 1)
    assert.equal(await v.anna.$('.banner').isVisible(), false)
  })

  it('a disabled user is told so, and stays out', async () => {
    v = await Visit.open(browser, edge.url)
    v.expected.push(/401/)
    await v.anna.online()
    await demo.sql('update platform.users set disabled_at = now() where id = $1', [ANNA])
    await v.anna.root.and(v.page.locator('[data-state=refused]')).waitFor()
    await v.anna.text('.banner p', /disabled/)
    assert.deepEqual(await axe(v.page), [])
    await v.anna.$('.banner button').click()
    await v.log(ANNA, 'error', 'in').nth(1).waitFor() // refused again
    await v.anna.text('.state', 'Token refused')
    await demo.sql('update platform.users set disabled_at = null where id = $1', [ANNA])
    await v.anna.$('.banner button').click()
    await v.anna.online()
  })

  it('a refused message says so, and can be tried again', async () => {
    v = await Visit.open(browser, edge.url)
    await v.anna.online()
    await v.anna.text('.chat-head .name', 'Boris')
    await demo.setting('content_max', 20)
    await v.anna.write('rather too long for this setting')
    await v.anna.ticks('rather too long', 'failed')
    assert.deepEqual(await axe(v.page), [])
    await demo.setting('content_max', 16384)
    await v.anna.$('.retry:visible').filter({ hasText: 'Not sent: content is too large. Try again' }).click()
    await v.anna.ticks('rather too long', 'sent', 'delivered', 'read') // Boris is there, so that sent may be over within a frame
    assert.equal(await v.anna.message('rather too long').count(), 1)
  })
})

describe('looks', () => {
  for (const scheme of ['light', 'dark']) {
    // the first is that of the window when the page is opened
    for (const sizes of [[[1440, 900], [1200, 800], [900, 1100]], [[390, 844], [320, 568], [844, 390]]]) {
      it(`${scheme}, ${sizes.map((s) => s[0])} px: text can be read, axe finds nothing, nothing sticks out`, async () => {
        const [width, height] = sizes[0]
        v = await Visit.open(browser, edge.url, { width, height, scheme })
        const check = async (where) => {
          assert.deepEqual(await axe(v.page), [], `${where}: axe`)
          assert.deepEqual(await nameless(v.page), [], `${where}: names`)
          for (const [width, height] of [...sizes.slice(1), sizes[0]]) {
            await v.page.setViewportSize({ width, height })
            assert.deepEqual(await faint(v.page), [], `${where}, ${width}: contrast`)
            assert.deepEqual(await overflow(v.page), [], `${where}, ${width}: width`)
          }
        }
        await v.anna.online()
        await v.anna.look()
        await v.anna.message('Bring the photo').waitFor()
        await demo.notify({ id: ANNA }, 'Look at this')
        await v.anna.$('.toast').waitFor()
        await check('conversation')
        await v.anna.$('.more').click()
        await check('samples')
        await v.anna.$('.more').click()
        for (const tab of ['chats', 'post', 'alerts']) { await v.anna.tab(tab); await check(tab) }
        await v.anna.second()
        await check('second device')
        await v.boris.drop()
        await check('dropped')
        await v.show('wire')
        await v.page.locator('#log-lines li').first().waitFor()
        await check('log')
      })
    }
  }

  it('by keyboard alone: open a chat, write, go back', async () => {
    v = await Visit.open(browser, edge.url)
    await v.boris.online()
    const chat = v.boris.$('.chat-list button').first()
    await chat.focus()
    await v.page.keyboard.press('Enter')
    await v.until('the line has the focus', () => document.activeElement?.name === 'content')
    await v.page.keyboard.type('by keyboard')
    await v.page.keyboard.press('Shift+Enter')
    await v.page.keyboard.type('in two lines')
    await v.page.keyboard.press('Enter')
    await v.boris.ticks('in two lines', 'read')
    assert.equal(await demo.value('select content from platform.messages where chat_id = $1 order by seq desc limit 1', [CHAT]), 'by keyboard\nin two lines')
  })
})
