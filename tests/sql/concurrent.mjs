// What shows only with several sessions: one file a subject in concurrent/. ONLY=text runs the tests whose name has it.
import { run } from './concurrent/lib.mjs';

const cases = [];
for (const name of ['cursor']) cases.push(...(await import(`./concurrent/${name}.mjs`)).default);
await run(cases);
