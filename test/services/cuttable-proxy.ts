import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface CuttableProxy {
  /** The URL with this proxy before its host. */
  readonly url: string;
  /** Ends every connection and takes no new one. */
  cut(): void;
  /** Leaves the connections as they are and passes nothing on, as a network does that loses packets. */
  swallow(): void;
  restore(): void;
  close(): Promise<void>;
}

/** Stands between a test and a server that other tests use as well. */
export async function startProxy(target: string): Promise<CuttableProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let state: 'open' | 'cut' | 'swallowing' = 'open';
  const pipe = (from: Socket, to: Socket) => {
    sockets.add(from);
    from.on('data', (chunk) => {
      if (state === 'open') to.write(chunk);
    });
    from.on('error', () => from.destroy());
    from.on('close', () => {
      sockets.delete(from);
      to.destroy();
    });
  };
  const server = createServer((socket) => {
    if (state === 'cut') {
      socket.destroy();
      return;
    }
    const upstream = connect(Number(port || 5432), hostname);
    pipe(socket, upstream);
    pipe(upstream, socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  const end = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: url.href,
    cut: () => {
      state = 'cut';
      end();
    },
    swallow: () => {
      state = 'swallowing';
    },
    restore: () => {
      state = 'open';
    },
    close: async () => {
      end();
      server.close();
      await once(server, 'close');
    },
  };
}
