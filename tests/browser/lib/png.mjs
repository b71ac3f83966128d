// A browser writes PNGs in a hurry: the same picture without its transparency, with the filter that suits it and the best compression.
import assert from 'node:assert/strict'
import { deflateSync, inflateSync } from 'node:zlib'

const crcs = Uint32Array.from({ length: 256 }, (_, n) => { let c = n; for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1; return c >>> 0 })
const crc = (bytes) => { let c = 0xffffffff; for (const b of bytes) c = crcs[(c ^ b) & 255] ^ (c >>> 8); return (c ^ 0xffffffff) >>> 0 }

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const out = Buffer.alloc(body.length + 8)
  out.writeUInt32BE(data.length)
  body.copy(out, 4)
  out.writeUInt32BE(crc(body), body.length + 4)
  return out
}

function* chunks(png) {
  for (let at = 8, n; at < png.length; at += n + 12) {
    n = png.readUInt32BE(at)
    yield { type: png.toString('latin1', at + 4, at + 8), data: png.subarray(at + 8, at + 8 + n) }
  }
}

// The expected value of a byte, from the pixel to its left, the one above, and the one above that to the left.
function paeth(a, b, c) {
  const [x, y, z] = [b - c, a - c, a + b - 2 * c].map(Math.abs)
  return x <= y && x <= z ? a : y <= z ? b : c
}
const filters = [() => 0, (a) => a, (a, b) => b, (a, b) => (a + b) >> 1, paeth]

function unfilter(data, height, stride, bpp) {
  const lines = []
  let above = Buffer.alloc(stride)
  for (let y = 0; y < height; y++) {
    const at = y * (stride + 1)
    const guess = filters[data[at]]
    const line = Buffer.from(data.subarray(at + 1, at + 1 + stride))
    for (let x = 0; x < stride; x++) line[x] += guess(x < bpp ? 0 : line[x - bpp], above[x], x < bpp ? 0 : above[x - bpp])
    lines.push(line)
    above = line
  }
  return lines
}

function filtered(lines, filter, bpp) {
  let above = Buffer.alloc(lines[0].length)
  return Buffer.concat(lines.map((line) => {
    const out = Buffer.alloc(line.length + 1)
    out[0] = filter
    for (let x = 0; x < line.length; x++) out[x + 1] = line[x] - filters[filter](x < bpp ? 0 : line[x - bpp], above[x], x < bpp ? 0 : above[x - bpp])
    above = line
    return out
  }))
}

export function smaller(png) {
  const parts = [...chunks(png)]
  const head = Buffer.from(parts[0].data)
  const [width, height] = [head.readUInt32BE(0), head.readUInt32BE(4)]
  const bpp = { 2: 3, 6: 4 }[head[9]]
  assert.ok(bpp && head[8] === 8 && head[12] === 0, 'eight bits, true colour, not interlaced')
  let lines = unfilter(inflateSync(Buffer.concat(parts.filter((p) => p.type === 'IDAT').map((p) => p.data))), height, width * bpp, bpp)
  if (bpp === 4) lines = lines.map((line) => Buffer.from(line.filter((_, i) => i % 4 < 3)))
  head[9] = 2
  const [best] = filters.map((_, f) => deflateSync(filtered(lines, f, 3), { level: 9, memLevel: 9 })).sort((a, b) => a.length - b.length)
  return Buffer.concat([png.subarray(0, 8), chunk('IHDR', head), chunk('IDAT', best), chunk('IEND', Buffer.alloc(0))])
}
