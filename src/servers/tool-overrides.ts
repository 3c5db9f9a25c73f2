import type { ToolOverride } from '../config/tool-overrides.ts';
import type { ToolDefinition } from '../mcp/session.ts';

export type ToolOverrides = ReadonlyMap<string, ToolOverride>;

/** What the admin says about a tool, by the server's own name for it. */
export function overrideOf(overrides: ToolOverrides | undefined, ownName: string): ToolOverride | undefined {
  return overrides?.size ? overrides.get(ownName.normalize('NFC')) : undefined;
}

/** The tool as callers and documents see it. A new name replaces the title as well, which would show the former one. */
export function withOverride(definition: ToolDefinition, override: ToolOverride | undefined): ToolDefinition {
  if (override === undefined) return definition;
  const { name, description } = override;
  const { title, annotations, ...rest } = definition;
  const titles = name === undefined ? { title, annotations } : { annotations: withoutTitle(annotations) };
  return { ...rest, ...titles, ...(name && { name }), ...(description === undefined ? {} : { description }) };
}

/** The server's own names that a tool called by one of these names may have. */
export function ownNamesOf(names: readonly string[], overrides: ToolOverrides | undefined): readonly string[] {
  if (!overrides?.size) return names;
  const composed = new Set(names.map((name) => name.normalize('NFC')));
  const renamed = [...overrides].filter(([, { name }]) => name !== undefined && composed.has(name));
  return [...names, ...renamed.map(([ownName]) => ownName)];
}

function withoutTitle(annotations: ToolDefinition['annotations']): ToolDefinition['annotations'] {
  if (annotations?.title === undefined) return annotations;
  const { title: _, ...rest } = annotations;
  return rest;
}
