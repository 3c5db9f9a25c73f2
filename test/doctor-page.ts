import { groups } from '../src/doctor/check.ts';
import { checks } from '../src/doctor/checks.ts';

const BEGIN = '<!-- generated: checks of doctor -->';
const END = '<!-- end of generated -->';

/** docs/operating.md with the table of checks as the code has it now. */
export function doctorPage(page: string): string {
  const [before, rest] = page.split(BEGIN);
  if (rest === undefined) throw new Error('docs/operating.md has no place for the checks of doctor.');
  const rows = groups
    .flatMap((group) => checks.filter((check) => check.group === group))
    .map((check) => [`\`${check.id}\``, check.group, check.title, check.worst, 'atStart' in check ? 'yes' : '']);
  const lines = [['check', 'group', 'what holds', 'else', 'at start'], ['---', '---', '---', '---', '---'], ...rows];
  const table = lines.map((cells) => `| ${cells.join(' | ')} |\n`).join('');
  return `${before}${BEGIN}\n\n${table}\n${rest.slice(rest.indexOf(END))}`;
}
