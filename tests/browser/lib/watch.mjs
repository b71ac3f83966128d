// The page of an edge as an operator sees it: two edges, a crowd on both that talks, and a browser before the page.
import assert from 'node:assert/strict'
import { World, until } from '../../integration/lib/world.mjs'
import { WAIT_MS } from './browser.mjs'

export class Scene extends World {
  // people: how many, each with a stock client; every third polls.
  async crowd(people = 40) {
    this.north = await this.edge({ BELLWIRE_NAME: 'north' })
    this.south = await this.edge({ BELLWIRE_NAME: 'south' })
    this.people = await this.users(...Array.from({ length: people }, (_, i) => `user ${i}`))
    this.room = await this.chat(...this.people.slice(0, Math.ceil(people / 2)))
    this.pair = await this.chat(this.people[0], this.people[1])
    this.sockets = await Promise.all(this.people.map((u, i) => this.connect(u, { edge: i % 2 ? this.south : this.north, transport: i % 3 ? 'websocket' : 'polling' })))
    return this
  }

  // n messages, a third of them by clients.
  async talk(n) {
    for (let i = 0; i < n; i++) {
      if (i % 3 === 0) await this.sockets[i % 2].ask('chat:message:send', { chat_id: this.pair.id, type: 'text', content: `from a client ${i}` })
      else await this.message(this.room, this.people[i % this.people.length / 2 | 0], `from psql ${i}`)
    }
  }

  page(edge = this.north) { return `http://127.0.0.1:${edge.adminPort}/page/` }
}

export class Look {
  // what: width, height, scheme, hash, scale
  static async open(browser, url, what = {}) {
    const v = new Look()
    const { width = 1440, height = 900, scheme = 'light', scale = 1, hash = '' } = what
    v.context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, deviceScaleFactor: scale, reducedMotion: 'reduce' })
    v.page = await v.context.newPage()
    v.page.setDefaultTimeout(WAIT_MS)
    v.complaints = []
    v.expected = []
    v.page.on('console', (m) => { if (m.type() === 'error' || m.type() === 'warning') v.complaints.push(`${m.type()}: ${m.text()} ${m.location().url}`) })
    v.page.on('pageerror', (e) => v.complaints.push(e.stack))
    v.context.on('request', (r) => { if (new URL(r.url()).origin !== new URL(url).origin) v.complaints.push(`asked a stranger: ${r.url()}`) })
    await v.page.goto(url + hash)
    return v
  }

  $(selector) { return this.page.locator(selector) }

  until(what, fn, arg) { return this.page.waitForFunction(fn, arg).catch((e) => { throw new Error(`not within ${WAIT_MS} ms: ${what} (${e.message.split('\n')[0]})`) }) }

  // The text of what the selector finds, once it matches.
  says(selector, pattern) {
    return this.until(`${selector} says ${pattern}`, ([s, p]) => [...document.querySelectorAll(s)].some((e) => new RegExp(p).test(e.textContent)), [selector, pattern.source])
  }

  async look(user) {
    await this.$('#user-id').fill(user.id)
    await this.$('#user-form button').click()
    await this.says('#user-said', /socket|found out/)
  }

  async end() {
    await this.context.close()
    assert.deepEqual(this.complaints.filter((c) => !this.expected.some((e) => e.test(c))), [], 'what the browser complained about')
  }
}

export { until }
