// Two replicas behind nginx on PostgreSQL and Redis, under load by many users, while one after the other is taken away: prints
// a table of what failed and for how long, and exits with 1 if a call got another user's answer, an acknowledged value was lost, or
// calls failed where none may. node scripts/replicas.mjs [--seconds 10] [--users 100] [--only NAME]; needs nginx, redis-server and
// PostgreSQL (MCPO_TEST_DATABASE_URL). CLI_UNDER_TEST names another build; --previous FILE the command of the release before, for the
// rolling update.
import { parseArgs } from 'node:util';
import { Fleet } from './replicas/fleet.mjs';
import { phases } from './replicas/phases.mjs';
import { printRow, tableHead } from './replicas/table.mjs';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    users: { type: 'string', default: '100' },
    only: { type: 'string' },
    previous: { type: 'string' },
  },
});

const chosen = phases.filter(
  ({ name, startsWithPrevious }) =>
    (values.only === undefined || name === values.only) && (!startsWithPrevious || values.previous !== undefined),
);
const broken = [];
process.stdout.write(tableHead());
await run(chosen.filter(({ startsWithPrevious }) => !startsWithPrevious));
// Each on a database of its own, which only that release has used.
for (const phase of chosen.filter(({ startsWithPrevious }) => startsWithPrevious)) await run([phase], values.previous);
for (const breach of broken) process.stdout.write(`  ${breach}\n`);
process.stdout.write(broken.length > 0 ? 'broken\n' : 'holds\n');
process.exitCode = broken.length > 0 ? 1 : 0;

async function run(some, firstCli) {
  if (some.length === 0) return;
  const fleet = await Fleet.start({ users: Number(values.users), firstCli });
  try {
    for (const phase of some) {
      const row = await fleet.observe(phase, Number(values.seconds) * 1_000);
      process.stdout.write(printRow(row));
      broken.push(...row.breaches);
    }
  } finally {
    await fleet.stop();
  }
}
