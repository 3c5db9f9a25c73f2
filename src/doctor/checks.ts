import { accessChecks, accessStartChecks } from './access-checks.ts';
import { auditChecks } from './audit-checks.ts';
import type { Check } from './check.ts';
import { fileChecks, fileStartChecks } from './file-checks.ts';
import { keyChecks } from './key-checks.ts';
import { networkChecks, networkStartChecks } from './network-checks.ts';
import { platformChecks, platformStartChecks } from './platform-checks.ts';
import { serverChecks, serverStartChecks } from './server-checks.ts';
import { storageChecks } from './storage-checks.ts';

/** Everything that `mcpo-ts doctor` looks at. */
export const checks: readonly Check[] = [
  ...accessChecks,
  ...accessStartChecks,
  ...keyChecks,
  ...networkChecks,
  ...networkStartChecks,
  ...fileStartChecks,
  ...fileChecks,
  ...serverChecks,
  ...serverStartChecks,
  ...storageChecks,
  ...auditChecks,
  ...platformChecks,
  ...platformStartChecks,
];
