import type { Finding } from './check-compiler.ts';

/**
 * The findings from which a caller learns what to change: where no alternative of an `anyOf` or `oneOf` holds, those of the
 * one that came closest (by its tag, its type, then its number of findings), and one finding where all of them ask
 * for another type or another tag.
 */
export function closestFindings(findings: readonly Finding[]): Finding[] {
  const kept: Finding[] = [];
  for (const finding of findings) {
    // The findings of "then" or "else" precede that of "if".
    if (finding.keyword === 'if') continue;
    if (/^(anyOf|oneOf|contains|propertyNames)$/.test(finding.keyword)) {
      // The findings inside directly precede it.
      const inside: Finding[] = [];
      for (let last = kept.at(-1); last !== undefined && isInside(last, finding); last = kept.at(-1)) {
        inside.unshift(last);
        kept.pop();
      }
      for (const closest of choose(finding, inside)) kept.push(closest);
    } else kept.push(finding);
  }
  return kept;
}

function choose(whole: Finding, inside: readonly Finding[]): readonly Finding[] {
  const { keyword, params } = whole;
  if (!/Of$/.test(keyword) || Array.isArray(params.passingSchemas)) return [whole];
  const branches = new Map<string, Finding[]>();
  for (const finding of inside) {
    const branch = finding.schemaPath.slice(whole.schemaPath.length + 1).split('/', 1)[0] ?? '';
    const findings = branches.get(branch);
    if (findings === undefined) branches.set(branch, [finding]);
    else findings.push(finding);
  }
  let best: { readonly findings: readonly Finding[]; readonly distance: number } | undefined;
  for (const findings of branches.values()) {
    const distance = distanceOf(findings, whole.instancePath);
    if (best === undefined || distance < best.distance) best = { findings, distance };
  }
  if (best === undefined) return [whole];
  if (best.distance < OTHER_TAG) return best.findings;
  return [merged([...branches.values()].flat(), whole, best.distance)];
}

const OTHER_TAG = 1e6;
const OTHER_TYPE = 1e7;

/** A branch of another type is farther than one with another tag, and that is farther than any number of findings. */
function distanceOf(findings: readonly Finding[], place: string): number {
  if (findings.some(({ keyword, instancePath }) => keyword === 'type' && instancePath === place)) return OTHER_TYPE;
  return findings.some((finding) => isTag(finding, place)) ? OTHER_TAG : findings.length;
}

/** The value itself, or a property of it, has to be one of certain values. */
function isTag({ keyword, instancePath }: Finding, place: string): boolean {
  return (keyword === 'const' || keyword === 'enum') && !instancePath.slice(place.length + 1).includes('/');
}

/** One finding for all alternatives: the types that they ask for, or the values. */
function merged(findings: readonly Finding[], { instancePath: place, schemaPath }: Finding, distance: number): Finding {
  if (distance === OTHER_TAG) {
    const tags = findings.filter((finding) => isTag(finding, place));
    const tagPath = tags[0]?.instancePath ?? place;
    const allowedValues = tags.flatMap(({ keyword, instancePath, params }) => {
      if (instancePath !== tagPath) return [];
      return keyword === 'const' ? [params.allowedValue] : (params.allowedValues as unknown[]);
    });
    return {
      keyword: 'enum',
      instancePath: tagPath,
      schemaPath,
      params: { allowedValues: [...new Set(allowedValues)] },
    };
  }
  const types = findings.filter(({ keyword, instancePath }) => keyword === 'type' && instancePath === place);
  const type = [...new Set(types.flatMap(({ params }) => [params.type].flat()))];
  return { keyword: 'type', instancePath: place, schemaPath, params: { type } };
}

function isInside(finding: Finding, { instancePath, schemaPath }: Finding): boolean {
  const isBelow = finding.instancePath === instancePath || finding.instancePath.startsWith(`${instancePath}/`);
  return isBelow && finding.schemaPath.startsWith(`${schemaPath}/`);
}
