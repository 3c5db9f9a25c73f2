import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * `*.long.test.ts`: what takes long because it must (floods, load, faults of a database, canaries, property tests, other
 * people's servers). `npm test` leaves them out, `npm run test:full` and `.ci/run` do not.
 */
const LONG = '**/*.long.test.ts';

const project = (name, testMatch) => ({
  displayName: name,
  rootDir: root,
  testEnvironment: 'node',
  testMatch,
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '\\.ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2023' },
        module: { type: 'es6' },
      },
    ],
  },
});

export default {
  rootDir: root,
  // One more than two cores, since many tests wait for processes. The long ones measure under load and take two.
  maxWorkers: 3,
  testTimeout: 30_000,
  reporters: ['default', '<rootDir>/test/closing-line-reporter.js'],
  projects: [
    ...['unit', 'e2e', 'browser', 'services', 'deploy'].map((name) =>
      project(name, [`<rootDir>/test/${name}/**/*.test.ts`, `!${LONG}`]),
    ),
    project('long', [LONG]),
  ],
};
