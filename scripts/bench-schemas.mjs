// Times what is made of a catalogue of 120 tools, beside writing it as JSON once; and `openapi.json` from memory,
// beside `/healthz`. node scripts/bench-schemas.mjs [runs=15] [seconds=3]; build first, or name a build with DIST.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fixturePath, importBuilt, readFixture, startReplayService } from './replay-service.mjs';

const runs = Number(process.argv[2] ?? 15);
const seconds = Number(process.argv[3] ?? 3);
const TOOLS = 120;
const CONNECTIONS = 32;
/** The first one only warms up. */
const ROUNDS = 6;

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

const tools = sampleTools();
const source = { serverInfo: { name: 'bench', version: '1' }, instructions: undefined, tools };
const catalogueBytes = Buffer.byteLength(JSON.stringify(source));

await benchCompiling();
await benchServing();

/** Evenly from all recorded catalogues, so that simple and large schemas are there in their usual numbers. */
function sampleTools() {
  const all = readdirSync(fixturePath('catalogues'))
    .sort()
    .flatMap((file) =>
      readFixture(`catalogues/${file}`).tools.map((tool) => ({ ...tool, name: `${file[0]}_${tool.name}` })),
    );
  return Array.from({ length: TOOLS }, (_, index) => all[Math.floor((index * all.length) / TOOLS)]);
}

async function benchCompiling() {
  const { toDocument } = await importBuilt('openapi/to-document.js');
  const { serializeDocument } = await importBuilt('openapi/serialize-document.js');
  const { toCatalogue } = await importBuilt('servers/catalogue.js');
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
