/** As much of a request as tells who calls; node's own `IncomingMessage` is one. */
export interface AuthRequest {
  /** Names and values in turn, as they came: here duplicates are still seen. */
  readonly rawHeaders: readonly string[];
}

/** All values of a header; `name` in lower case. */
export function headerValues({ rawHeaders }: AuthRequest, name: string): readonly string[] {
  const values: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const given = rawHeaders[index] ?? '';
    if (given.length === name.length && given.toLowerCase() === name) values.push((rawHeaders[index + 1] ?? '').trim());
  }
  return values;
}
