#!/usr/bin/env node
import { ProcessEvents } from './cli/process-events.ts';
import { ServiceSignals } from './cli/service-signals.ts';

const [first, ...rest] = process.argv.slice(2);
if (first === 'health') {
  // Asked every few seconds: without everything that other commands load.
  process.exitCode = await (await import('./cli/health.ts')).health(rest);
} else {
  // Before everything else is loaded, which takes longer than the rest of the start.
  const events = new ProcessEvents();
  const signals = new ServiceSignals();
  const { run } = await import('./cli/run.ts');
  process.exitCode = await run(process.argv.slice(2), signals, events);
}
