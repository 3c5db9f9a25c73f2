/** What follows these flags of common launchers says what is run and where, and belongs into an error message. */
const harmlessFlags: ReadonlySet<string> = new Set(
  [
    '-y --yes -p --package -c --call -q --quiet --silent --prefer-offline', // npx
    '--from --with --python --directory --project --refresh --isolated', // uvx, uv
    '-m -u -I -B -W', // python
    '-i -t -it -ti --rm --init --name --network --pull --platform -v --volume --mount -w --workdir --entrypoint', // docker
    '--import --require -r --loader --experimental-loader -A --allow-all --allow-net --allow-env --allow-read', // node, deno
    '-h --help --version --verbose --debug --stdio --port --host --transport --log-level',
  ]
    .join(' ')
    .split(' '),
);

/**
 * The values that follow flags, as in `--api-key X`, `--api-key=X`, `-k X` and `-kX`: such a value may be a secret whatever
 * its flag is called. Of `-e NAME=X`, which passes a variable on, both `NAME=X` and `X`.
 */
export function argumentSecrets(args: readonly string[]): readonly string[] {
  const values: string[] = [];
  for (const [index, argument] of args.entries()) {
    const long = /^(--?[\w.-]+)=(.*)$/s.exec(argument);
    if (long !== null) {
      if (!harmlessFlags.has(long[1] ?? '')) values.push(long[2] ?? '');
      continue;
    }
    if (!/^-{1,2}[A-Za-z]/.test(argument) || harmlessFlags.has(argument)) continue;
    // A short flag with its value in one word.
    if (/^-[A-Za-z][^-]{7,}$/s.test(argument)) values.push(argument.slice(2));
    const next = args[index + 1];
    if (next !== undefined && !next.startsWith('-')) values.push(next);
  }
  return values.flatMap((value) => {
    const assigned = /^\w+=(.+)$/s.exec(value)?.[1];
    return assigned === undefined ? [value] : [value, assigned];
  });
}
