import { createServer, request } from 'node:http';
import { afterAll } from '@jest/globals';
import { freePort } from '../free-port.ts';

const fronts = new Set<() => void>();
afterAll(() => {
  for (const close of fronts) close();
});

/** One origin for several replicas, as a proxy without stickiness gives it: each request goes to the next replica. */
export interface ReplicaFront {
  readonly url: string;
  readonly port: number;
  /** The ports of the replicas; set once they have been started with this URL as their public one. */
  replicas: readonly number[];
  /** How many requests each replica got, by port. */
  readonly passed: Map<number, number>;
}

export async function startFront(): Promise<ReplicaFront> {
  const port = await freePort();
  const front: ReplicaFront = { url: `http://127.0.0.1:${port}`, port, replicas: [], passed: new Map() };
  let turn = 0;
  const server = createServer((incoming, outgoing) => {
    const target = front.replicas[turn++ % front.replicas.length] ?? 0;
    front.passed.set(target, (front.passed.get(target) ?? 0) + 1);
    const { method, url: path, headers } = incoming;
    const passedOn = request({ host: '127.0.0.1', port: target, method, path, headers, agent: false }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    passedOn.on('error', () => outgoing.destroy());
    incoming.pipe(passedOn);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  fronts.add(() => {
    server.closeAllConnections();
    server.close();
  });
  return front;
}
