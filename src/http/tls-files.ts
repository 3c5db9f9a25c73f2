import { readFileSync } from 'node:fs';
import type { Server } from 'node:https';
import { createSecureContext } from 'node:tls';
import { watch } from 'chokidar';
import { ListenError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';

/** Certificate and key are written one after the other: both have rested when they are read. */
const REST_MS = 300;

export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Reads a certificate and its key for `node:tls`. Throws `ListenError` when they are no pair. */
export function readTlsFiles({ certFile, keyFile }: TlsFiles): { cert: Buffer; key: Buffer; minVersion: 'TLSv1.2' } {
  try {
    const pair = { cert: readFileSync(certFile), key: readFileSync(keyFile), minVersion: 'TLSv1.2' } as const;
    createSecureContext(pair);
    return pair;
  } catch (cause) {
    throw new ListenError(`--ssl-certfile "${certFile}" and --ssl-keyfile "${keyFile}" are no PEM pair.`, { cause });
  }
}

/** Takes over renewed files without a restart; a pair that cannot be used changes nothing. Ends with the server. */
export function reloadTlsFiles(server: Server, files: TlsFiles, logger: Logger): void {
  let timer: NodeJS.Timeout | undefined;
  const reload = () => {
    try {
      server.setSecureContext(readTlsFiles(files));
      logger.info('the renewed TLS certificate is in use');
    } catch (error) {
      logger.error('the renewed TLS certificate is not used', { reason: (error as Error).message });
    }
  };
  const watcher = watch([files.certFile, files.keyFile], { ignoreInitial: true });
  watcher.on('all', () => {
    clearTimeout(timer);
    timer = setTimeout(reload, REST_MS);
  });
  server.once('close', () => {
    clearTimeout(timer);
    void watcher.close();
  });
}
