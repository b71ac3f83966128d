// Random numbers of a seed: each actor has a stream of its own, so what one does does not depend on when others do it.
import { createHash } from 'node:crypto'

export class Random {
  constructor(seed) {
    this.seed = String(seed)
    this.state = createHash('sha256').update(this.seed).digest().readUInt32LE()
  }

  child(name) { return new Random(`${this.seed}/${name}`) }

  // [0, 1), by mulberry32
  next() {
    this.state = (this.state + 0x6d2b79f5) | 0
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }

  below(n) { return Math.floor(this.next() * n) }
  between(from, to) { return from + this.next() * (to - from) }
  chance(p) { return this.next() < p }
  pick(list) { return list[this.below(list.length)] }

  some(list, n) {
    const left = [...list]
    return Array.from({ length: Math.min(n, left.length) }, () => left.splice(this.below(left.length), 1)[0])
  }

  // weighted({ send: 5, go: 1 }): a key, as often as its weight says.
  weighted(weights) {
    let at = this.next() * Object.values(weights).reduce((a, b) => a + b)
    for (const [key, w] of Object.entries(weights)) if ((at -= w) < 0) return key
    return Object.keys(weights)[0]
  }
}
