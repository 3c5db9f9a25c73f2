import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect } from '@jest/globals';
import { parse } from 'jsonc-parser';
import { METRICS } from '../../src/telemetry/metrics/metric-definitions.ts';
import {
  fixture,
  repositoryFolder,
  runCommand,
  type Service,
  startService,
  temporaryFolder,
  test,
  waitFor,
} from '../e2e/harness.ts';

const prometheus = join(repositoryFolder, 'deploy/prometheus');
const rulesFile = join(prometheus, 'mcpo-ts.rules.yml');
const rules = readFileSync(rulesFile, 'utf8');
const dashboard = parse(readFileSync(join(repositoryFolder, 'deploy/grafana/mcpo-ts.json'), 'utf8')) as Dashboard;

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
}

/** Prints what promtool says; throws it where promtool is not content. */
function promtool(args: readonly string[], input?: string): string {
  return execFileSync('promtool', args, { encoding: 'utf8', cwd: prometheus, input });
}

/** Expressions of the dashboard as Prometheus gets them. */
const dashboardExpressions = dashboard.panels
  .flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
  .map((expr) => expr.replaceAll('$__rate_interval', '5m').replace(/\$(job|instance|server)/g, '.*'));

/** Every metric that a text names; `up` is Prometheus's own. */
function namedMetrics(text: string): readonly string[] {
  return [...new Set(text.match(/\b(?:mcpo|nodejs|process)_[a-z0-9_]+\b/g))].sort();
}

describe('rules and scrape configuration', () => {
  test('promtool accepts them, and its tests pass', () => {
    expect(promtool(['check', 'rules', rulesFile])).toContain('SUCCESS');
    expect(promtool(['test', 'rules', join(prometheus, 'tests/mcpo-ts.test.yml')])).toContain('SUCCESS');
    const folder = temporaryFolder();
    const config = readFileSync(join(prometheus, 'prometheus.yml'), 'utf8');
    writeFileSync(join(folder, 'key'), 'x');
    writeFileSync(join(folder, 'mcpo-ts.rules.yml'), rules);
    writeFileSync(
      join(folder, 'prometheus.yml'),
      config.replace(/credentials_file: .*/, `credentials_file: ${join(folder, 'key')}`),
    );
    expect(promtool(['check', 'config', join(folder, 'prometheus.yml')])).toContain('SUCCESS');
  });

  test('each alert has a summary, a description, what to do, and a test', () => {
    const alerts = rules.split(/^ +- alert: /m).slice(1);
    expect(alerts.length).toBeGreaterThan(20);
    const tests = readFileSync(join(prometheus, 'tests/mcpo-ts.test.yml'), 'utf8');
    for (const alert of alerts) {
      const [name = ''] = alert.split('\n', 1);
      for (const key of ['severity', 'summary', 'description', 'action']) expect(alert).toContain(` ${key}: `);
      expect(tests).toContain(`alertname: ${name}\n`);
    }
  });

  test('promtool reads every expression of the dashboard', () => {
    const recorded = dashboardExpressions.map((expr, index) => ({ record: `expression_${index}`, expr }));
    const file = join(temporaryFolder(), 'dashboard.yml');
    // JSON is YAML.
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules: recorded }] }));
    expect(promtool(['check', 'rules', file])).toContain(`SUCCESS: ${recorded.length} rules`);
  });
});

describe('the metrics of a service', () => {
  const key = 'all-of-it-4Td9sXc7HjMu2Wq6';
  const scraper = { authorization: `Bearer ${key}` };
  const user = { ...scraper, 'x-openwebui-user-id': 'ann' };
  let service: Service;
  let names: ReadonlySet<string>;
  let text: string;

  beforeAll(async () => {
    const folder = temporaryFolder();
    const mine = { ...fixture('whoami.js'), env: { TOKEN: '${TOKEN}' }, userVars: { TOKEN: { title: 'Token' } } };
    const limits = { memoryMb: 900, cpuSeconds: 1_000, files: 300 };
    const dataDir = join(folder, 'data');
    service = await startService({
      config: {
        mcpServers: { answers: fixture('answers.js', [], { limits }), mine },
        auth: {
          keys: [{ id: 'a', hash: hash('sha256', key), scopes: ['call', 'vault', 'metrics'], assertsUser: true }],
        },
      },
      env: {
        MCPO_TRUST_USER_HEADERS: 'true',
        MCPO_DATA_DIR: dataDir,
        SECURITY_LOG_FILE: join(folder, 'audit.log'),
        // Nothing listens there.
        MCPO_REDIS_URL: 'redis://127.0.0.1:1',
      },
    });
    await service.call('answers', 'text', {}, user);
    await service.call('mine', 'whoami', {}, user);
    const env = { MCPO_DATA_DIR: dataDir, MCPO_BACKUP_PASSPHRASE: 'r8UcP3nYw6Kd1Zt5' };
    const backup = await runCommand(['backup', join(folder, 'backup.age')], { env });
    expect([backup.code, backup.stderr]).toEqual([0, expect.anything()]);
    await service.get('/metrics', scraper);
    // The event loop has figures after some turns.
    text = await waitFor(async () => {
      const answer = await service.get('/metrics', scraper);
      return /^nodejs_eventloop_lag_p99_seconds /m.test(answer.text) ? answer.text : undefined;
    });
    names = new Set(text.split('\n').flatMap((line) => /^([a-z][a-z0-9_]*)(?:\{| )/.exec(line)?.[1] ?? []));
  }, 60_000);

  test('promtool has nothing to say about them', () => {
    expect(promtool(['check', 'metrics'], text)).toBe('');
  });

  test('every metric that a rule names is in a scrape', () => {
    expect(namedMetrics(rules).filter((name) => !names.has(name))).toEqual([]);
  });

  test('every metric that the dashboard names is in a scrape', () => {
    const definitions = dashboard.templating.list.map(({ definition = '' }) => definition);
    const named = namedMetrics([...dashboardExpressions, ...definitions].join('\n'));
    expect(named.length).toBeGreaterThan(30);
    expect(named.filter((name) => !names.has(name))).toEqual([]);
  });

  test('every metric that is defined is in a scrape, but for the limit that needs a user of its own', () => {
    const written = (name: string) => names.has(name) || names.has(`${name}_bucket`);
    expect(Object.keys(METRICS).filter((name) => !written(name))).toEqual(['mcpo_server_limit_processes']);
  });
});

test('panels of the dashboard do not overlap, and each has a title and a query', () => {
  const taken = new Map<string, string>();
  for (const { title, type, gridPos, targets = [] } of dashboard.panels) {
    expect(title).not.toBe('');
    expect(type === 'row' || targets.length > 0).toBe(true);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        expect([`${x},${y}`, taken.get(`${x},${y}`)]).toEqual([`${x},${y}`, undefined]);
        taken.set(`${x},${y}`, title);
      }
    }
    expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
  }
});
