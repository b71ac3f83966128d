#!/usr/bin/env node
// Draws docs/images/page-*.png anew: the page of an edge in three widths and both schemes, after some minutes of a crowd.
//
//   make && node tests/browser/pictures.mjs [MINUTES]      10 unless it is said: the charts are full then
//
// BELLWIRE_TEST_PG  superuser URL of a Postgres; without it one is started for the time under build/
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { drawn, root } from './lib/drawing.mjs'

const images = join(root, 'docs/images')
const minutes = Number(process.argv[2] ?? 10)

// They read the environment when they are loaded.
const { launch } = await import('./lib/browser.mjs')
const { smaller } = await import('./lib/png.mjs')
const { Look, Scene } = await import('./lib/watch.mjs')

const scene = new Scene('pictures')
let browser

// A crowd as crowds are: waves of talk, somebody who leaves and comes back, somebody who says nonsense.
let goes = true
async function live() {
  for (let n = 0; goes; n++) {
    await scene.talk(2 + Math.round(5 * (1 + Math.sin(n / 40)) * Math.random()))
    if (n % 9 === 0) scene.sockets[n % scene.sockets.length].socket.emit('chat:join', { chat_id: n })
    if (n % 25 === 0) {
      const i = 4 + n % (scene.sockets.length - 4)
      scene.sockets[i].close()
      scene.sockets[i] = await scene.connect(scene.people[i], { edge: i % 2 ? scene.south : scene.north })
    }
    await sleep(400)
  }
}

try {
  await scene.build()
  await scene.crowd(60)
  browser = await launch()
  await mkdir(images, { recursive: true })
  const lives = live()
  await sleep(minutes * 60000)
  for (const scheme of ['light', 'dark']) {
    for (const [name, width, height] of [['wide', 1440, 900], ['tablet', 820, 1100], ['phone', 390, 844]]) {
      const v = await Look.open(browser, scene.page(), { width, height, scheme, hash: `#user=${scene.people[0].id}` })
      await v.says('#user-said', /socket/)
      await v.says('#edges', /south/)
      await v.says('#rooms', /participants/)
      await v.until('some latency', () => [...document.querySelectorAll('#charts .value')].slice(4, 8).every((e) => /s$/.test(e.textContent)))
      await v.page.evaluate(() => { document.activeElement?.blur(); scrollTo(0, 0) })
      const png = smaller(await v.page.screenshot())
      const file = join(images, `page-${name}-${scheme}.png`)
      await writeFile(file, png)
      console.log(`${file}: ${Math.round(png.length / 1024)} KiB`)
      await v.end()
    }
  }
  goes = false
  await lives
} finally {
  await browser?.close()
  await scene.close()
  drawn()
}
