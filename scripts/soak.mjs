// Mixed calls by many users over many servers, with random kills of children and hot reloads; prints one line of figures
// and exits with 1 if a bound was broken. node scripts/soak.mjs [--minutes 10] [--users 50] [--servers 20] [--vault]
// [--seed N]; CLI_UNDER_TEST names another build. With --rate 1000 [--users 100] no disturbances, but a steady rate of calls
// with authentication, audit and metrics, each user on a session of their own.
import { parseArgs } from 'node:util';
import { Soak } from './soak/soak.mjs';
import { runSteady } from './soak/steady.mjs';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    users: { type: 'string', default: '50' },
    servers: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    rate: { type: 'string' },
    vault: { type: 'boolean', default: false },
  },
});

const minutes = Number(values.minutes);
const users = Number(values.users);
const soak = () =>
  new Soak({
    minutes,
    users,
    servers: Number(values.servers),
    seed: Number(values.seed),
    hasVault: values.vault,
  }).run();
const { line, breaches } = await (values.rate === undefined
  ? soak()
  : runSteady({ minutes, users, rate: Number(values.rate) }));
process.stdout.write(`${line}\n`);
for (const breach of breaches) process.stdout.write(`  ${breach}\n`);
process.exitCode = breaches.length > 0 ? 1 : 0;
