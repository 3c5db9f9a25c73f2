/** Editors write in several steps: the file is read when it has rested this long. */
const REST_MS = 200;

/** Calls back after each change of the file, also when it was replaced by renaming; returns how to end that. */
export async function watchServersFile(file: string, onChange: () => void): Promise<() => Promise<void>> {
  const { watch } = await import('chokidar');
  const watcher = watch(file, {
    ignoreInitial: true,
    awaitWriteFinish: { stabilityThreshold: REST_MS, pollInterval: REST_MS / 4 },
  });
  watcher.on('add', onChange).on('change', onChange);
  return () => watcher.close();
}
