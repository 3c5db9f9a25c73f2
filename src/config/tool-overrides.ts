import { z } from 'zod';
import { isObject, text } from './shapes.ts';

const NAME = /^[\p{L}\p{M}\p{N}_.-]{1,128}$/u;
const NAME_RULE =
  'must be 1 to 128 letters, digits, "_", "-" or "." (and not dots only), because it is part of the URL.';

/** With composed letters (NFC), as the names of tools are compared with them. */
const newName = text
  .transform((name) => name.normalize('NFC'))
  .refine((name) => NAME.test(name) && !/^\.+$/.test(name), NAME_RULE);

const toolOverride = z.strictObject({
  name: newName
    .optional()
    .describe(
      "What callers see in place of the tool's name; rules such as `access` and `disabledTools` keep the tool's own.",
    ),
  description: text.optional().describe('Replaces the description of the tool; `""` for none.'),
  hidden: z
    .boolean()
    .default(false)
    .describe('Left out of documents and pages; it can still be called by its path, by whoever may call it.'),
});

export type ToolOverride = Readonly<z.infer<typeof toolOverride>>;

/** `tools` of a server: what callers see of a tool, by the server's own name for it. */
export const toolOverrides = z
  .preprocess(
    (given) => (isObject(given) ? new Map(Object.entries(given)) : isAll(given) ? new Map() : given),
    z.map(text, toolOverride, {
      error: ({ code }) =>
        code === 'invalid_type'
          ? 'must be an object that maps the name of a tool to what callers see of it; a list of the tools to enable is "enabledTools".'
          : undefined,
    }),
  )
  .superRefine((overrides, issues) => {
    const taken = new Map<string, string>();
    for (const [ownName, { name }] of overrides) {
      if (name === undefined) continue;
      const other = taken.get(name);
      if (other === undefined) taken.set(name, ownName);
      else {
        const message = `${JSON.stringify(name)} is the new name of ${JSON.stringify(other)} already; two tools cannot have one name.`;
        issues.addIssue({ code: 'custom', path: [ownName, 'name'], message });
      }
    }
  })
  .transform((overrides): ReadonlyMap<string, ToolOverride> => composed(overrides));

/** Other clients write it for "every tool". */
function isAll(given: unknown): boolean {
  return Array.isArray(given) && given.length === 1 && given[0] === '*';
}

function composed(overrides: ReadonlyMap<string, ToolOverride>): ReadonlyMap<string, ToolOverride> {
  return new Map([...overrides].map(([ownName, override]) => [ownName.normalize('NFC'), override]));
}
