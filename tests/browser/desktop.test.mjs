// The page as it stands on a desk.
import { stories } from './lib/stories.mjs'

stories('browser_desktop', { width: 1440, height: 900 })
