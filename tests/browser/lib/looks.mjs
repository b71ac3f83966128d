// Measures of how a page looks: whether something sticks out, whether text can be read, whether controls have names.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

// What axe finds: rule, how bad, and where. Contrast is measured below, gradients and tones included.
export async function axe(page) {
  if (!await page.evaluate(() => Boolean(window.axe))) await page.evaluate(AXE)
  return page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ['violations'], rules: { 'color-contrast': { enabled: false } } })
    return violations.flatMap((v) => v.nodes.map((n) => `${v.id} (${v.impact}): ${n.target} ${n.html.slice(0, 120)}`))
  })
}

// Elements that would scroll sideways, and those beyond the window's edge.
export const overflow = (page) => page.evaluate(() => {
  const bad = []
  const wide = document.documentElement
  if (wide.scrollWidth > wide.clientWidth) bad.push(`page: ${wide.scrollWidth} > ${wide.clientWidth}`)
  for (const e of document.querySelectorAll('.page, .scroller, .log-lines, .alert-list, .chat-list, .messages, .message, .card, .toasts')) {
    if (!e.clientWidth) continue
    if (e.scrollWidth > e.clientWidth + 1) bad.push(`${e.className}: ${e.scrollWidth} > ${e.clientWidth}`)
    const box = e.getBoundingClientRect()
    if (box.right > innerWidth + 1 || box.left < -1) bad.push(`${e.className}: ${box.left}..${box.right} of ${innerWidth}`)
  }
  return bad
})

// Visible text whose contrast is below WCAG's AA: 4.5, or 3 for large text.
export const faint = (page) => page.evaluate(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1)
    canvas.fillStyle = colour
    canvas.fillRect(0, 0, 1, 1)
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data
    return [r, g, b, a / 255]
  }
  const over = ([r, g, b, a], under) => [r, g, b].map((c, i) => c * a + under[i] * (1 - a))
  const light = (rgb) => { const [r, g, b] = rgb.map((c) => { const s = c / 255; return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4 }); return 0.2126 * r + 0.7152 * g + 0.0722 * b }
  const background = (e) => {
    const stack = []
    for (let n = e; n; n = n.parentElement) {
      const style = getComputedStyle(n)
      const gradient = /gradient/.test(style.backgroundImage) && n !== document.body && /color\(srgb[^)]*\)|rgba?\([^)]*\)/.exec(style.backgroundImage)
      stack.push(rgba(gradient ? gradient[0] : style.backgroundColor))
    }
    return stack.reverse().reduce((under, c) => over(c, under), [255, 255, 255])
  }
  const bad = new Set()
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let t = walk.nextNode(); t; t = walk.nextNode()) {
    const e = t.parentElement
    const box = e.getBoundingClientRect()
    if (!t.data.trim() || !e.checkVisibility({ opacityProperty: true }) || box.width <= 1 || e.closest('[aria-disabled=true], :disabled, script, option, template')) continue
    const style = getComputedStyle(e)
    const under = background(e)
    const [a, b] = [light(over(rgba(style.color), under)), light(under)]
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700)
    if (contrast < (large ? 3 : 4.5)) bad.add(`${e.closest('[class]')?.className} "${t.data.trim().slice(0, 24)}" ${contrast.toFixed(2)}`)
  }
  return [...bad]
})

// Controls without a name, and ids used twice.
export const nameless = (page) => page.evaluate(() => {
  const bad = []
  for (const e of document.querySelectorAll('button, input, textarea, select, a[href], [role=region], [tabindex]')) {
    if (!e.checkVisibility()) continue
    const name = e.ariaLabel || e.labels?.[0]?.textContent || e.textContent || document.getElementById(e.getAttribute('aria-labelledby'))?.textContent
    if (!name?.trim()) bad.push(e.outerHTML.slice(0, 100))
  }
  for (const i of document.images) if (!i.hasAttribute('alt')) bad.push(i.outerHTML)
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id)
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) bad.push(`twice: #${id}`)
  return bad
})

// Whether two elements that are seen lie over each other.
export async function overlap(a, b) {
  const [p, q] = await Promise.all([a.boundingBox(), b.boundingBox()])
  return p.x < q.x + q.width && q.x < p.x + p.width && p.y < q.y + q.height && q.y < p.y + p.height
}
