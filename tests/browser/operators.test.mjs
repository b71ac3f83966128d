// The page of an edge before an operator: two edges, a crowd, three widths, both schemes, by keyboard, and with names that are markup.
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { launch } from './lib/browser.mjs'
import { axe, faint, nameless } from './lib/looks.mjs'
import { Look, Scene } from './lib/watch.mjs'

const scene = new Scene('browser_operators')
let browser
let v

before(async () => {
  await scene.build()
  await scene.crowd(40)
  browser = await launch()
})
afterEach(async () => { await v?.end(); v = null })
after(async () => { await browser?.close(); await scene.close() })

describe('the page', () => {
  it('shows both edges, the crowd, and what it does, as it happens', async () => {
    v = await Look.open(browser, scene.page())
    await v.says('#live', /^Live$/)
    await v.says('#edge-name', /^north$/)
    await v.says('#tiles', /Edges2.*Users40.*Sockets40/)
    await v.until('20 sockets on each', () => [...document.querySelectorAll('#edges tbody tr')].map((r) => r.children[4].textContent).join() === '20,20')
    await scene.talk(30)
    await v.says('#charts .value', /^[1-9][\d,]*\/s$/)
    await v.until('a line', () => document.querySelector('.chart .line').getAttribute('d').includes('L'))
    const seconds = () => v.$('.chart .line').nth(0).getAttribute('d').then((d) => d.split('L').length)
    const then = await seconds()
    await v.until('the next second', (n) => document.querySelector('.chart .line').getAttribute('d').split('L').length > n, then)
    // what came before somebody looked is there as well
    await v.page.reload()
    await v.until('its history', (n) => document.querySelector('.chart .line')?.getAttribute('d').split('L').length >= n, then)
    await v.says('#rooms', /participants:/)
  })

  it('one user, the last events, and why, with a name for where it is', async () => {
    v = await Look.open(browser, scene.page(scene.south))
    const user = scene.people[0]
    await scene.talk(3)
    await v.look(user)
    await v.says('#user-said', /^One socket\.$/)
    const rows = v.$('#user-found table').nth(1).locator('tbody tr')
    await rows.filter({ hasText: 'chat:message:new' }).first().getByRole('button').click()
    await v.says('#why-said', /^Everything has happened\.$|^It was written to the client|^It ended at the step "(confirmed|written)"/)
    await v.says('#why-steps li', /^announcedyes/)
    assert.equal(await v.page.evaluate(() => document.activeElement.id), 'why-title')
    assert.match(v.page.url(), new RegExp(`#event=\\d+&user=${user.id}$`))
    // the address leads there again
    const other = await Look.open(browser, v.page.url())
    await other.says('#why-said', /^Everything has happened\.$|^It was written|^It ended at/)
    await other.end()
    await v.$('#why-event').fill('nothing')
    await v.$('#why-form button').click()
    v.expected.push(/400/)
    await v.says('#why-said', /^Not found out: event: the uuid of a message/)
  })

  it('names that are markup are text', async () => {
    const evil = '<img/src=x/onerror=alert(1)>'
    await scene.sql("select rt.emit(array[$1], $2, '{}') from generate_series(1, 900)", [`custom:${evil}`, `said${evil}`])
    const edge = await scene.edge({ BELLWIRE_NAME: `edge${evil}` })
    v = await Look.open(browser, scene.page(edge))
    v.page.on('dialog', (d) => { v.complaints.push('a dialog'); d.dismiss() })
    await v.says('#edges', /edge<img\/src=x\/onerror=alert\(1\)>/)
    await v.says('#rooms', /custom:<img/)
    await v.says('#edge-name', /edge<img/)
    assert.equal(await v.page.evaluate(() => document.querySelectorAll('main img, main script').length), 0)
    await v.end()
    v = null
    await edge.stop()
  })

  it('an edge that ends: its page says so, and goes on when it is back', async () => {
    const edge = await scene.edge({ BELLWIRE_NAME: 'short' })
    const port = edge.adminPort
    v = await Look.open(browser, scene.page(edge))
    await v.says('#live', /^Live$/)
    await edge.stop()
    await v.says('#live', /^Connection lost, trying again$/)
    assert.deepEqual(await axe(v.page), [], 'axe, without a connection')
    v.expected.push(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_EMPTY_RESPONSE/)
    const back = await scene.edge({ BELLWIRE_NAME: 'back', BELLWIRE_ADMIN_LISTEN: `127.0.0.1:${port}` })
    await v.says('#edge-name', /^back$/)
    await v.says('#live', /^Live$/)
    await v.end()
    v = null
    await back.stop()
  })

  it('a database that is away: it says so, shows its own edge, and goes on when it is back', async () => {
    v = await Look.open(browser, scene.page())
    v.expected.push(/503/)
    for (const e of [scene.north, scene.south]) e.expected.push(/ error /)
    await v.until('both edges', () => document.querySelectorAll('#edges tbody tr').length === 2)
    const back = await scene.away()
    try {
      await v.says('#problem', /^the database (is away: this edge alone is shown|has not answered)$/)
      await v.says('#edges', /could not be asked/)
      await v.look(scene.people[0])
      await v.until('its own sockets, or an error', () => /this edge alone has answered|Not found out/.test(document.querySelector('#user-said').textContent))
      await v.$('#why-event').fill('1')
      await v.$('#why-user').fill(scene.people[0].id)
      await v.$('#why-form button').click()
      await v.says('#why-said', /^Not found out: the database (is away|has not answered)\.$/)
    } finally {
      await back()
    }
    await v.until('no problem any more', () => document.querySelector('#problem').hidden)
    await v.until('both edges answer', () => [...document.querySelectorAll('#edges tbody tr')].every((r) => !/could not/.test(r.textContent)))
  })

  it('by keyboard alone: a second of a chart, then a user', async () => {
    v = await Look.open(browser, scene.page())
    const plot = v.page.getByRole('slider', { name: 'Connections' })
    await v.until('some seconds', () => (document.querySelector('.chart .line')?.getAttribute('d').split('L').length ?? 0) > 3)
    await plot.focus()
    await v.page.keyboard.press('Home')
    assert.match(await plot.getAttribute('aria-valuetext'), /^\d\d:\d\d:\d\d: connections \d+, sockets \d+$/)
    await v.page.keyboard.press('End')
    assert.match(await plot.getAttribute('aria-valuetext'), /^now: /)
    await v.page.keyboard.press('Escape')
    // the first stop of the page leads past all of it
    await v.page.evaluate(() => { document.activeElement.blur(); scrollTo(0, 0) })
    await v.page.reload()
    await v.page.keyboard.press('Tab')
    await v.page.keyboard.press('Enter')
    await v.page.keyboard.press('Tab')
    assert.equal(await v.page.evaluate(() => document.activeElement.id), 'user-id')
    await v.page.keyboard.type(scene.people[1].id)
    await v.page.keyboard.press('Enter')
    await v.says('#user-said', /^One socket\.$/)
  })
})

// Whatever sticks out of the window, but for what scrolls by itself.
const stickingOut = (page) => page.evaluate(() => {
  const bad = []
  const wide = document.documentElement
  if (wide.scrollWidth > wide.clientWidth) bad.push(`page: ${wide.scrollWidth} > ${wide.clientWidth}`)
  for (const e of document.querySelectorAll('body *')) {
    const box = e.getBoundingClientRect()
    if (box.width && !e.closest('.scroll *, .skip, svg') && (box.right > innerWidth + 1 || box.left < -1)) bad.push(`${e.className || e.tagName}: ${box.left}..${box.right} of ${innerWidth}`)
  }
  return bad
})

const WIDTHS = [[1920, 1080], [1440, 900], [820, 1100], [390, 844], [320, 568]]

describe('looks', () => {
  for (const scheme of ['light', 'dark']) {
    it(`${scheme}: text can be read, axe finds nothing, nothing sticks out at any width`, async () => {
      v = await Look.open(browser, scene.page(), { scheme, hash: `#event=1&user=${scene.people[0].id}` })
      await v.says('#why-said', /ended|happened/)
      await v.look(scene.people[0])
      await v.says('#edges', /south/)
      await v.says('#charts .value', /\d/)
      assert.deepEqual(await axe(v.page), [], 'axe')
      assert.deepEqual(await faint(v.page), [], 'contrast')
      assert.deepEqual(await nameless(v.page), [], 'names')
      for (const [width, height] of WIDTHS) {
        await v.page.setViewportSize({ width, height })
        assert.deepEqual(await stickingOut(v.page), [], `width ${width}`)
      }
      assert.deepEqual(await axe(v.page), [], 'axe, at the last width')
    })
  }
})
