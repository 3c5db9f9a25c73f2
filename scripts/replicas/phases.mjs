import { setTimeout as delay } from 'node:timers/promises';

/**
 * What is done to the fleet. `mayFail`: failures that are expected of it, by kind; others break the run. `endsWithinMs`: how long
 * after its end the last failure may be. `startsWithPrevious`: both replicas run the release before when it begins.
 */
export const phases = [
  { name: 'nothing', run: (_fleet, ms) => delay(ms), mayFail: [] },
  {
    name: 'one replica is killed (SIGKILL), and started again',
    run: async (fleet, ms) => {
      await fleet.endReplica(0, 'SIGKILL');
      await delay(ms);
      await fleet.startReplica(0);
    },
    // Calls that were running in it: they may have run, so nobody repeats them.
    mayFail: ['502'],
    endsWithinMs: 0,
  },
  {
    name: 'both are replaced, one after the other (SIGTERM)',
    run: async (fleet) => {
      for (const index of [0, 1]) {
        await fleet.endReplica(index, 'SIGTERM');
        await fleet.startReplica(index);
        await delay(3_000);
      }
    },
    mayFail: [],
  },
  {
    name: 'Redis is away',
    run: async (fleet, ms) => {
      await fleet.stopRedis();
      await delay(ms);
      await fleet.startRedis();
    },
    mayFail: [],
  },
  {
    name: 'PostgreSQL is away',
    run: async (fleet, ms) => {
      fleet.databaseLine.cut();
      await delay(ms);
      await fleet.databaseLine.mend();
    },
    // Values cannot be saved, nor read where they are not in memory: never an empty value instead.
    mayFail: ['503'],
    endsWithinMs: 15_000,
    settleMs: 20_000,
  },
  {
    name: 'both replicas are killed and started at once',
    run: async (fleet) => {
      await Promise.all([0, 1].map((index) => fleet.endReplica(index, 'SIGKILL')));
      await Promise.all([0, 1].map((index) => fleet.startReplica(index)));
    },
    mayFail: ['502', '503', '504'],
    endsWithinMs: 6_000,
    settleMs: 10_000,
  },
  {
    name: 'rolling update from the previous release',
    startsWithPrevious: true,
    run: async (fleet) => {
      for (const index of [0, 1]) {
        await fleet.endReplica(index, 'SIGTERM');
        await fleet.startReplica(index);
        await delay(2_000);
      }
    },
    // The release before closes its port at once: what is on its way to it at that moment fails.
    mayFail: ['502', '503'],
    endsWithinMs: 0,
  },
  {
    name: 'the same update, each replica left out of nginx first',
    startsWithPrevious: true,
    run: async (fleet) => {
      for (const index of [0, 1]) {
        await fleet.leaveOut(index);
        await fleet.endReplica(index, 'SIGTERM');
        await fleet.startReplica(index);
        await fleet.leaveOut(undefined);
        await delay(2_000);
      }
    },
    // nginx closes its callers' idle connections when it reloads, and a call may be on its way on one.
    mayFail: ['ECONNRESET'],
  },
];
