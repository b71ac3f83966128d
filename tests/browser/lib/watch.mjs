// The page of an edge as an operator sees it: two edges, a crowd on both that talks, and a browser before the page.
import { World, until } from '../../integration/lib/world.mjs'
import { Tab } from './browser.mjs'

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

export class Look extends Tab {
  // what: those of Tab, and hash
  static open(browser, url, { hash = '', ...what } = {}) { return super.open(browser, url, hash, what) }

  $(selector) { return this.page.locator(selector) }

  // The text of what the selector finds, once it matches.
  says(selector, pattern) {
    return this.until(`${selector} says ${pattern}`, ([s, p]) => [...document.querySelectorAll(s)].some((e) => new RegExp(p).test(e.textContent)), [selector, pattern.source])
  }

  async look(user) {
    await this.$('#user-id').fill(user.id)
    await this.$('#user-form button').click()
    await this.says('#user-said', /socket|found out/)
  }
}

export { until }
