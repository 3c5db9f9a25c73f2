import { METRICS } from '../src/telemetry/metrics/metric-definitions.ts';

const BEGIN = '<!-- generated: metrics -->';
const END = '<!-- end of generated -->';

/** docs/metrics.md with its table as the definitions have it now. */
export function metricsPage(page: string): string {
  const [before, rest] = page.split(BEGIN);
  if (rest === undefined) throw new Error('docs/metrics.md has no place for the metrics.');
  const rows = Object.entries(METRICS).map(([name, { type, labels, help }]) => {
    return [`\`${name}\``, type, labels.map((label) => `\`${label}\``).join(', '), help];
  });
  const lines = [['metric', 'type', 'labels', ''], ['---', '---', '---', '---'], ...rows];
  const table = lines.map((cells) => `| ${cells.join(' | ')} |\n`).join('');
  return `${before}${BEGIN}\n\n${table}\n${rest.slice(rest.indexOf(END))}`;
}
