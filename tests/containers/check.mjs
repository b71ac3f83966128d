// Faults that `docker compose config` does not see: missing build contexts, a wait for health where nothing reports it.
import { existsSync, readFileSync } from 'node:fs';
import assert from 'node:assert/strict';

const { services } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
for (const [name, service] of Object.entries(services)) {
  if (service.build) {
    assert(existsSync(service.build.context), `${name}: build context ${service.build.context}`);
    assert(existsSync(`${service.build.context}/${service.build.dockerfile}`), `${name}: ${service.build.dockerfile}`);
  }
  for (const [target, how] of Object.entries(service.depends_on ?? {})) {
    if (how.condition === 'service_healthy') assert(services[target].healthcheck, `${name} waits for the health of ${target}, which reports none`);
  }
  assert(service.read_only, `${name}: read-only root`);
  assert.deepEqual(service.cap_drop, ['ALL'], `${name}: capabilities`);
}
