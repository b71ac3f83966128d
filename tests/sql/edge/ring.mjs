// rt.ring: NOTIFY when, and only when, an edge sleeps.
import { connect, connectEdge, is, listen, run } from '../concurrent/lib.mjs';

async function ring() {
  const admin = await connect();
  const ear = await listen(admin);
  const [edge, sleeper] = [await connectEdge(), await connectEdge()];
  await edge.query('select rt.ring()');
  is((await ear.mark()).length, 0, 'nobody sleeps: silence');
  await sleeper.query('select * from rt.bell_arm()');
  await edge.query('select rt.ring()');
  is(JSON.stringify(await ear.mark()), '[""]', 'an edge sleeps: one NOTIFY without content');
  await edge.query('select * from rt.bell_arm()');
  await edge.query('select rt.ring()');
  is((await ear.mark()).length, 1, 'also when the one that rings is armed itself');
  await sleeper.query('select rt.bell_disarm()');
  await edge.query('select rt.bell_disarm()');
  await edge.query('select rt.ring()');
  is((await ear.mark()).length, 0, 'awake again');
}

await run([['ring', ring]]);
