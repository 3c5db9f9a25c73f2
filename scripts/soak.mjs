// Mixed calls by many users over many servers, with random kills of children and hot reloads; prints one line of figures
// and exits with 1 if a bound was broken. node scripts/soak.mjs [--minutes 10] [--users 50] [--servers 20] [--vault]
// [--seed N]; CLI_UNDER_TEST names another build.
import { parseArgs } from 'node:util';
import { Soak } from './soak/soak.mjs';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    users: { type: 'string', default: '50' },
    servers: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    vault: { type: 'boolean', default: false },
  },
});

const soak = new Soak({
  minutes: Number(values.minutes),
  users: Number(values.users),
  servers: Number(values.servers),
  seed: Number(values.seed),
  hasVault: values.vault,
});
const { line, breaches } = await soak.run();
process.stdout.write(`${line}\n`);
for (const breach of breaches) process.stdout.write(`  ${breach}\n`);
process.exitCode = breaches.length > 0 ? 1 : 0;
