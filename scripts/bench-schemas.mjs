// Times what is made of a catalogue of 120 tools, beside writing it as JSON once; the check of a call's arguments for
// every recorded tool; and `openapi.json` from memory, beside `/healthz`.
// node scripts/bench-schemas.mjs [runs=15] [seconds=3]; build first, or name a build with DIST.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fixturePath, importSource, readFixture, startReplayService } from './replay-service.mjs';

const runs = Number(process.argv[2] ?? 15);
const seconds = Number(process.argv[3] ?? 3);
const TOOLS = 120;
const CONNECTIONS = 32;
const CHECKS = 500;
const FORMAT_SAMPLES = {
  uri: 'http://a.example/x',
  'date-time': '2026-01-01T00:00:00Z',
  uuid: '123e4567-e89b-42d3-a456-426614174000',
};
/** The first one only warms up. */
const ROUNDS = 6;

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

const tools = sampleTools();
const source = { serverInfo: { name: 'bench', version: '1' }, instructions: undefined, tools };
const catalogueBytes = Buffer.byteLength(JSON.stringify(source));

const { toDocument, serializeDocument, toCatalogue, ArgumentChecks } = await importSource([
  'openapi/to-document.ts',
  'openapi/serialize-document.ts',
  'servers/catalogue.ts',
  'schema/check/argument-check.ts',
]);
await benchCompiling();
benchChecking();
await benchServing();

function recordedTools() {
  return readdirSync(fixturePath('catalogues'))
    .sort()
    .flatMap((file) =>
      readFixture(`catalogues/${file}`).tools.map((tool) => ({ ...tool, name: `${file[0]}_${tool.name}` })),
    );
}

/** Evenly from all recorded catalogues, so that simple and large schemas are there in their usual numbers. */
function sampleTools() {
  const all = recordedTools();
  return Array.from({ length: TOOLS }, (_, index) => all[Math.floor((index * all.length) / TOOLS)]);
}

async function benchCompiling() {
  const input = (schemas) => ({
    servers: [{ name: 'bench', ...source }],
    scope: 'server',
    baseUrl: '/bench',
    api: { name: undefined, description: undefined, version: undefined },
    operationIds: 'server',
    singleServer: false,
    hasAuthentication: true,
    toolErrorStatus: 500,
    schemas,
  });
  const list = { tools, rejected: [] };
  const config = { enabledTools: undefined, disabledTools: new Set() };
  const steps = {
    'JSON.stringify (the floor)': () => JSON.stringify(source),
    'portable schemas and document': () => toDocument(input('portable')),
    'exact document': () => toDocument(input('exact')),
    'document as bytes with ETag': () => serializeDocument(documents.portable),
    'catalogue, checks not compiled': () => toCatalogue({ ...source, list }, config),
    'first call of each tool': () => {
      for (const { checkArguments } of toCatalogue({ ...source, list }, config).tools.values()) {
        try {
          checkArguments({});
        } catch {
          // A refusal is an answer too.
        }
      }
    },
  };
  const documents = { portable: toDocument(input('portable')) };
  const served = serializeDocument(documents.portable).body.length;

  const firsts = new Map();
  const medians = new Map();
  for (const [name, step] of Object.entries(steps)) {
    const times = [];
    for (let run = 0; run < runs; run++) {
      const startedAt = performance.now();
      await step();
      times.push(performance.now() - startedAt);
    }
    firsts.set(name, times[0]);
    medians.set(name, median(times));
  }

  const floor = medians.get('JSON.stringify (the floor)');
  console.log(`${TOOLS} tools, ${catalogueBytes} bytes of catalogue, ${served} bytes of document; ${runs} runs each\n`);
  console.log('| step | first ms | median ms | × floor |\n|---|--:|--:|--:|');
  for (const [name, ms] of medians) {
    console.log(`| ${name} | ${firsts.get(name).toFixed(2)} | ${ms.toFixed(2)} | ${(ms / floor).toFixed(1)} |`);
  }
}

/** A warm check for each tool, with arguments that hold: every property is given. */
function benchChecking() {
  const times = [];
  for (const { inputSchema } of recordedTools()) {
    const check = new ArgumentChecks().add(inputSchema);
    const args = sampleOf(inputSchema, inputSchema, 0);
    try {
      for (let warmUp = 0; warmUp < 100; warmUp++) check(args);
    } catch {
      // A pattern, as a rule: what holds for it cannot be made up.
      continue;
    }
    const startedAt = performance.now();
    for (let run = 0; run < CHECKS; run++) check(args);
    times.push(((performance.now() - startedAt) / CHECKS) * 1_000);
  }
  times.sort((a, b) => a - b);
  const at = (part) => times[Math.floor((times.length - 1) * part)].toFixed(1);
  console.log(
    `\nA check of arguments, ${times.length} tools: median ${at(0.5)} µs, nine of ten ${at(0.9)} µs, most ${at(1)} µs`,
  );
}

function sampleOf(schema, root, level) {
  if (typeof schema !== 'object' || schema === null || level > 5) return 'x';
  const { $ref, type, properties, items, minLength, minimum, exclusiveMinimum } = schema;
  if ($ref !== undefined) {
    const target = $ref
      .split('/')
      .slice(1)
      .reduce((value, key) => value?.[key], root);
    return sampleOf(target, root, level + 1);
  }
  if (schema.const !== undefined || schema.enum !== undefined) return schema.const ?? schema.enum[0];
  if (schema.default !== undefined) return schema.default;
  const [first] = schema.anyOf ?? schema.oneOf ?? schema.allOf ?? [];
  if (first !== undefined) return sampleOf(first, root, level + 1);
  switch ([type].flat()[0] ?? (properties && 'object')) {
    case 'object':
      return Object.fromEntries(
        Object.entries(properties ?? {}).map(([key, child]) => [key, sampleOf(child, root, level + 1)]),
      );
    case 'array':
      return [sampleOf(items, root, level + 1)];
    case 'integer':
    case 'number':
      return minimum ?? (exclusiveMinimum ?? 0) + 1;
    case 'boolean':
      return true;
    case 'null':
      return null;
    default:
      return FORMAT_SAMPLES[schema.format] ?? 'x'.repeat(Math.max(minLength ?? 0, 5));
  }
}

async function benchServing() {
  const folder = mkdtempSync(join(tmpdir(), 'mcpo-ts-bench-'));
  const file = join(folder, 'catalogue.json');
  writeFileSync(file, JSON.stringify(source));
  const service = await startReplayService({ bench: file });
  try {
    const path = '/bench/openapi.json';
    const { headers } = await get(service.url, path, {}, undefined);
    const targets = [
      ['/healthz', '/healthz', {}],
      [`${path}`, path, {}],
      [`${path}, not modified`, path, { 'if-none-match': headers.etag }],
    ];
    // In turn and several times, since other programs' load comes and goes.
    const rates = new Map(targets.map(([name]) => [name, []]));
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, target, sent] of targets) {
        const count = await countRequests(service.url, target, sent, seconds / ROUNDS);
        if (round > 0) rates.get(name).push((count * ROUNDS) / seconds);
      }
    }
    console.log(
      `\n${CONNECTIONS} connections, ${seconds} s each\n\n| request | per second | × /healthz |\n|---|--:|--:|`,
    );
    const floor = median(rates.get('/healthz'));
    for (const [name, found] of rates) {
      console.log(`| ${name} | ${median(found).toFixed(0)} | ${(median(found) / floor).toFixed(2)} |`);
    }
  } finally {
    await service.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function countRequests(url, path, headers, forSeconds) {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const end = performance.now() + forSeconds * 1_000;
  let count = 0;
  const loop = async () => {
    while (performance.now() < end) {
      const { status } = await get(url, path, headers, agent);
      if (status !== 200 && status !== 304) throw new Error(`${path} answers ${status}`);
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, loop));
  agent.destroy();
  return count;
}

function get(url, path, headers, agent) {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${url}${path}`, { headers, ...(agent === undefined ? {} : { agent }) }, (incoming) => {
      incoming.on('error', reject);
      incoming.on('end', () => resolve({ status: incoming.statusCode, headers: incoming.headers }));
      incoming.resume();
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}
