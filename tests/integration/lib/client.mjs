// A stock socket.io-client that remembers what it heard.
import assert from 'node:assert/strict'
import { io } from 'socket.io-client'
import { until, WAIT_MS } from './wait.mjs'

export const TRANSPORTS = { websocket: ['websocket'], polling: ['polling'], upgrade: ['polling', 'websocket'] }

export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
export const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

// match: a part of the payload, or a function of it.
function matches(payload, match) {
  if (match === undefined) return true
  if (typeof match === 'function') return match(payload)
  return Object.entries(match).every(([k, v]) => payload?.[k] === v)
}

// Keys in any order: JSON objects have none.
export const keys = (payload, ...names) => assert.deepEqual(Object.keys(payload).sort(), names.sort(), `keys of ${JSON.stringify(payload)}: ${names}`)

// The same failure by ack and by event, key for key.
export async function fails(c, event, args, code, more = {}) {
  const before = c.heard('error').length
  const ack = await c.ask(event, ...args)
  const what = `${event} ${JSON.stringify(args)?.slice(0, 300)}: ${JSON.stringify(ack)}`
  keys(ack, 'status', 'code', 'message', 'timestamp', ...Object.keys(more))
  assert.deepEqual([ack.status, ack.code], ['error', code], what)
  assert.match(ack.timestamp, TIME)
  assert.ok(typeof ack.message === 'string' && ack.message.length > 0 && ack.message.length < 200, what)
  // never a stack, SQL text or a constraint's name
  assert.doesNotMatch(ack.message, /select|insert|relation|constraint|violates|PL\/pgSQL|syntax|_key\b|_check\b|_fkey\b|null value|uuid:/i, what)
  const e = await c.hear('error', undefined, before + 1)
  keys(e, 'code', 'message', 'timestamp', 'event', ...Object.keys(more))
  assert.deepEqual([e.code, e.message, e.event], [code, ack.message, event], what)
  return ack
}

let barriers = 0

export class Client {
  // options: transport (a name of TRANSPORTS), and those of io()
  constructor(url, user, { transport = 'websocket', token, ...options } = {}) {
    this.user = user
    this.transport = transport
    this.events = []
    this.ends = [] // reasons of 'disconnect'
    this.socket = io(url, { transports: TRANSPORTS[transport], forceNew: true, reconnection: false, ...options })
    this.socket.onAny((event, ...args) => this.events.push({ event, args }))
    this.socket.on('disconnect', (reason) => this.ends.push(reason))
    this.socket.on('connect_error', (e) => { this.connectError = e })
  }

  get id() { return this.socket.id }

  // Payloads of an event heard so far. Every event has to have one object: clients in Dart are given a List otherwise.
  heard(event, match) {
    return this.events.filter((e) => e.event === event).map((e) => {
      assert.equal(e.args.length, 1, `${event} has one argument`)
      assert.equal(Object.prototype.toString.call(e.args[0]), '[object Object]', `${event} carries an object`)
      return e.args[0]
    }).filter((p) => matches(p, match))
  }

  // The nth such event, past or to come.
  async hear(event, match, nth = 1) {
    await until(() => this.heard(event, match).length >= nth, () => `${this.user?.name} hears ${nth} ${event} ${match ? JSON.stringify(match) : ''
    }; heard ${this.story()}${this.connectError ? `; ${this.connectError}` : ''}`)
    return this.heard(event, match)[nth - 1]
  }

  // For messages of failed tests: the events heard, without the presence of other tests' people.
  story() { return JSON.stringify(this.events.filter((e) => !/^user:/.test(e.event)).map((e) => [e.event, ...e.args])).slice(0, 1500) }

  async up() {
    await this.hear('sync:required')
    if (this.transport === 'upgrade') await until(() => this.socket.io.engine.transport.name === 'websocket', 'the upgrade')
    return this
  }

  async down() {
    await until(() => this.ends.length > 0, () => `${this.user?.name} is disconnected; heard ${this.story()}`)
    return this.ends.at(-1)
  }

  emit(...args) { this.socket.emit(...args) }

  // Emits and answers what the ack says, which has to be one object.
  async ask(...args) {
    const answers = await new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no ack for ${args[0]} within ${WAIT_MS} ms`)), WAIT_MS)
      this.socket.emit(...args, (...a) => { clearTimeout(late); resolve(a) })
    })
    assert.equal(answers.length, 1, 'an ack has one argument')
    assert.equal(Object.prototype.toString.call(answers[0]), '[object Object]', 'an ack is an object')
    return answers[0]
  }

  // When this is over, everything that was committed before has reached this client, or never will.
  async barrier({ ephemeral = false } = {}) {
    const n = ++barriers
    await this.world.sql('select rt.emit(array[$1], $2, $3, $4, $5)', [this.id, 'test:barrier', { n }, [], ephemeral])
    await this.hear('test:barrier', { n })
    return this
  }

  // Ends with 41, as socket.disconnect() does.
  close() { this.socket.disconnect() }

  // Loses the connection without a word.
  drop() {
    const { engine } = this.socket.io
    if (engine.transport.name === 'websocket') {
      engine.transport.ws.terminate()
    } else {
      engine.transport.doClose = () => {} // it would say 1
      engine.transport.pollXhr?.abort()
      engine._onClose('transport error')
    }
  }
}
