import { readFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { createServer, type Server, type ServerOptions } from 'node:https';
import { createSecureContext } from 'node:tls';
import { ListenError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import { WatchedFiles } from '../watched-files.ts';

const HANDSHAKE_TIMEOUT_MS = 15_000;

export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** An HTTPS server that picks up renewed files. Throws `ListenError` if certificate and key do not match. */
export function createTlsServer(
  files: TlsFiles,
  options: ServerOptions,
  listener: RequestListener,
  logger: Logger,
): Server {
  const server = createServer({ ...options, ...readTlsFiles(files), handshakeTimeout: HANDSHAKE_TIMEOUT_MS }, listener);
  reloadTlsFiles(server, files, logger);
  return server;
}

function readTlsFiles({ certFile, keyFile }: TlsFiles): { cert: Buffer; key: Buffer; minVersion: 'TLSv1.2' } {
  try {
    const pair = { cert: readFileSync(certFile), key: readFileSync(keyFile), minVersion: 'TLSv1.2' } as const;
    createSecureContext(pair);
    return pair;
  } catch (cause) {
    throw new ListenError(`--ssl-certfile "${certFile}" and --ssl-keyfile "${keyFile}" are not a matching PEM pair.`, {
      cause,
    });
  }
}

/** Picks up renewed files; those that do not match change nothing. Ends with the server. */
function reloadTlsFiles(server: Server, files: TlsFiles, logger: Logger): void {
  const watched = new WatchedFiles();
  for (const file of [files.certFile, files.keyFile]) watched.note(file);
  watched.start(() => {
    try {
      server.setSecureContext(readTlsFiles(files));
      logger.info('the renewed TLS certificate is in use');
    } catch (error) {
      logger.error('the renewed TLS certificate is not used', { reason: (error as Error).message });
    }
  });
  server.once('close', () => watched.stop());
}
