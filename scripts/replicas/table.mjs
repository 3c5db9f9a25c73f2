const columns = [
  'what happens',
  'lasted',
  'calls',
  'saves',
  'failed',
  'of which',
  'from first to last',
  'crossed',
  'lost',
];

export function tableHead() {
  return `| ${columns.join(' | ')} |\n|${columns.map(() => ' --- |').join('')}\n`;
}

export function printRow({ name, outageMs, calls, saves, failed, kinds, failedForMs, crossed, lost }) {
  const seconds = (ms) => `${(ms / 1_000).toFixed(1)} s`;
  const list = [...kinds].map(([kind, count]) => `${count} × ${kind}`).join(', ');
  const cells = [
    name,
    seconds(outageMs),
    calls,
    saves,
    failed,
    list,
    failed > 0 ? seconds(failedForMs) : '',
    crossed,
    lost,
  ];
  return `| ${cells.join(' | ')} |\n`;
}
