import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/**
 * Passes connections on to a host until it is cut: then open ones are reset and new ones refused, until it is mended.
 * @param {string} host @param {number} port
 */
export async function startProxy(host, port) {
  /** @type {Set<import('node:net').Socket>} */
  const sockets = new Set();
  let accepted = 0;
  const server = createServer((near) => {
    accepted += 1;
    const far = connect(port, host);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  const listen = async (/** @type {number} */ at) => {
    server.listen(at, '127.0.0.1');
    await once(server, 'listening');
  };
  await listen(0);
  const address = server.address();
  const openPort = typeof address === 'object' && address !== null ? address.port : 0;
  const cut = () => {
    if (server.listening) server.close();
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return { port: openPort, accepted: () => accepted, cut, mend: () => listen(openPort), close: cut };
}
