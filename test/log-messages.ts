import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const BEGIN = '<!-- generated: npm run documents -->\n';
const END = '<!-- end of generated -->';

/** A call of the logger at `error` or `warn`, also one that chooses between levels, with a text as its message. */
const CALL =
  /logger\??(?:\.(error|warn)|\[[^\]]*'(error|warn)'[^\]]*\])\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`)/g;

/** The messages of the log at `error` and `warn`, as the source has them; `…` stands for what differs. */
export function logMessages(sourceFolder: string): readonly { readonly level: string; readonly message: string }[] {
  const found = readdirSync(sourceFolder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => [...readFileSync(join(sourceFolder, file), 'utf8').matchAll(CALL)])
    .map(([, level, other, single, double, template]) => ({
      level: level ?? other ?? '',
      message: single ?? double ?? (template ?? '').replaceAll(/\$\{[^}]*\}/g, '…'),
    }));
  const distinct = new Map(found.map((one) => [`${one.level} ${one.message}`, one]));
  return [...distinct.values()].sort(
    (one, other) => one.level.localeCompare(other.level) || (one.message < other.message ? -1 : 1),
  );
}

/** docs/logs.md with its list of messages as the source has them. Throws where it has no place for one. */
export function logPage(page: string, sourceFolder: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END, begin);
  if (begin === -1 || end === -1) throw new Error('docs/logs.md has no place for the messages.');
  const rows = logMessages(sourceFolder).map(({ level, message }) => `| \`${level}\` | ${message} |\n`);
  const table = `\n| level | message |\n| --- | --- |\n${rows.join('')}\n`;
  return page.slice(0, begin + BEGIN.length) + table + page.slice(end);
}
