// The page in a hand.
import { stories } from './lib/stories.mjs'

stories('browser_phone', { width: 390, height: 844 })
