// The network between the clients and an edge: it carries bytes, and stalls or resets connections when it is told to.
import net from 'node:net'

export class Network {
  constructor(port) {
    this.port = port
    this.pairs = new Set()
    this.stalled = new Map() // pair -> timer
    this.server = net.createServer({ noDelay: true }, (client) => this.carry(client))
  }

  async open() {
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve))
    this.url = `http://127.0.0.1:${this.server.address().port}`
    return this
  }

  carry(client) {
    const edge = net.connect({ port: this.port, host: '127.0.0.1', noDelay: true })
    const pair = [client, edge]
    this.pairs.add(pair)
    for (const [from, to] of [[client, edge], [edge, client]]) {
      from.pipe(to)
      from.on('error', () => {})
      from.on('close', () => {
        to.destroy()
        this.pairs.delete(pair)
      })
    }
  }

  some(random) { return random.pick([...this.pairs]) }

  reset(random) { for (const end of this.some(random) ?? []) end.resetAndDestroy() }

  // Nothing goes either way for a while; the other side cannot tell this from a slow network.
  stall(random, ms) {
    const pair = this.some(random)
    if (!pair || this.stalled.has(pair)) return
    for (const end of pair) end.pause()
    this.stalled.set(pair, setTimeout(() => this.go(pair), ms).unref())
  }

  go(pair) {
    clearTimeout(this.stalled.get(pair))
    this.stalled.delete(pair)
    for (const end of pair) end.resume()
  }

  goAll() { for (const pair of this.stalled.keys()) this.go(pair) }

  // Ends what is open.
  cut() { for (const pair of this.pairs) for (const end of pair) end.destroy() }

  close() {
    this.server.close()
    this.cut()
  }
}
