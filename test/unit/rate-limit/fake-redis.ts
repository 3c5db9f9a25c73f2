import type { ConnectRedis } from '../../../src/rate-limit/redis-link.ts';
import type { LogFields, Logger } from '../../../src/telemetry/logger.ts';

/** A narrow Redis: it takes connections and answers each command, fails it, or says nothing, as it is told. */
export class FakeRedis {
  mode: 'answers' | 'refuses' | 'refuses commands' | 'hangs' = 'answers';
  attempts = 0;
  readonly commands: string[][] = [];
  readonly open = new Set<{ readonly cut: (error?: Error) => void }>();

  readonly connect: ConnectRedis = (onLost) => {
    this.attempts += 1;
    const waiting = new Set<(error: Error) => void>();
    const handle = { cut: onLost };
    const open = async () => {
      if (this.mode === 'refuses') throw Object.assign(new Error('to 192.0.2.7'), { code: 'ECONNREFUSED' });
      if (this.mode === 'hangs') await new Promise((_, reject) => waiting.add(reject));
      this.open.add(handle);
    };
    return {
      opened: open(),
      send: (command) =>
        new Promise((resolve, reject) => {
          this.commands.push([...command]);
          waiting.add(reject);
          if (this.mode === 'refuses commands') reject(new Error('OOM command not allowed at 192.0.2.7'));
          if (this.mode === 'answers') resolve('OK');
        }),
      destroy: () => {
        this.open.delete(handle);
        for (const reject of waiting) reject(new Error('destroyed'));
      },
    };
  };
}

/** A log that can be read, one `level message reason` a line. */
export function createLog(): { readonly lines: string[]; readonly logger: Logger } {
  const lines: string[] = [];
  const write = (level: string) => (message: string, fields?: LogFields) =>
    void lines.push([level, message, ...Object.values(fields ?? {})].join(' '));
  const logger = {
    error: write('error'),
    warn: write('warn'),
    info: write('info'),
    debug: write('debug'),
    isDebug: () => true,
  };
  return { lines, logger };
}
