// A browser of Debian's, and the demo page in it as a visitor sees it.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
import { ANNA, BORIS } from './demo.mjs'

export const WAIT_MS = Number(process.env.BELLWIRE_TEST_WAIT_MS ?? 15000)

const EXECUTABLES = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium']
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']

export const launch = () => chromium.launch({ executablePath: EXECUTABLES.find(existsSync), headless: true, args: FLAGS })

function shiftClock(by) {
  const Right = Date
  window.Date = class extends Right {
    constructor(...of) { super(...(of.length ? of : [Right.now() + by])) }
    static now() { return Right.now() + by }
  }
}

// A page of ours in a browser; whatever the browser complains about fails the test.
export class Tab {
  // what: width, height, scheme, scale; timezone, and the milliseconds by which the clock of this machine is wrong
  static async open(browser, url, path, what = {}) {
    const v = new this()
    const { width = 1440, height = 900, scheme = 'light', scale = 1, timezone, wrong = 0 } = what
    v.narrow = width <= 720 || height <= 480
    v.context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, deviceScaleFactor: scale, reducedMotion: 'reduce', timezoneId: timezone,
      permissions: ['clipboard-read', 'clipboard-write'] })
    if (wrong) await v.context.addInitScript(shiftClock, wrong)
    v.page = await v.context.newPage()
    v.page.setDefaultTimeout(WAIT_MS)
    v.complaints = []
    v.expected = []
    v.page.on('console', (m) => { if (m.type() === 'error' || m.type() === 'warning') v.complaints.push(`${m.type()}: ${m.text()} ${m.location().url}`) })
    v.page.on('pageerror', (e) => v.complaints.push(e.stack))
    v.context.on('request', (r) => { if (new URL(r.url()).origin !== new URL(url).origin) v.complaints.push(`asked a stranger: ${r.url()}`) })
    await v.page.goto(url + path)
    return v
  }

  // A condition within the page, with a description for when it does not come true.
  until(what, fn, arg) { return this.page.waitForFunction(fn, arg).catch((e) => { throw new Error(`not within ${WAIT_MS} ms: ${what} (${e.message.split('\n')[0]})`) }) }

  // Whether an element that this finds has the keyboard's focus, once it has.
  focused(selector) {
    return this.until(`the focus is on ${selector}`, (s) => document.activeElement?.matches(s), selector).catch(async (e) => {
      throw new Error(`${e.message}; it is on ${await this.page.evaluate(() => document.activeElement.outerHTML.slice(0, 120))}`)
    })
  }

  async end() {
    await this.context.close()
    assert.deepEqual(this.complaints.filter((c) => !this.expected.some((e) => e.test(c))), [], 'what the browser complained about')
  }
}

export class Visit extends Tab {
  static async open(browser, url, what) {
    const v = await super.open(browser, url, '/demo/', what)
    v.anna = new Person(v, ANNA)
    v.boris = new Person(v, BORIS)
    return v
  }

  async show(pane) { if (this.narrow) await this.page.locator(`#panes [data-show="${pane}"]`).click() }

  log(user, event, direction) { return this.page.locator(`#log-lines li${direction ? `.${direction}` : ''}[data-user="${user}"][data-event="${event}"]`) }
}

class Person {
  constructor(visit, id, device = 1) {
    const selector = `.phone[data-user="${id}"][data-device="${device}"]`
    Object.assign(this, { visit, id, device, selector, root: visit.page.locator(selector) })
  }

  $(selector) { return this.root.locator(selector) }

  // On a phone's width one pane is seen at a time.
  async look() { await this.visit.show(this.device === 1 ? this.id : `${this.id}.${this.device}`); return this }

  // The same person, on a second device.
  async second() {
    await this.look()
    await this.$('.twin').click()
    const twin = new Person(this.visit, this.id, 2)
    await twin.online()
    return twin
  }

  async tab(name) { await this.look(); await this.$(`[data-tab=${name}]`).click(); await this.$(`.page[data-page=${name}]`).waitFor() }

  async openChat(title) {
    await this.tab('chats')
    await this.$('.chat-list button').filter({ has: this.visit.page.locator('.middle > .name', { hasText: new RegExp(`^${title}$`) }) }).click()
    await this.$('.messages[aria-busy=false]').waitFor()
  }

  async online() { await this.root.and(this.visit.page.locator('[data-state=online]')).waitFor({ state: 'attached' }) }

  async drop() { await this.look(); await this.$('.wire').click(); await this.root.and(this.visit.page.locator('[data-state=dropped]')).waitFor() }

  async restore() { await this.look(); await this.$('.wire').click(); await this.online() }

  async write(text) { await this.look(); await this.$('.composer textarea').fill(text); await this.$('.composer textarea').press('Enter') }

  message(text) { return this.$('.message').filter({ hasText: text }) }

  // The message is just here: one of these.
  ticks(text, ...statuses) {
    return this.visit.until(`"${text}" is ${statuses} at ${this.id}`, ([phone, t, all]) => [...document.querySelectorAll(`${phone} .message`)]
      .some((m) => m.textContent.includes(t) && all.includes(m.dataset.status)), [this.selector, text, statuses])
  }

  // The text of an element, once it is this or matches.
  text(selector, wanted) {
    return this.visit.until(`${selector} of ${this.id} says ${wanted}`, ([phone, sel, w, re]) => {
      const e = document.querySelector(`${phone} ${sel}`)
      const t = e && !e.hidden ? e.textContent.trim() : ''
      return re ? new RegExp(w).test(t) : t === w
    }, [this.selector, selector, wanted instanceof RegExp ? wanted.source : wanted, wanted instanceof RegExp])
  }

  focused(selector) { return this.visit.focused(`${this.selector} ${selector}`) }

  badge(name, n) { return this.text(`[data-badge=${name}]`, n === 0 ? '' : String(n)) }
}
