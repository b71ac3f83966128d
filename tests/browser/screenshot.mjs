#!/usr/bin/env node
// Draws docs/demo.png and docs/images/demo-*.png anew: the page with both people in the middle of it, in three widths and both schemes.
//
//   make && node tests/browser/screenshot.mjs
//
// BELLWIRE_TEST_PG  superuser URL of a Postgres; without it one is started for the time under build/
import { join } from 'node:path'
import { writeFile } from 'node:fs/promises'
import { drawn, root } from './lib/drawing.mjs'

// They read the environment when they are loaded.
const { launch, Visit } = await import('./lib/browser.mjs')
const { ANNA, CLARA, Demo, POST } = await import('./lib/demo.mjs')
const { smaller } = await import('./lib/png.mjs')

const demo = new Demo('screenshot')
demo.psql = "psql 'postgresql://bellwire_demo_writer@localhost/bellwire_demo'" // that of the tests has a password in it
let browser
let edge

const LAST = 'You have seen the post, then'

// What the two have done before the picture.
async function story() {
  const v = await Visit.open(browser, edge.url)
  const { anna, boris } = v
  await anna.online()
  await boris.openChat('Anna')
  await anna.ticks('Bring the photo', 'read')
  await boris.write('Packed already. How do you like the new place?')
  await anna.message('Packed already').waitFor()
  await anna.write('The light is wonderful in the morning')
  await anna.ticks('The light is wonderful', 'read')
  await demo.sql('insert into platform.post_likes (post_id, user_id) values ($1, $2) on conflict do nothing', [POST, CLARA])
  await boris.tab('post')
  await boris.$('.like').click()
  await boris.text('.counts', /^4 likes/)
  await boris.$('.comment-form input').fill('See you there on Saturday!')
  await boris.$('.comment-form button').click()
  await boris.text('.comments li:first-child .text', 'See you there on Saturday!')
  await v.end()
}

async function picture(file, what) {
  await demo.sql('update bellwire.presence set unclean_at = null') // each of them begins as the first one does
  const v = await Visit.open(browser, edge.url, what)
  const { anna, boris } = v
  await boris.tab('post')
  await boris.$('.post .picture').waitFor()
  await anna.openChat('Boris')
  await anna.message('The light is wonderful').waitFor()
  await anna.write(LAST)
  await anna.ticks(LAST, 'delivered')
  await boris.$('.toast').waitFor({ state: 'attached' })
  await v.log(ANNA, 'chat:message:delivered', 'in').first().waitFor({ state: 'attached' })
  await v.page.mouse.move(0, 0)
  await v.page.evaluate(() => document.activeElement?.blur())
  const png = smaller(await v.page.screenshot())
  await writeFile(file, png)
  console.log(`${file}: ${Math.round(png.length / 1024)} KiB`)
  await v.end()
  await demo.sql('delete from platform.messages where content = $1', [LAST])
}

try {
  await demo.build()
  edge = await demo.edge()
  browser = await launch()
  await story()
  for (const scheme of ['light', 'dark']) {
    for (const [name, width, height] of [['wide', 1440, 900], ['tablet', 820, 1100], ['phone', 390, 844]]) {
      const file = scheme === 'light' && name === 'wide' ? 'demo.png' : `images/demo-${name}-${scheme}.png`
      await picture(join(root, 'docs', file), { width, height, scheme })
    }
  }
} finally {
  await browser?.close()
  await demo.close()
  drawn()
}
