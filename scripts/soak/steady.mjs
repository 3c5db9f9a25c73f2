import { Agent } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { residentBytes } from '../faults/process-table.mjs';
import { fixture, send, startService, temporaryFolder } from '../faults/service.mjs';
import { quantile } from '../faults/table.mjs';
import { API_KEY, headersOf } from './mix.mjs';

const TICK_MS = 10;
const SOCKETS = 256;
const SCRAPE_MS = 5_000;
const MIB = 1024 * 1024;
/** The last part of the run does as much as the first, within this share. */
const MAX_LOSS = 0.05;

/** What was answered in one part of the run. @typedef {{ calls: number, durationsMs: number[] }} Part */

/**
 * A steady rate of calls with authentication, audit and metrics, each user on a session of their own: no errors, no
 * answer of another user's session, and the last minute (of a short run the last quarter) does what the first did.
 * @param {{ minutes: number, users: number, rate: number }} options
 * @returns {Promise<{ line: string, breaches: readonly string[] }>}
 */
export async function runSteady({ minutes, users, rate }) {
  const folder = temporaryFolder();
  const own = fixture('fault-worker.js', ['server=own'], { env: { TOKEN: 'of ${user.id}' } });
  const service = await startService({
    config: { mcpServers: { own } },
    env: {
      MCPO_API_KEY: API_KEY,
      MCPO_TRUST_USER_HEADERS: 'true',
      LOG_LEVEL: 'error',
      SECURITY_LOG_FILE: join(folder.path, 'audit.log'),
    },
  });
  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS });
  const errors = new Map();
  let crossed = 0;
  let scrapes = 0;

  /** @param {number} index @param {() => Part | undefined} [partNow] */
  const call = async (index, partNow) => {
    const user = `user${index % users}`;
    const startedAt = performance.now();
    try {
      const { status, text, token } = await service.call('own', 'who', {}, { headers: headersOf(user), agent });
      if (status !== 200) throw new Error(`${status} ${text.slice(0, 200)}`);
      const said = JSON.parse(text);
      if (said.token !== token || said.secret !== `of ${user}`) crossed += 1;
      // By when it was answered: by when it was sent, a service that falls behind would not show.
      const part = partNow?.();
      if (part === undefined) return;
      part.calls += 1;
      part.durationsMs.push(performance.now() - startedAt);
    } catch (error) {
      errors.set(error.message, (errors.get(error.message) ?? 0) + 1);
    }
  };

  try {
    await Promise.all(Array.from({ length: users }, (_, index) => call(index)));
    const partMs = Math.min(60_000, (minutes * 60_000) / 4);
    /** @type {Part[]} */
    const parts = [];
    const startedAt = performance.now();
    const endAt = startedAt + minutes * 60_000;
    const running = new Set();
    let sent = 0;
    let scrapedAt = startedAt;
    const partNow = () => {
      if (performance.now() >= endAt) return undefined;
      const index = Math.floor((performance.now() - startedAt) / partMs);
      parts[index] ??= { calls: 0, durationsMs: [] };
      return parts[index];
    };
    for (let now = startedAt; now < endAt; now = performance.now()) {
      for (const due = ((now - startedAt) / 1_000) * rate; sent < due; sent += 1) {
        const one = call(sent, partNow);
        running.add(one);
        void one.finally(() => running.delete(one));
      }
      if (now - scrapedAt > SCRAPE_MS) {
        scrapedAt = now;
        const { status } = await send(service.port, 'GET', '/metrics', {
          headers: { authorization: `Bearer ${API_KEY}` },
        });
        if (status === 200) scrapes += 1;
      }
      await delay(TICK_MS);
    }
    const late = running.size;
    await Promise.all(running);
    const resident = residentBytes(service.pid) / MIB;
    return report({ minutes, users, rate, partMs, parts, errors, crossed, late, scrapes, resident });
  } finally {
    agent.destroy();
    await service.stop();
    folder.remove();
  }
}

/** @param {{ minutes: number, users: number, rate: number, partMs: number, parts: readonly Part[], errors: ReadonlyMap<string, number>, crossed: number, late: number, scrapes: number, resident: number }} outcome */
function report({ minutes, users, rate, partMs, parts, errors, crossed, late, scrapes, resident }) {
  // The last one may be cut short.
  const whole = parts.slice(0, Math.max(2, Math.floor((minutes * 60_000) / partMs)));
  const rateOf = (/** @type {Part} */ part) => part.calls / (partMs / 1_000);
  const [first, last] = [whole[0], whole.at(-1)];
  const kept = rateOf(last) / rateOf(first);
  const failed = [...errors.values()].reduce((sum, count) => sum + count, 0);
  const calls = parts.reduce((sum, part) => sum + part.calls, 0);
  const times = (/** @type {Part} */ part) =>
    `${rateOf(part).toFixed(0)}/s, median ${quantile(part.durationsMs, 0.5).toFixed(1)} ms, 99 % ${quantile(part.durationsMs, 0.99).toFixed(1)} ms`;
  const breaches = [...errors].map(([what, count]) => `${count} × ${what}`);
  if (crossed > 0) breaches.push(`${crossed} answers of another's session`);
  if (scrapes === 0) breaches.push('the metrics were never read');
  if (kept < 1 - MAX_LOSS) breaches.push(`the end did ${(kept * 100).toFixed(1)} % of the beginning`);
  if (rateOf(last) < rate * (1 - MAX_LOSS)) breaches.push(`the machine does not do ${rate}/s`);
  const line =
    `${minutes} min, ${users} users with sessions of their own, ${rate}/s wanted: ${calls} calls, ${failed} errors, ` +
    `${crossed} crossed, ${late} late; first ${times(first)}; last ${times(last)} (${(kept * 100).toFixed(1)} %); ` +
    `${scrapes} scrapes; ${resident.toFixed(0)} MiB`;
  return { line, breaches };
}
