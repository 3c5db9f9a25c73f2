#!/usr/bin/env node
import { ServiceSignals } from './cli/service-signals.ts';

// Before everything else is loaded, which takes longer than the rest of the start.
const signals = new ServiceSignals();
const { run } = await import('./cli/run.ts');
process.exitCode = await run(process.argv.slice(2), signals);
