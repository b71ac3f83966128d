// A network between a client and an edge, which can be cut, and can lose what the edge says.
import net from 'node:net'

export async function proxy(port) {
  const pairs = new Set()
  const p = { up: true, deaf: false }
  const server = net.createServer((client) => {
    if (!p.up) return client.destroy()
    const edge = net.connect(port, '127.0.0.1')
    const pair = { end() { client.destroy(); edge.destroy(); pairs.delete(pair) } }
    pairs.add(pair)
    client.on('data', (d) => edge.write(d))
    edge.on('data', (d) => { if (!p.deaf) client.write(d) })
    for (const s of [client, edge]) s.on('error', () => {}).on('close', () => pair.end())
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  p.url = `http://127.0.0.1:${server.address().port}`
  p.cut = () => { p.up = false; for (const pair of pairs) pair.end() }
  p.mend = () => { p.up = true; p.deaf = false }
  p.close = () => { p.cut(); server.close() }
  return p
}
