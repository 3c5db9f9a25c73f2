// Loaded into the service before its own code: serves the functions that ran, by V8's precise coverage. `/start` counts
// from zero; `/take` answers with what has run since, by file.
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Session } from 'node:inspector/promises';
import { PROBE_PORT_FILE } from './probe-file.mjs';

const session = new Session();
session.connect();

async function answer(path) {
  if (path === '/start') {
    await session.post('Profiler.enable');
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
    return {};
  }
  const { result } = await session.post('Profiler.takePreciseCoverage');
  return result.filter(({ url }) => url.startsWith('file:'));
}

const server = createServer((request, response) => {
  answer(request.url).then(
    (body) => response.end(JSON.stringify(body)),
    (error) => response.writeHead(500).end(error.message),
  );
});
server.listen(0, '127.0.0.1', () => writeFileSync(PROBE_PORT_FILE, String(server.address().port)));
server.unref();
