// A client that is let in, says nothing more, and over polling asks for nothing more.
import { randomBytes } from 'node:crypto'
import net from 'node:net'
import { token } from './world.mjs'

async function polling(edge, user) {
  const url = `${edge.url}/socket.io/?EIO=4&transport=polling`
  const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1))
  await fetch(`${url}&sid=${sid}`, { method: 'POST', body: `40{"token":"${token(user)}"}` })
  let seen = ''
  while (!seen.includes('sync:required')) seen += await (await fetch(`${url}&sid=${sid}`)).text()
  return { seen, pause() {}, destroy() {} }
}

async function websocket(edge, user) {
  const tcp = net.connect({ port: edge.port, host: '127.0.0.1', highWaterMark: 1024 })
  const connect = `40{"token":"${token(user)}"}`
  tcp.write(`GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: edge\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`)
  tcp.write(Buffer.concat([Buffer.from([0x81, 0xfe, connect.length >> 8, connect.length & 255, 0, 0, 0, 0]), Buffer.from(connect)]))
  let seen = ''
  tcp.on('error', () => {})
  await new Promise((resolve) => tcp.on('data', (d) => { seen += d.toString('latin1'); if (seen.includes('sync:required')) resolve() }))
  return { seen, pause: () => tcp.pause(), destroy: () => tcp.destroy() }
}

// id: of the socket. pause(): nothing is read any more; destroy(): the connection is lost.
export async function silent(edge, user, transport) {
  const { seen, ...client } = await (transport === 'polling' ? polling : websocket)(edge, user)
  return { ...client, id: /40\{"sid":"([^"]+)/.exec(seen)[1] }
}
