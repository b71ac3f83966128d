// A crowd that comes at once, and reads what it missed as it is asked to after sync:required: crowd.mjs PORT USERS FIRST COUNT
//
// Prints one line of JSON: milliseconds from the first connection to each client's `connected` and to its last read, sorted; how many reads
// there were, how many of them were refused and tried again; how many clients never came in, and how many have not read all.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const [port, file, first, count] = [process.argv[2], process.argv[3], Number(process.argv[4]), Number(process.argv[5])]
const people = readFileSync(file, 'utf8').trim().split('\n').slice(first, first + count).map((line) => line.split(' '))
const TRIES = 20
const GIVE_UP_MS = 60000
const connected = []
const done = []
let reads = 0
let refused = 0

const began = performance.now()
const since = () => performance.now() - began

// The client's WebSocket, from the handshake to sync:required; it stays open. Answers when it was connected.
function connect(token) {
  const tcp = net.connect(port, '127.0.0.1')
  const text = `40{"token":"${token}"}`
  const head = Buffer.from([0x81, 0xfe, text.length >> 8, text.length & 255, 0, 0, 0, 0]) // a mask of zeros
  tcp.write(`GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: edge\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`)
  tcp.write(Buffer.concat([head, Buffer.from(text)]))
  return new Promise((resolve, reject) => {
    let seen = ''
    let at
    tcp.on('error', reject)
    tcp.on('close', () => reject(new Error('closed')))
    tcp.on('data', (d) => {
      if (seen === null) return
      seen += d.toString('latin1')
      if (!at && seen.includes('["connected"')) at = since()
      if (seen.includes('["sync:required"')) {
        seen = null
        resolve(at)
      }
    })
  })
}

// One request; a refusal says when to come again.
function ask(agent, path, token) {
  return new Promise((resolve, reject) => {
    const request = http.get({ agent, port, path, headers: { authorization: `Bearer ${token}` } }, (r) => {
      let body = ''
      r.setEncoding('utf8').on('data', (d) => { body += d }).on('end', () => resolve([r.statusCode, body]))
    })
    request.on('error', reject)
  })
}

async function read(agent, path, token) {
  for (let i = 0; i < TRIES; i++) {
    const [status, body] = await ask(agent, path, token)
    reads++
    if (status === 200) return
    if (status !== 503) throw new Error(`${path}: ${status}`)
    refused++
    await sleep(JSON.parse(body).retry_after_ms) // the edge spreads them
  }
  throw new Error(`${path}: refused ${TRIES} times`)
}

async function come([token, chat]) {
  connected.push(await connect(token))
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  for (const path of ['/api/v2/chats', `/api/v2/chats/${chat}/messages`, '/api/v2/notifications']) await read(agent, path, token)
  agent.destroy()
  done.push(since())
}

setTimeout(finish, GIVE_UP_MS)
const sorted = (times) => times.sort((a, b) => a - b)
function finish() {
  console.log(JSON.stringify({ connected: sorted(connected), done: sorted(done), reads, refused, lost: count - connected.length, unread: connected.length - done.length }))
  process.exit(0)
}
await Promise.allSettled(people.map(come))
finish()
