import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import ts from 'typescript';
import { parse, parseAllDocuments } from 'yaml';
import { fixture, repositoryFolder, runCommand, startService, test, waitFor } from '../e2e/harness.ts';
import { freePort } from '../free-port.ts';

const folder = join(repositoryFolder, 'deploy/kubernetes');
const types: Readonly<Record<string, string>> = {
  Namespace: 'core/v1',
  ServiceAccount: 'core/v1',
  Service: 'core/v1',
  ConfigMap: 'core/v1',
  PersistentVolumeClaim: 'core/v1',
  Deployment: 'apps/v1',
  CronJob: 'batch/v1',
  Ingress: 'networking/v1',
  NetworkPolicy: 'networking/v1',
  PodDisruptionBudget: 'policy/v1',
  HorizontalPodAutoscaler: 'autoscaling/v2',
};

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
}
interface Container {
  readonly env: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly secretKeyRef: { readonly key: string } };
  }[];
  readonly args: readonly string[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly securityContext: object;
  readonly lifecycle: { readonly preStop: { readonly exec: { readonly command: readonly [string, string] } } };
}
interface PodSpec {
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: object;
  readonly containers: readonly [Container];
  readonly volumes: readonly {
    readonly name: string;
    readonly secret?: { readonly items: readonly { readonly key: string }[] };
  }[];
}

const base = readdirSync(join(folder, 'base'))
  .filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml')
  .flatMap((name) => read(join(folder, 'base', name)));
const kustomization = parse(readFileSync(join(folder, 'base/kustomization.yaml'), 'utf8')) as {
  resources: string[];
  configMapGenerator: { name: string; literals?: string[] }[];
};

function read(file: string): Manifest[] {
  // YAML 1.1, as kubectl reads it: 0400 is octal.
  return parseAllDocuments(readFileSync(file, 'utf8'), { version: '1.1' }).map(
    (document) => document.toJS() as Manifest,
  );
}

function find<Kind>(kind: string, name = 'mcpo-ts'): Kind {
  const found = base.find((one) => one.kind === kind && one.metadata.name === name);
  expect(found).toBeDefined();
  return found as Kind;
}

const pod = () => find<{ spec: { template: { spec: PodSpec } } }>('Deployment').spec.template.spec;
const settings = new Map(
  kustomization.configMapGenerator.flatMap(({ literals = [] }) =>
    literals.map((line) => line.split('=') as [string, string]),
  ),
);

test('every manifest has the fields of its kind, with the right types', () => {
  const place = mkdtempSync(join(repositoryFolder, '.tmp-kubernetes-'));
  try {
    const source = base.map((manifest, index) => {
      const group = types[manifest.kind];
      expect({ kind: manifest.kind, apiVersion: manifest.apiVersion }).toEqual({
        kind: manifest.kind,
        apiVersion:
          group === 'core/v1'
            ? 'v1'
            : expect.stringMatching(new RegExp(`^${group?.replace('networking', 'networking.k8s.io')}$`)),
      });
      return `import type { ${manifest.kind} as Kind${index} } from 'kubernetes-types/${group}';\nexport const manifest${index}: Kind${index} = ${JSON.stringify(manifest, null, 2)};\n`;
    });
    const file = join(place, 'manifests.ts');
    writeFileSync(file, source.join('\n'));
    const program = ts.createProgram([file], {
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
    });
    const problems = ts.getPreEmitDiagnostics(program).map(({ messageText, file: at, start = 0 }) => {
      const line = at?.text.slice(start, start + 60).split('\n')[0];
      return `${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
    });
    expect(problems).toEqual([]);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
});

test('what is named is there: files, secrets, ports, volumes', () => {
  const files = readdirSync(join(folder, 'base')).filter(
    (name) => name.endsWith('.yaml') && name !== 'kustomization.yaml',
  );
  expect([...kustomization.resources].sort()).toEqual(files.sort());
  const readme = readFileSync(join(folder, 'README.md'), 'utf8');
  const made = [...readme.matchAll(/--from-literal=([a-z-]+)=/g)].map(([, key]) => key);
  const job = find<{ spec: { jobTemplate: { spec: { template: { spec: PodSpec } } } } }>('CronJob', 'mcpo-ts-backup');
  for (const spec of [pod(), job.spec.jobTemplate.spec.template.spec]) {
    const [{ env, volumeMounts }] = spec.containers;
    const references = env.flatMap(({ valueFrom }) => (valueFrom ? [valueFrom.secretKeyRef.key] : []));
    const items = spec.volumes.flatMap(({ secret }) => secret?.items.map(({ key }) => key) ?? []);
    for (const key of [...references, ...items]) expect(made).toContain(key);
    for (const { name, value } of env) {
      if (name.endsWith('_FILE') && name.startsWith('MCPO')) expect(items).toContain(value?.split('/').at(-1));
    }
    for (const { name } of volumeMounts) expect(spec.volumes.map((volume) => volume.name)).toContain(name);
    expect(spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 1000,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(spec.containers[0].securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
  }
  const documented = readFileSync(join(repositoryFolder, 'docs/configuration.md'), 'utf8');
  const variables = [...settings.keys(), ...pod().containers[0].env.map(({ name }) => name.replace(/_FILE$/, ''))];
  for (const name of variables) expect({ name, isKnown: documented.includes(name) }).toEqual({ name, isKnown: true });
});

test('a pod is given more time to end than it takes', () => {
  const { terminationGracePeriodSeconds, containers } = pod();
  const [, preStop] = containers[0].lifecycle.preStop.exec.command;
  const sum =
    Number(preStop) + Number(settings.get('MCPO_PRE_STOP_SECONDS')) + Number(settings.get('MCPO_DRAIN_SECONDS'));
  expect(sum).toBeGreaterThan(0);
  expect(terminationGracePeriodSeconds).toBeGreaterThan(sum + 10);
});

test('the service starts with the settings of the ConfigMap, answers the probes and has the metric of the autoscaler', async () => {
  const port = await freePort();
  const service = await startService({
    servers: { answers: fixture('answers.js') },
    env: {
      ...Object.fromEntries(settings),
      MCPO_METRICS_PORT: String(port),
      MCPO_METRICS_HOST: '127.0.0.1',
      MCPO_API_KEY: 'Kq83hZp0Lw7cXr2vTn5mYs1d',
    },
  });
  // A probe calls the pod by its address.
  const host = { host: '10.1.2.3:8000' };
  expect((await service.get('/healthz', host)).status).toBe(200);
  await waitFor(async () => (await service.get('/readyz', host)).status === 200);
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const scaler = find<{ spec: { metrics: { pods?: { metric: { name: string } } }[] } }>('HorizontalPodAutoscaler');
  const name = scaler.spec.metrics.find(({ pods }) => pods)?.pods?.metric.name;
  expect(text).toMatch(new RegExp(`^${name}[{ ]`, 'm'));
  for (const file of ['base/servers.json', 'example/servers.json']) {
    expect(await runCommand(['check', '--config', join(folder, file)])).toMatchObject({ code: 0 });
  }
});

const hasKubectl = spawnSync('kubectl', ['version', '--client']).status === 0;
const withKubectl = hasKubectl ? test : (name: string) => console.warn(`not run, no kubectl here: ${name}`);

withKubectl('the overlay builds, keeps the name of the servers file, and restarts pods when settings change', () => {
  expect(existsSync(join(folder, 'example/kustomization.yaml'))).toBe(true);
  const { stdout, stderr, status } = spawnSync('kubectl', ['kustomize', join(folder, 'example')], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const built = parseAllDocuments(stdout, { version: '1.1' }).map((document) => document.toJS() as Manifest);
  const maps = built.filter(({ kind }) => kind === 'ConfigMap').map(({ metadata }) => metadata.name);
  expect(maps).toContain('mcpo-ts-servers');
  const generated = maps.find((name) => name !== 'mcpo-ts-servers') ?? '';
  expect(generated).toMatch(/^mcpo-ts-[a-z0-9]{10}$/);
  const deployment = built.find(({ kind }) => kind === 'Deployment');
  expect(JSON.stringify(deployment)).toContain(generated);
  expect(JSON.stringify(built)).toContain('ghcr.io/example/mcpo-ts:0.1.0');
  const policy = built.find(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === 'mcpo-ts');
  expect(JSON.stringify(policy)).toContain('"app.kubernetes.io/name":"open-webui"');
});
