// Prints as Markdown what becomes of the recorded catalogues' input schemas, and of the odd shapes' calls.
// node scripts/schema-report.mjs; build first, or name another build with DIST.
import { readdirSync } from 'node:fs';
import { fixturePath, importTestModule, readFixture, startReplayService } from './replay-service.mjs';

const { compareKeywords } = await importTestModule('keyword-comparison.ts');
const { findPortabilityFaults } = await importTestModule('portability-rules.ts');
const { schemaShapeExamples } = await importTestModule('schema-shape-examples.ts');

const names = readdirSync(fixturePath('catalogues'))
  .sort()
  .map((file) => file.replace('.json', ''));
const shapes = readFixture('schema-shapes.json');
const service = await startReplayService({
  ...Object.fromEntries(names.map((name) => [name, fixturePath(`catalogues/${name}.json`)])),
  shapes: fixturePath('schema-shapes.json'),
});
try {
  const rows = [];
  for (const name of names) rows.push(await describeCatalogue(name, readFixture(`catalogues/${name}.json`).tools));
  rows.push(await describeCatalogue('schema-shapes', shapes, 'shapes'));
  printTable(rows);
  await printCalls();
} finally {
  await service.stop();
}

async function describeCatalogue(name, tools, server = name) {
  const [portable, exact] = await Promise.all(
    ['', '?schema=exact'].map(async (query) => (await fetch(`${service.url}/${server}/openapi.json${query}`)).text()),
  );
  const { paths } = JSON.parse(portable);
  const row = { name, tools: tools.length, served: 0, keywords: 0, lost: 0, faults: 0 };
  for (const tool of tools) {
    const operation = paths[`/${encodeURIComponent(tool.name)}`]?.post;
    if (operation === undefined) continue;
    const schema = operation.requestBody.content['application/json'].schema;
    const { total, lost } = compareKeywords(tool.inputSchema, schema, { described: operation.description ?? '' });
    for (const line of lost) console.error(`lost: ${name} ${tool.name} ${line}`);
    row.served += 1;
    row.keywords += total;
    row.lost += lost.length;
    row.faults += findPortabilityFaults(schema).length;
  }
  const bytes = (text) => Buffer.byteLength(text);
  return { ...row, catalogue: bytes(JSON.stringify({ tools })), portable: bytes(portable), exact: bytes(exact) };
}

function printTable(rows) {
  const heads = ['catalogue', 'tools', 'served', 'keywords', 'kept', 'faults', 'catalogue bytes', 'document', 'exact'];
  console.log(`| ${heads.join(' | ')} |\n|---${'|--:'.repeat(heads.length - 1)}|`);
  for (const row of [...rows, totalOf(rows)]) {
    const { name, tools, served, keywords, lost, faults, catalogue, portable, exact } = row;
    const kept = `${(((keywords - lost) / keywords) * 100).toFixed(lost === 0 ? 0 : 2)} %`;
    const sizes = [
      catalogue,
      `${portable} (${(portable / catalogue).toFixed(2)} ×)`,
      `${exact} (${(exact / catalogue).toFixed(2)} ×)`,
    ];
    console.log(`| ${[name, tools, served, keywords, kept, faults, ...sizes].join(' | ')} |`);
  }
}

function totalOf(rows) {
  const keys = Object.keys(rows[0]).filter((key) => key !== 'name');
  return {
    name: '**all**',
    ...Object.fromEntries(keys.map((key) => [key, rows.reduce((sum, row) => sum + row[key], 0)])),
  };
}

async function printCalls() {
  const counts = { valid: 0, invalid: 0, wrong: 0 };
  const judge = async (name, kind, body, status) => {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${service.url}/shapes/${name}`, { method: 'POST', headers, body });
    await answer.arrayBuffer();
    counts[kind] += 1;
    if (answer.status === status) return;
    counts.wrong += 1;
    console.error(`wrong: ${name} ${body} answers ${answer.status} in place of ${status}`);
  };
  for (const [name, { valid, invalid }] of Object.entries(schemaShapeExamples)) {
    for (const [sent] of valid) await judge(name, 'valid', JSON.stringify(sent), 200);
    for (const sent of [...invalid, []]) await judge(name, 'invalid', JSON.stringify(sent), 422);
  }
  const called = Object.keys(schemaShapeExamples).length;
  console.log(
    `\nShapes: ${shapes.length}, served and called ${called}; calls with valid arguments ${counts.valid}, ` +
      `with invalid ones ${counts.invalid}, answered with the wrong status ${counts.wrong}.`,
  );
}
