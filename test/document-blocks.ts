import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** One fenced block of a document. */
export interface Block {
  /** `docs/vault.md:12`, where its fence begins. */
  readonly place: string;
  /** `sh`, `json`, `jsonc`, `text` … */
  readonly language: string;
  readonly text: string;
  /** What an HTML comment right before the fence says, such as `not run: needs Docker`. */
  readonly mark: string | undefined;
}

/** README and the pages of docs/, whose commands and configurations tests run. */
export const documents: readonly string[] = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
];

/** The fenced blocks of a document in order; those in lists without their indentation. */
export function blocksOf(document: string): readonly Block[] {
  const lines = readFileSync(join(root, document), 'utf8').split('\n');
  const blocks: Block[] = [];
  for (let index = 0; index < lines.length; index += 1) {
    const [, indent = '', language = ''] = /^( *)```(\w*)/.exec(lines[index] ?? '') ?? [undefined];
    if (!/^ *```/.test(lines[index] ?? '')) continue;
    const end = lines.findIndex((line, at) => at > index && line === `${indent}\`\`\``);
    const text = lines.slice(index + 1, end).map((line) => line.slice(indent.length));
    const mark = markBefore(lines, index);
    blocks.push({ place: `${document}:${index + 1}`, language, text: `${text.join('\n')}\n`, mark });
    index = end;
  }
  return blocks;
}

/** The file that a block is: its first line says so, as in `// servers.json`. */
export function fileNameOf({ language, text }: Block): string | undefined {
  return language.startsWith('json') ? /^\/\/ ([\w.-]+)\n/.exec(text)?.[1] : undefined;
}

export function isNotRun({ mark }: Block): boolean {
  return mark?.startsWith('not run: ') ?? false;
}

function markBefore(lines: readonly string[], index: number): string | undefined {
  const before = lines.slice(0, index).findLast((line) => line.trim() !== '');
  return /^\s*<!-- (.+) -->$/.exec(before ?? '')?.[1];
}
