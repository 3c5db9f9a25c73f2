import { connect, createServer, type Server, type Socket } from 'node:net';

/** Stands between the service and Redis, and can take the line away. */
export class RedisProxy {
  readonly #target: { readonly host: string; readonly port: number };
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;
  #isHanging = false;

  constructor(target: URL) {
    this.#target = { host: target.hostname, port: Number(target.port || 6379) };
  }

  /** The target's URL with the proxy's address in it. */
  urlOf(target: URL): string {
    const url = new URL(target);
    url.host = `127.0.0.1:${this.#port}`;
    return url.href;
  }

  /** Takes connections, always on the same port. */
  async listen(): Promise<void> {
    const server = createServer((client) => {
      const upstream = connect(this.#target);
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.#sockets.add(from);
        from.on('data', (data) => void (this.#isHanging || to.write(data)));
        from.on('error', () => undefined);
        from.on('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
      }
    });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(this.#port, '127.0.0.1', resolve);
    });
    const address = server.address();
    if (typeof address === 'object' && address !== null) this.#port = address.port;
  }

  /** Goes on taking connections, and passes nothing on, in either direction. */
  hang(): void {
    this.#isHanging = true;
  }

  /** Passes on what comes from now on; what came meanwhile is lost. */
  passOn(): void {
    this.#isHanging = false;
  }

  /** Ends every connection and takes no more. */
  async cut(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  }
}
