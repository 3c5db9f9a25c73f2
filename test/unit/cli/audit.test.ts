import { writeFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { verifyAudit } from '../../../src/cli/audit.ts';
import { UsageError } from '../../../src/errors.ts';
import { KEY, linesOf, OTHER_KEY, useAuditFolder } from '../audit/audit-files.ts';

const { context, write } = useAuditFolder();
/** There is no database. */
const environment = (key: Buffer) => ({
  secrets: { MCPO_AUDIT_KEY: key.toString('base64') },
  database: { dataDir: '/nowhere', databaseUrl: undefined },
});
const NOTE = 'note: the database has no record of a log at this path; only the files were checked.\n';

test('says that all is well, with numbers', async () => {
  await write(2);
  expect(await verifyAudit([context.file], environment(KEY))).toEqual({
    text: `${NOTE}OK: 2 entries (1 to 2) in 1 file\n`,
    exitCode: 0,
  });
});

test('says where it is not', async () => {
  await write(4);
  writeFileSync(context.file, `${linesOf(context.file).toSpliced(1, 1).join('\n')}\n`);
  expect(await verifyAudit([context.file], environment(KEY))).toEqual({
    text: `${NOTE}NOT INTACT (deleted): ${context.file}, line 2: entry 2 is missing before this line.\n`,
    exitCode: 1,
  });
  expect((await verifyAudit([context.file], environment(OTHER_KEY))).text).toContain('wrong key');
});

test('a file that is not there', async () => {
  await expect(verifyAudit(['/nowhere/audit.log'], environment(KEY))).rejects.toThrow(UsageError);
});
