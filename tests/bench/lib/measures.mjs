// All measures, by groups. A group shares its clients:
//
//   measures  { name: [[title, digits], ...] }, the columns of figures that `take` answers for each
//   take      fn({ run, times, wants, round, seconds, postmaster, url }) -> { name: figures }, for one server in one round
//   servers   those compared, bellwire and socket.io where nothing is said
//   floors    { name: fn() -> figures }, what the kernel alone takes
//   settings  of the product, meanwhile; env: of servers by name; rounds: at most so many
//   around    fn(world, servers), sets the world up and answers what undoes that
import { connects } from './measures/connects.mjs'
import { edges } from './measures/edges.mjs'
import { page } from './measures/page.mjs'
import { rooms } from './measures/rooms.mjs'
import { rows } from './measures/rows.mjs'
import { sends } from './measures/sends.mjs'
import { storms } from './measures/storm.mjs'
import { writes } from './measures/writes.mjs'

export const GROUPS = [...rooms, ...connects, ...sends, ...rows, ...edges, ...page, ...writes, ...storms]
export const ROWS = Object.assign({}, ...GROUPS.map((g) => g.measures))
